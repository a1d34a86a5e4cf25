//! Copies files into a backup and out of it, and knows them again by their digests.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copied {
    /// Path below the backup.
    pub(super) path: PathBuf,
    /// Its length.
    pub(super) bytes: u64,
    /// Its mode.
    mode: u32,
    /// Its digest, SHA-256.
    sha256: String,
}

impl Copied {
    /// Puts the file of a backup where it belongs.
    pub(super) fn put(&self, backup: &Path, to: &Path) -> anyhow::Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut from = File::open(backup.join(&self.path))?;
        write(&mut from, to, self.mode)
            .with_context(|| format!("cannot write `{}`", to.display()))?;
        Ok(())
    }
}

/// Copies what `wanted` says of the files below `from` to `name` below the backup `into`. What goes while it is copied
/// was of no use any more.
pub(super) fn copy(
    from: &Path,
    into: &Path,
    name: &Path,
    wanted: &dyn Fn(&Path) -> bool,
    files: &mut Vec<Copied>,
) -> anyhow::Result<()> {
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(from.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", folder.display()));
            }
        };
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                // Whether it is left out as a whole is for the folder itself to say; files say it one by one.
                if folder.as_os_str().is_empty() && !wanted(&path) && !wanted(&path.join("objects"))
                {
                    continue;
                }
                folders.push(path);
            } else if kind.is_file() && wanted(&path) {
                files.extend(one(&from.join(&path), into, name.join(&path))?);
            }
        }
    }
    Ok(())
}

fn one(from: &Path, into: &Path, path: PathBuf) -> anyhow::Result<Option<Copied>> {
    let mut file = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", from.display()));
        }
    };
    let mode = file.metadata()?.mode() & 0o777;
    let to = into.join(&path);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let (bytes, sha256) = write(&mut file, &to, mode)?;
    Ok(Some(Copied {
        path,
        bytes,
        mode,
        sha256,
    }))
}

/// The file of a backup as it is.
pub(super) fn check(backup: &Path, path: &Path) -> anyhow::Result<Copied> {
    let whole = backup.join(path);
    let mut file = File::open(&whole)
        .with_context(|| format!("`{}` of the backup cannot be read", path.display()))?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    let (bytes, sha256) = digest(&mut file, &mut io::sink())?;
    Ok(Copied {
        path: path.to_owned(),
        bytes,
        mode,
        sha256,
    })
}

fn write(from: &mut File, to: &Path, mode: u32) -> io::Result<(u64, String)> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    let written = digest(from, &mut file)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    Ok(written)
}

fn digest(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
    Ok((bytes, hex::encode(hash.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_known_again_and_a_changed_one_is_not() {
        let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(from.path().join("a/b")).unwrap();
        fs::write(from.path().join("a/b/kept"), "one").unwrap();
        fs::write(from.path().join("left"), "two").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", from.path().join("link")).unwrap();
        let mut files = Vec::new();
        let wanted = |path: &Path| path != Path::new("left");
        copy(
            from.path(),
            into.path(),
            Path::new("data"),
            &wanted,
            &mut files,
        )
        .unwrap();
        let paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        assert_eq!(paths, [Path::new("data/a/b/kept")], "links lead elsewhere");
        assert_eq!(check(into.path(), &files[0].path).unwrap(), files[0]);
        fs::write(into.path().join("data/a/b/kept"), "own").unwrap();
        assert_ne!(check(into.path(), &files[0].path).unwrap(), files[0]);
    }
}
