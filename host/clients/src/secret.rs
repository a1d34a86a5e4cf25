//! Where does a credential come from, and how is it kept out of everything that is written?

use std::fmt;
use std::path::PathBuf;

/// Longest credential, bytes: a file that is larger is none.
const SECRET_BYTES_MAX: usize = 16 * 1024;

/// Where a credential is. It is read at each use, so that one that was replaced is in force at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A file with nothing else in it but a line end.
    File(PathBuf),
    /// A variable of the host's environment.
    Env(String),
}

/// Why a credential is not there.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("{0} is empty or not set")]
    Empty(String),
    /// It is no credential.
    #[error(
        "{0} is no credential: it has more than {SECRET_BYTES_MAX} bytes or more than one line"
    )]
    Odd(String),
}

/// A credential. It shows itself nowhere but by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The credential itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Env(name) => write!(f, "variable `{name}`"),
        }
    }
}

impl SecretPlace {
    /// Checks that the credential is there.
    ///
    /// # Errors
    /// [`SecretError`] that names the place, and never what is in it.
    pub fn check(&self) -> Result<(), SecretError> {
        self.read().map(drop)
    }

    /// The credential as it is now. Editors end a file with a line end, and some begin it with a mark of its
    /// encoding: neither is part of it.
    pub(crate) fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Env(name) => std::env::var(name).unwrap_or_default(),
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(|source| SecretError::File {
                    path: path.clone(),
                    source,
                })?
            }
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Empty(self.to_string()));
        }
        if text.len() > SECRET_BYTES_MAX || text.contains(['\r', '\n', '\0']) {
            return Err(SecretError::Odd(self.to_string()));
        }
        Ok(Secret(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_end_and_mark_of_a_file_are_no_part_of_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |bytes: &str| {
            std::fs::write(&path, bytes).unwrap();
            SecretPlace::File(path.clone()).read()
        };
        for bytes in ["key", "key\n", "key\r\n", "\u{feff}key\r\n\n"] {
            let secret = read(bytes).unwrap();
            assert_eq!(secret.expose(), "key");
            assert!(!format!("{secret:?}").contains("key"));
        }
        for bytes in ["", "\n", "\u{feff}"] {
            assert!(matches!(read(bytes), Err(SecretError::Empty(_))));
        }
        assert!(matches!(read("two\nlines"), Err(SecretError::Odd(_))));
    }
}
