//! Does a path match a pattern of the settings?
//!
//! A pattern without a slash is matched against the file's name anywhere in the repository, one with a slash
//! against the whole path. `*` stands for any characters of one part, `**` for any number of parts. Capital letters are
//! small ones: pip reads `Requirements.txt`, and some file systems know no difference.

/// Whether `path` matches `pattern`.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    if !pattern.contains('/') {
        return part(pattern, path.rsplit('/').next().unwrap_or(path));
    }
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    wildcard(&pattern, &path, |p| *p == "**", |p, t| part(p, t))
}

/// What is wrong with `pattern`; none if it can be used.
pub(crate) fn problem(pattern: &str) -> Option<String> {
    if pattern.trim().is_empty() {
        return Some("`manifests` holds an empty pattern; remove it".to_owned());
    }
    let parts = || pattern.split('/');
    if parts().any(|p| matches!(p, "" | "." | "..")) {
        return Some(format!(
            "`manifests`: `{pattern}` can match nothing; write the path from the repository's root, \
             such as `tools/requirements.txt`"
        ));
    }
    None
}

fn part(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    wildcard(
        &pattern,
        &text,
        |p| *p == '*',
        |p, t| p.eq_ignore_ascii_case(t),
    )
}

/// Matches with one point to return to, so that many stars cost no more than a product of the lengths.
fn wildcard<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    is_match: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(star) if is_star(star) => {
                retry = Some((p, t));
                p += 1;
            }
            Some(other) if is_match(other, &text[t]) => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    p = star + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_patterns_match_in_every_folder() {
        assert!(matches("requirements*.txt", "requirements.txt"));
        assert!(matches("requirements*.txt", "a/b/requirements-dev.txt"));
        assert!(matches("requirements*.txt", "Requirements.TXT"));
        assert!(!matches("requirements*.txt", "requirements/dev.txt"));
        assert!(!matches("Cargo.lock", "a/Cargo.lock.orig"));
    }

    #[test]
    fn path_patterns_match_the_whole_path() {
        assert!(matches("tools/*.txt", "tools/pins.txt"));
        assert!(!matches("tools/*.txt", "tools/a/pins.txt"));
        assert!(!matches("tools/*.txt", "x/tools/pins.txt"));
        assert!(matches("tools/**/*.txt", "tools/a/b/pins.txt"));
        assert!(matches("**/Cargo.lock", "Cargo.lock"));
    }

    #[test]
    fn patterns_that_can_match_nothing_are_refused() {
        for pattern in ["", " ", "/Cargo.lock", "./Cargo.lock", "a/../b", "a/"] {
            assert!(problem(pattern).is_some(), "{pattern}");
        }
        assert!(problem("**/Cargo.lock").is_none());
    }
}
