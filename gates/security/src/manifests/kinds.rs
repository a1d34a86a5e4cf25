//! What kind of manifest is a file, by its name?

use crate::patterns;

use super::{
    DART, DOTNET, ELIXIR, GO, JAVASCRIPT, JVM, Kind, PHP, PYTHON, RUBY, RUST, Reader as R, Role,
};

/// A kind of file: its ecosystem, what it is for, how it is read, and the patterns of its names.
type Row = (&'static str, Role, Option<R>, &'static [&'static str]);

/// Every kind that is known, the more particular names first.
const KINDS: &[Row] = &[
    (PYTHON, Role::Locks, Some(R::UvLock), &["uv.lock"]),
    (PYTHON, Role::Locks, Some(R::PoetryLock), &["poetry.lock"]),
    (PYTHON, Role::Locks, Some(R::PdmLock), &["pdm.lock"]),
    (
        PYTHON,
        Role::Locks,
        Some(R::Pylock),
        &["pylock.toml", "pylock.*.toml"],
    ),
    (PYTHON, Role::Locks, Some(R::PipfileLock), &["Pipfile.lock"]),
    (
        PYTHON,
        Role::Declares,
        Some(R::Pyproject),
        &["pyproject.toml"],
    ),
    (PYTHON, Role::Declares, Some(R::Pipfile), &["Pipfile"]),
    (PYTHON, Role::Declares, Some(R::SetupCfg), &["setup.cfg"]),
    (
        PYTHON,
        Role::Pins,
        Some(R::Requirements),
        &[
            "requirements*.txt",
            "requirements*.in",
            "requirements*.lock",
            "*requirements*.pip",
            "**/requirements/*.pip",
            "*-requires.txt",
            "*requirements.txt",
            "*requirements.in",
            "*constraints*.txt",
            "**/requirements/*.txt",
            "**/requirements/*.in",
            "**/requirements/**/*.txt",
            "**/constraints/*.txt",
        ],
    ),
    (
        JAVASCRIPT,
        Role::Locks,
        Some(R::PackageLock),
        &["package-lock.json", "npm-shrinkwrap.json"],
    ),
    (JAVASCRIPT, Role::Locks, Some(R::YarnLock), &["yarn.lock"]),
    (
        JAVASCRIPT,
        Role::Locks,
        Some(R::PnpmLock),
        &["pnpm-lock.yaml"],
    ),
    (JAVASCRIPT, Role::Locks, Some(R::BunLock), &["bun.lock"]),
    (JAVASCRIPT, Role::Locks, Some(R::DenoLock), &["deno.lock"]),
    (
        JAVASCRIPT,
        Role::Declares,
        Some(R::PackageJson),
        &["package.json"],
    ),
    (RUST, Role::Locks, Some(R::CargoLock), &["Cargo.lock"]),
    (GO, Role::Locks, Some(R::GoSum), &["go.sum", "go.work.sum"]),
    (GO, Role::Pins, Some(R::GoMod), &["go.mod"]),
    (
        RUBY,
        Role::Locks,
        Some(R::GemfileLock),
        &["Gemfile*.lock", "*.gemfile.lock", "gems*.locked"],
    ),
    (PHP, Role::Locks, Some(R::ComposerLock), &["composer.lock"]),
    (
        JVM,
        Role::Locks,
        Some(R::GradleLock),
        &[
            "gradle.lockfile",
            "buildscript-gradle.lockfile",
            "*.lockfile",
        ],
    ),
    (
        JVM,
        Role::Pins,
        Some(R::VersionCatalogue),
        &["libs.versions.toml", "*.versions.toml"],
    ),
    (JVM, Role::Pins, Some(R::Pom), &["pom.xml"]),
    (
        DOTNET,
        Role::Locks,
        Some(R::NugetLock),
        &["packages.lock.json"],
    ),
    (
        DOTNET,
        Role::Pins,
        Some(R::NugetXml),
        &[
            "*.csproj",
            "*.fsproj",
            "*.vbproj",
            "packages.config",
            "Directory.Packages.props",
            "Directory.Packages.targets",
            "Directory.Build.props",
        ],
    ),
    (ELIXIR, Role::Locks, Some(R::MixLock), &["mix.lock"]),
    (DART, Role::Locks, Some(R::PubspecLock), &["pubspec.lock"]),
    // Seen and not read. A lock file of the same ecosystem speaks for what only declares.
    (PYTHON, Role::Declares, None, &["setup.py"]),
    (
        PYTHON,
        Role::Locks,
        None,
        &[
            "conda-lock.yml",
            "*.conda-lock.yml",
            "pixi.lock",
            "environment.yml",
            "environment.yaml",
        ],
    ),
    (
        JAVASCRIPT,
        Role::Locks,
        None,
        &["bun.lockb", "bower.json", "shrinkwrap.yaml"],
    ),
    (RUST, Role::Declares, None, &["Cargo.toml"]),
    (
        RUBY,
        Role::Declares,
        None,
        &["Gemfile", "*.gemfile", "gems.rb", "*.gemspec"],
    ),
    (PHP, Role::Declares, None, &["composer.json"]),
    (
        JVM,
        Role::Declares,
        None,
        &[
            "build.gradle",
            "build.gradle.kts",
            "build.sbt",
            "ivy.xml",
            "project.clj",
            "deps.edn",
            "maven_install.json",
        ],
    ),
    (
        DOTNET,
        Role::Locks,
        None,
        &["project.assets.json", "paket.lock"],
    ),
    (ELIXIR, Role::Declares, None, &["mix.exs"]),
    (DART, Role::Declares, None, &["pubspec.yaml"]),
    (
        "Hackage",
        Role::Locks,
        None,
        &["cabal.project.freeze", "stack.yaml.lock"],
    ),
    ("CRAN", Role::Locks, None, &["renv.lock", "packrat.lock"]),
    ("Hex (rebar)", Role::Locks, None, &["rebar.lock"]),
    ("Julia", Role::Locks, None, &["Manifest.toml"]),
    ("SwiftURL", Role::Locks, None, &["Package.resolved"]),
    (
        "CocoaPods",
        Role::Locks,
        None,
        &["Podfile.lock", "Cartfile.resolved"],
    ),
    (
        "ConanCenter",
        Role::Locks,
        None,
        &["conan.lock", "conanfile.txt", "conanfile.py", "vcpkg.json"],
    ),
    // A name as that of a lock file, of an ecosystem that nobody here knows.
    (
        "not known here",
        Role::Locks,
        None,
        &[
            "*.lock",
            "*.lock.json",
            "*.lock.yaml",
            "*.lock.yml",
            "*.lock.hcl",
            "*-lock.json",
            "*-lock.yaml",
            "*-lock.yml",
            "*.locked",
        ],
    ),
];

/// Folders of what was installed rather than declared.
const INSTALLED: [&str; 2] = ["node_modules/", ".venv/"];

/// The patterns of every kind.
pub(crate) fn patterns() -> impl Iterator<Item = &'static str> {
    KINDS
        .iter()
        .flat_map(|(_, _, _, patterns)| patterns.iter().copied())
}

fn row(path: &str) -> Option<&'static Row> {
    KINDS.iter().find(|(_, _, _, patterns)| {
        let mut patterns = patterns.iter();
        patterns.any(|pattern| patterns::matches(pattern, path))
    })
}

