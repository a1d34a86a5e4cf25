//! How often does code name a check of rights? Names are data in `checks.toml`; what a check proves is not understood.

use serde::Deserialize;

const SOURCE: &str = include_str!("checks.toml");
/// Lines that bring names in from elsewhere use none of them.
const IMPORTS: [&str; 6] = ["import ", "from ", "use ", "using ", "#include", "require("];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    names: Vec<String>,
}

/// Parts of the names of checks, in lower case and without underscores.
pub(crate) fn names() -> Vec<String> {
    let checks: Result<Checks, _> = toml::from_str(SOURCE);
    checks.map(|checks| checks.names).unwrap_or_default()
}

/// Names in the code that hold one of these.
pub(crate) fn count(code: &str, names: &[String]) -> usize {
    let lines = code.lines().map(str::trim_start);
    let used = lines.filter(|line| !IMPORTS.iter().any(|import| line.starts_with(import)));
    let words = used.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let plain = words.map(|word| word.replace('_', "").to_ascii_lowercase());
    plain
        .filter(|word| names.iter().any(|name| word.contains(name.as_str())))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_known_however_a_language_writes_their_names() {
        let names = names();
        assert!(names.len() > 20);
        for line in [
            "if not user.is_admin:",
            "@PreAuthorize()",
            "before_action :authenticate_user!",
            "requireLogin(req)",
            "if !ctx.HasPermission(p) {",
            "raise PermissionDenied",
            "@login_required",
        ] {
            assert_eq!(count(line, &names), 1, "{line}");
        }
        for line in [
            "from auth import login_required",
            "total = add(a, b)",
            "admin = 1",
        ] {
            assert_eq!(count(line, &names), 0, "{line}");
        }
    }
}
