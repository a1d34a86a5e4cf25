//! What is the name of a file in a repository? Bytes, and a text that stands for exactly these bytes.

use std::fmt;

/// A path from the top of a repository, as git stores it: bytes, parts set apart by `/`.
///
/// Its text ([`fmt::Display`]) is the path itself wherever that can be shown. Bytes that are not UTF-8, control
/// characters and characters that change the direction of writing are shown as `\xff`, a backslash as `\\`, so
/// that two paths never have the same text and [`RepoPath::from_text`] finds the way back. Folders in front of an
/// odd name stay as they are: a rule on `docs/**` holds for every name below `docs/`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// The path of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The path that is shown as `text`; a backslash that begins no escape stands for itself.
    pub fn from_text(text: &str) -> Self {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let (byte, after) = match (first, escaped(after)) {
                (b'\\', Some((byte, after))) => (byte, after),
                (_, _) => (*first, after),
            };
            bytes.push(byte);
            rest = after;
        }
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it has no part.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its parts.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// What comes after `folder` and its slash; none if it does not lie in there.
    pub fn below(&self, folder: &str) -> Option<Self> {
        let rest = self.0.strip_prefix(folder.as_bytes())?;
        rest.strip_prefix(b"/").map(|name| Self(name.to_owned()))
    }

    /// Whether it is `folder` or lies in it.
    pub fn is_within(&self, folder: &Self) -> bool {
        let rest = self.0.strip_prefix(folder.as_bytes());
        folder.is_empty() || rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }

    /// Whether it holds a control character: such a name reaches terminals and line-wise tools as something else.
    pub fn has_control(&self) -> bool {
        let text = String::from_utf8_lossy(&self.0);
        text.chars().any(char::is_control)
    }
}

/// The byte that the text after a backslash stands for, and what follows.
fn escaped(after: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match after {
        [b'\\', rest @ ..] => Some((b'\\', rest)),
        [b'x', high, low, rest @ ..] => {
            let byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
            Some((byte, rest))
        }
        _ => None,
    }
}

/// Characters that make a name look like another one: they turn the direction of what follows.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| {
            bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
        };
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() || turns(c) {
                    hex(f, c.encode_utf8(&mut [0; 4]).as_bytes())?;
                } else if c == '\\' {
                    f.write_str("\\\\")?;
                } else {
                    write!(f, "{c}")?;
                }
            }
            hex(f, chunk.invalid())?;
        }
        Ok(())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl From<&str> for RepoPath {
    /// The path of the bytes of `path`, which is no text with escapes.
    fn from(path: &str) -> Self {
        Self(path.as_bytes().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_that_can_be_shown_is_its_own_text() {
        for path in ["a.txt", "docs/grüße.md", "a b/'c'\"", "日本/👩‍💻"] {
            assert_eq!(RepoPath::from(path).to_string(), path);
        }
    }

    #[test]
    fn text_stands_for_one_path_and_leads_back_to_it() {
        let odd: [&[u8]; 9] = [
            b"bad-\xff.txt",
            b"bad-\xfe.txt",
            b"bad-\\xff.txt",
            b"a\\b",
            b"a\\\\b",
            b"new\nline\x1b[2K",
            "\u{202e}fdp.exe".as_bytes(),
            b"\xf0\x9f",
            b"\\",
        ];
        let mut texts: Vec<String> = odd.iter().map(|p| RepoPath::new(*p).to_string()).collect();
        for (path, text) in odd.iter().zip(&texts) {
            assert_eq!(RepoPath::from_text(text).as_bytes(), *path, "{text}");
            assert!(!text.chars().any(|c| c.is_control() || turns(c)), "{text}");
        }
        assert_eq!(texts[0], "bad-\\xff.txt");
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), odd.len());
    }

    #[test]
    fn folder_of_a_path_ends_at_a_slash() {
        let path = RepoPath::new(&b"docs/work-items/S-1/\xff"[..]);
        assert_eq!(
            path.below("docs/work-items/S-1").unwrap().as_bytes(),
            b"\xff"
        );
        assert_eq!(path.below("docs/work-items/S"), None);
        assert!(path.is_within(&"docs".into()) && path.is_within(&"".into()));
        assert!(!path.is_within(&"doc".into()));
    }
}