/// Whether the name is that of a manifest, wherever it lies.
pub(crate) fn is_known_name(path: &str) -> bool {
    row(path).is_some()
}

/// The kind of the file at `path`; none for a name that is no manifest's, and for what only says of an installed
/// package what that asks for.
pub(crate) fn of(path: &str) -> Option<Kind> {
    let (ecosystem, role, reader, _) = row(path)?;
    let mut installed = INSTALLED.iter();
    let is_installed =
        installed.any(|folder| path.starts_with(folder) || path.contains(&format!("/{folder}")));
    let kind = Kind {
        ecosystem,
        role: *role,
        reader: *reader,
    };
    (!is_installed || *role != Role::Declares).then_some(kind)
}

/// Whether the lock file at `lock` can speak for the manifest at `path`: it lies beside it or further up.
pub(crate) fn covers(lock: &str, path: &str) -> bool {
    match lock.rsplit_once('/') {
        None => true,
        Some((folder, _)) => path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_of_the_world_are_known_by_their_names() {
        for (path, reader) in [
            ("requirements/base.txt", R::Requirements),
            ("a/requirements/ci/x.txt", R::Requirements),
            ("dev-requirements.txt", R::Requirements),
            ("requirements-dev.txt", R::Requirements),
            ("constraints.txt", R::Requirements),
            ("upper-constraints.txt", R::Requirements),
            ("requirements.in", R::Requirements),
            ("a/uv.lock", R::UvLock),
            ("pylock.dev.toml", R::Pylock),
            ("web/npm-shrinkwrap.json", R::PackageLock),
            ("go.sum", R::GoSum),
            ("go.work.sum", R::GoSum),
            ("requirements-dev.lock", R::Requirements),
            ("requirements/prod.pip", R::Requirements),
            ("gemfiles/rails_7.gemfile.lock", R::GemfileLock),
            ("Gemfile.next.lock", R::GemfileLock),
            ("gradle/libs.versions.toml", R::VersionCatalogue),
            ("src/Shop/Shop.csproj", R::NugetXml),
            ("pyproject.toml", R::Pyproject),
            ("Requirements.txt", R::Requirements),
            ("REQUIREMENTS-DEV.TXT", R::Requirements),
            ("web/Yarn.lock", R::YarnLock),
            ("pipfile.lock", R::PipfileLock),
            ("cargo.lock", R::CargoLock),
        ] {
            assert_eq!(
                of(path).and_then(|kind| kind.reader),
                Some(reader),
                "{path}"
            );
        }
        for path in [
            "bun.lockb",
            "Package.resolved",
            "Podfile.lock",
            "renv.lock",
            "Cargo.toml",
            "shop.gemspec",
            "flake.lock",
            "infra/.terraform.lock.hcl",
            "charts/a/Chart.lock",
        ] {
            assert_eq!(of(path).map(|kind| kind.reader), Some(None), "{path}");
        }
        for path in [
            "src/main.rs",
            "notes.txt",
            "requirements.md",
            "node_modules/a/package.json",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn lock_file_speaks_for_its_folder_and_those_below() {
        assert!(covers("uv.lock", "a/pyproject.toml") && covers("a/uv.lock", "a/pyproject.toml"));
        assert!(
            !covers("a/uv.lock", "pyproject.toml") && !covers("a/uv.lock", "ab/pyproject.toml")
        );
    }
}
