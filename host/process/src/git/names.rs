//! Which names in a work tree does git, or a file system that the repository will meet, take for something else?

use orch_domain::path::RepoPath;

/// Code points that some file systems leave out when they compare names.
const LEFT_OUT: [std::ops::RangeInclusive<char>; 4] = [
    '\u{200c}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{206a}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
];

/// Whether a new file of this name is refused: a part of it is `.git` in any spelling that some file system takes
/// for it, or holds a control character, which reaches terminals and line-wise tools as something else.
pub(super) fn is_forbidden(path: &RepoPath) -> bool {
    path.has_control() || path.parts().any(is_repository)
}

/// Whether a link of this name is refused: git reads the file of that name, and a link could lead anywhere.
pub(super) fn is_forbidden_link(path: &RepoPath) -> bool {
    path.parts().any(|part| {
        let name = plain(part);
        name == ".gitmodules" || is_short(&name, "gitmod~")
    })
}

fn is_repository(part: &[u8]) -> bool {
    // A backslash sets parts apart on other systems.
    part.split(|byte| *byte == b'\\').any(|part| {
        let name = plain(part);
        name == ".git" || name == "git~1"
    })
}

/// A name as the most forgiving file system compares it.
fn plain(part: &[u8]) -> String {
    let text = String::from_utf8_lossy(part).to_lowercase();
    let kept = |c: &char| !LEFT_OUT.iter().any(|range| range.contains(c));
    let text: String = text.chars().filter(kept).collect();
    // What follows a colon names a stream of the file.
    let text = text.split(':').next().unwrap_or_default();
    text.trim_end_matches([' ', '.']).to_owned()
}

/// Whether `name` is a short form that begins with `stem` and a digit.
fn is_short(name: &str, stem: &str) -> bool {
    let rest = name.strip_prefix(stem);
    rest.is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_in_any_spelling_is_refused_and_what_looks_similar_is_not() {
        for name in [
            ".git",
            ".GIT",
            ".Git/x",
            "a/.git",
            ".git ",
            ".git.",
            ".git . .",
            "GIT~1",
            "a\\.git",
            ".g\u{200c}it",
            ".git::$INDEX_ALLOCATION",
            "a/.git:x/y",
        ] {
            assert!(is_forbidden(&name.into()), "{name:?}");
        }
        for name in [
            ".gitignore",
            "git",
            ".github/x",
            "a.git",
            ".git-x",
            "git~2",
            "..git",
        ] {
            assert!(!is_forbidden(&name.into()), "{name:?}");
        }
        assert!(is_forbidden(&RepoPath::new(&b"a\nb"[..])));
        // A path of a submodule that ends so is another one where git reads its configuration back.
        assert!(is_forbidden(&RepoPath::new(&b"sub\r"[..])));
        assert!(!is_forbidden(&RepoPath::new(&b"caf\xe9.txt"[..])));
        assert!(is_forbidden_link(&".GITMODULES ".into()));
        assert!(is_forbidden_link(&"gitmod~3".into()));
        assert!(!is_forbidden_link(&"gitmodules".into()));
    }
}
