//! Which version of a gate does the lock file allow?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The lock file as it was read: digests by gate name.
pub(super) struct Pins {
    file: PathBuf,
    digests: BTreeMap<String, String>,
}

impl Pins {
    /// Reads the lock file; without one nothing is pinned.
    ///
    /// # Errors
    /// Why it cannot be read, with the remedy. Until it can, every version is refused.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let digests = match std::fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| {
                format!(
                    "`{}` is damaged ({e}); mend it, or remove it and run `orch gate lock`",
                    file.display()
                )
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(format!("`{}`: {error}", file.display())),
        };
        Ok(Self {
            file: file.to_owned(),
            digests,
        })
    }

    /// Whether a file with this digest may serve.
    ///
    /// # Errors
    /// Why not, with the remedy.
    pub(super) fn accept_file(&self, name: &str, digest: &str) -> Result<(), String> {
        match self.pinned_elsewhere(name, digest) {
            None => Ok(()),
            Some(pinned) => Err(format!(
                "`{}` pins {pinned}, the file is {digest}; run `orch gate lock` to accept it",
                self.file.display()
            )),
        }
    }

    /// Whether an operator may go back to this digest.
    ///
    /// # Errors
    /// Why not, with the remedy.
    pub(super) fn accept_rollback(&self, name: &str, digest: &str) -> Result<(), String> {
        match self.pinned_elsewhere(name, digest) {
            None => Ok(()),
            Some(pinned) => Err(format!(
                "`{}` pins gate `{name}` to {pinned}; change its line there to {digest} first",
                self.file.display()
            )),
        }
    }

    fn pinned_elsewhere(&self, name: &str, digest: &str) -> Option<&str> {
        let pinned = self.digests.get(name)?;
        (pinned != digest).then_some(pinned)
    }
}
