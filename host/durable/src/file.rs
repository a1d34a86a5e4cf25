//! Writes a file so that a crash leaves the old one or the new one, never half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::point;

/// Puts `bytes` at `path`: written beside it, flushed, renamed over it, and the folder flushed.
///
/// Two writers of one path must be kept apart by the caller: they share the name of the file beside it.
///
/// # Errors
/// Of the file system, a full disk among them; the old file stands then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let name = name.to_string_lossy();
    let fresh = path.with_file_name(format!("{name}.new"));
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    point(&format!("rename {name}: before"));
    fs::rename(&fresh, path)?;
    point(&format!("rename {name}: after"));
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = std::env::temp_dir().join(format!("orch-durable-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("state.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        // A folder in its place cannot be replaced: the error comes and the folder stays.
        fs::create_dir(folder.join("taken")).unwrap();
        assert!(replace(&folder.join("taken"), b"x").is_err());
        assert!(folder.join("taken").is_dir());
        fs::remove_dir_all(&folder).unwrap();
    }
}
