//! Which version of a gate does the lock file allow?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The lock file as it was read: digests by gate name.
pub(super) struct Pins {
    file: PathBuf,
    digests: BTreeMap<String, String>,
}

/// Why a version may not serve, and what would let it, apart from each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct PinRefusal {
    what: String,
    remedy: String,
}

impl PinRefusal {
    /// What would let it serve.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// Both in one line, for where there is only one.
    pub(super) fn in_full(&self) -> String {
        format!("{}; {}", self.what, self.remedy)
    }
}

impl Pins {
    /// Reads the lock file; without one nothing is pinned.
    ///
    /// # Errors
    /// Why it cannot be read. Until it can, every version is refused.
    pub(super) fn read(file: &Path) -> Result<Self, PinRefusal> {
        let digests = match std::fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| PinRefusal {
                what: format!("`{}` is damaged ({e})", file.display()),
                remedy: "mend it, or remove it and run `orch gate lock`".to_owned(),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(PinRefusal {
                    what: format!("`{}` cannot be read: {error}", file.display()),
                    remedy: "let the host's user read it".to_owned(),
                });
            }
        };
        Ok(Self {
            file: file.to_owned(),
            digests,
        })
    }

    /// Whether a file with this digest may serve.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn accept_file(&self, name: &str, digest: &str) -> Result<(), PinRefusal> {
        match self.pinned_elsewhere(name, digest) {
            None => Ok(()),
            Some(pinned) => Err(PinRefusal {
                what: format!(
                    "`{}` pins {pinned}, the file is {digest}",
                    self.file.display()
                ),
                remedy: "run `orch gate lock` to accept it".to_owned(),
            }),
        }
    }

    /// Whether an operator may go back to this digest.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn accept_rollback(&self, name: &str, digest: &str) -> Result<(), PinRefusal> {
        match self.pinned_elsewhere(name, digest) {
            None => Ok(()),
            Some(pinned) => Err(PinRefusal {
                what: format!("`{}` pins gate `{name}` to {pinned}", self.file.display()),
                remedy: format!("change its line there to {digest} first"),
            }),
        }
    }

    fn pinned_elsewhere(&self, name: &str, digest: &str) -> Option<&str> {
        let pinned = self.digests.get(name)?;
        (pinned != digest).then_some(pinned)
    }
}
