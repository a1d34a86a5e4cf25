//! Was anything of a tree changed by somebody who worked in it?

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::walk::{Kind, Mending, Next, Walked, walk};

/// What tells a file from the same name with another content, without reading it: what it is, its size, when it was
/// written, and which it is.
type Stamp = (bool, i64, i64, i64, u64);

/// The files and links of a tree as they were at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamps(BTreeMap<Vec<u8>, Stamp>);

impl Stamps {
    /// Those of the tree now.
    ///
    /// # Errors
    /// When the tree cannot be looked through.
    pub fn of(root: &Path) -> io::Result<Self> {
        let mut all = BTreeMap::new();
        let walked = walk(root, Mending::Nothing, |found| {
            if let (Kind::File | Kind::Link, Some(stat)) = (found.kind, found.stat) {
                #[expect(clippy::useless_conversion, reason = "the types differ by machine")]
                let stamp = (
                    found.kind == Kind::Link,
                    i64::from(stat.st_size),
                    i64::from(stat.st_mtime),
                    i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
                    u64::from(stat.st_ino),
                );
                all.insert(found.path.as_bytes().to_vec(), stamp);
            }
            Next::Into
        })?;
        match walked {
            Walked::All => Ok(Self(all)),
            Walked::Stopped | Walked::TooMany => Err(io::Error::other("it holds too many names")),
        }
    }

    /// Whether a path was there.
    pub fn has(&self, path: &[u8]) -> bool {
        self.0.contains_key(path)
    }

    /// Whether everything that was there is there as it was; what came to it does not matter.
    pub fn stand_in(&self, later: &Self) -> bool {
        self.0
            .iter()
            .all(|(path, stamp)| later.0.get(path) == Some(stamp))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn file_that_is_changed_removed_or_replaced_is_noticed_and_a_new_one_is_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "one").unwrap();
        let before = Stamps::of(folder.path()).unwrap();
        fs::write(&b, "new").unwrap();
        assert!(before.stand_in(&Stamps::of(folder.path()).unwrap()));
        assert!(before.has(b"a") && !before.has(b"b"));
        fs::write(&b, "two").unwrap();
        fs::rename(&b, &a).unwrap();
        assert!(!before.stand_in(&Stamps::of(folder.path()).unwrap()));
        fs::remove_file(&a).unwrap();
        assert!(!before.stand_in(&Stamps::of(folder.path()).unwrap()));
    }
}
