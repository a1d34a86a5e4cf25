//! Which files configure a scanner? None of them may reach one from the branch that it looks at.

use std::sync::LazyLock;

/// The known names, as the data file beside this one lists them.
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let lines = include_str!("configurations.txt").lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// Whether a scanner would take the file at `path` for its configuration.
pub(super) fn configures_a_scanner(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    NAMES.iter().any(|known| match known.contains('/') {
        true => {
            let before = path.strip_suffix(known);
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        }
        false => name == *known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_configure_scanners_are_known_in_every_folder_and_spelling() {
        for path in [
            ".gitleaksignore",
            "a/b/.gitleaks.toml",
            ".GitLeaksIgnore",
            ".semgrepignore",
            "web/.trivyignore",
            ".bandit",
            "osv-scanner.toml",
            "deny.toml",
            "config/brakeman.ignore",
            "x/.cargo/audit.toml",
        ] {
            assert!(configures_a_scanner(path), "{path}");
        }
        for path in [
            "src/deny.rs",
            "gitleaks.md",
            "audit.toml",
            "xconfig/brakeman.ignore",
            "",
        ] {
            assert!(!configures_a_scanner(path), "{path}");
        }
    }
}
