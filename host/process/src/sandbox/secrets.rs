//! Which files hold credentials by their name? They are empty inside, whichever mount would bring them along.

use std::path::{Path, PathBuf};

/// Files and folders of `/etc` that no program of a branch has to read.
const OF_SYSTEM: [&str; 40] = [
    "cups/ssl",
    "credstore",
    "credstore.encrypted",
    "docker",
    "environment",
    "exim4/passwd.client",
    "fstab",
    "gshadow",
    "gshadow-",
    "ipsec.d",
    "ipsec.secrets",
    "krb5.keytab",
    "kubernetes",
    "letsencrypt",
    "mysql/debian.cnf",
    "NetworkManager/system-connections",
    "netplan",
    "openvpn",
    "pki/tls/private",
    "polkit-1",
    "postfix/sasl_passwd",
    "postgresql",
    "ppp",
    "rancher",
    "security/opasswd",
    "shadow",
    "shadow-",
    "ssh/ssh_host_dsa_key",
    "ssh/ssh_host_ecdsa_key",
    "ssh/ssh_host_ed25519_key",
    "ssh/ssh_host_rsa_key",
    "ssl/private",
    "subgid",
    "subuid",
    "sudo.conf",
    "sudoers",
    "sudoers.d",
    "systemd/system",
    "wireguard",
    "wpa_supplicant",
];

/// Files and folders below a person's home.
const OF_HOME: [&str; 46] = [
    ".aws",
    ".azure",
    ".bash_history",
    ".boto",
    ".bundle/config",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude.json",
    ".claude/.credentials.json",
    ".codex/auth.json",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".config/containers/auth.json",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/glab-cli",
    ".config/hub",
    ".config/pip",
    ".config/pypoetry/auth.toml",
    ".config/rclone",
    ".config/uv/credentials.toml",
    ".docker",
    ".gem/credentials",
    ".git-credentials",
    ".gnupg",
    ".gradle/gradle.properties",
    ".gradle/init.d",
    ".ivy2/.credentials",
    ".kube",
    ".local/share/keyrings",
    ".local/share/uv/credentials",
    ".m2/settings-security.xml",
    ".m2/settings.xml",
    ".mcp-auth",
    ".netrc",
    ".npmrc",
    ".nuget/NuGet",
    ".password-store",
    ".pgpass",
    ".pip",
    ".pypirc",
    ".sbt/.credentials",
    ".ssh",
    ".terraform.d/credentials.tfrc.json",
    ".yarnrc.yml",
];

/// Names that are covered at the top of every mount.
const AT_A_TOP: [&str; 16] = [
    ".env",
    ".git-credentials",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".yarnrc.yml",
    "auth.json",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "etc/npmrc",
    "gradle.properties",
    "init.d",
    "settings-security.xml",
    "settings.xml",
    "conf/settings.xml",
];

/// Secrets of the system that are there.
pub(super) fn of_system() -> Vec<PathBuf> {
    there(Path::new("/etc"), &OF_SYSTEM)
}

/// Secrets of the person in whose home the host's toolchains lie.
pub(super) fn of_home(home: &Path) -> Vec<PathBuf> {
    there(home, &OF_HOME)
}

/// Secrets at the top of a mount that is only read.
pub(super) fn at_top(mount: &Path) -> Vec<PathBuf> {
    there(mount, &AT_A_TOP)
}

fn there(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    let paths = names.iter().map(|name| folder.join(name));
    paths
        .filter(|path| std::fs::symlink_metadata(path).is_ok())
        .collect()
}
