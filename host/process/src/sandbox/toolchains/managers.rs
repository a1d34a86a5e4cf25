//! Where do managers of tools keep what runs?

/// A manager of tools.
#[derive(Debug)]
pub(super) struct Manager {
    /// Name.
    pub(super) name: &'static str,
    /// Variable that names its folder.
    pub(super) variable: &'static str,
    /// Its folder below a home, if the variable is not set.
    pub(super) usual: &'static str,
    /// What runs in it.
    pub(super) parts: &'static [&'static str],
    /// Whether its tools have to be told where it lies when the home is another one.
    pub(super) is_told: bool,
}

const fn told(
    name: &'static str,
    variable: &'static str,
    usual: &'static str,
    parts: &'static [&'static str],
) -> Manager {
    Manager {
        name,
        variable,
        usual,
        parts,
        is_told: true,
    }
}

const fn untold(
    name: &'static str,
    variable: &'static str,
    usual: &'static str,
    parts: &'static [&'static str],
) -> Manager {
    Manager {
        is_told: false,
        ..told(name, variable, usual, parts)
    }
}

/// Those that are known. A folder that cargo, go and the like write to is not told: the program gets its own, or no
/// build could begin.
pub(super) const MANAGERS: &[Manager] = &[
    told(
        "rustup",
        "RUSTUP_HOME",
        ".rustup",
        &["toolchains", "settings.toml", "update-hashes"],
    ),
    untold("cargo", "CARGO_HOME", ".cargo", &["bin", "registry", "git"]),
    told(
        "pyenv",
        "PYENV_ROOT",
        ".pyenv",
        &[
            "bin",
            "libexec",
            "plugins",
            "pyenv.d",
            "shims",
            "version",
            "versions",
            "completions",
        ],
    ),
    told(
        "uv",
        "UV_PYTHON_INSTALL_DIR",
        ".local/share/uv/python",
        &["."],
    ),
    untold("uv", "UV_TOOL_DIR", ".local/share/uv/tools", &["."]),
    untold(
        "pipx",
        "PIPX_HOME",
        ".local/share/pipx",
        &["venvs", "shared"],
    ),
    untold("pipx", "PIPX_HOME", ".local/pipx", &["venvs", "shared"]),
    told(
        "nvm",
        "NVM_DIR",
        ".nvm",
        &["alias", "nvm-exec", "nvm.sh", "versions"],
    ),
    told(
        "fnm",
        "FNM_DIR",
        ".local/share/fnm",
        &["aliases", "node-versions"],
    ),
    told(
        "volta",
        "VOLTA_HOME",
        ".volta",
        &["bin", "hooks.json", "layout.v4", "tools"],
    ),
    told(
        "asdf",
        "ASDF_DATA_DIR",
        ".asdf",
        &[
            "asdf.sh", "bin", "installs", "lib", "libexec", "plugins", "shims",
        ],
    ),
    told(
        "mise",
        "MISE_DATA_DIR",
        ".local/share/mise",
        &["installs", "plugins", "shims"],
    ),
    told(
        "sdkman",
        "SDKMAN_DIR",
        ".sdkman",
        &["bin", "candidates", "libexec", "src"],
    ),
    told(
        "jenv",
        "JENV_ROOT",
        ".jenv",
        &["bin", "libexec", "shims", "version", "versions", "plugins"],
    ),
    told(
        "rbenv",
        "RBENV_ROOT",
        ".rbenv",
        &["bin", "libexec", "shims", "version", "versions", "plugins"],
    ),
    told(
        "ghcup",
        "GHCUP_INSTALL_BASE_PREFIX",
        ".ghcup",
        &["bin", "ghc"],
    ),
    told(
        "java",
        "JAVA_HOME",
        ".java-home",
        &["bin", "conf", "include", "jmods", "lib", "release"],
    ),
    told("go", "GOROOT", ".goroot", &["."]),
    untold("go", "GOPATH", "go", &["bin", "pkg/mod"]),
    untold("deno", "DENO_INSTALL", ".deno", &["bin"]),
    untold("bun", "BUN_INSTALL", ".bun", &["bin", "install/global"]),
    untold("nix", "NIX_STATE_DIR", ".nix-profile", &["."]),
    untold("homebrew", "HOMEBREW_PREFIX", ".linuxbrew", &["."]),
];
