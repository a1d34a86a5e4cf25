//! The one way to read and write a file in a tree that somebody else made: from the tree's own folder, never out of it,
//! regular files alone, without waiting, and never more than a bound.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, unlinkat};

/// Reads a file below `root`. Links that stay below it are followed, all others refused.
///
/// # Errors
/// When it is not there, leads out, is no regular file, or has more than `bytes_max` bytes.
pub fn read_beneath(root: &Path, name: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let root = open_root(root)?;
    // A pipe that nobody writes to is opened at once and refused by its kind.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file =
        openat2(&root, name, flags, Mode::empty(), resolve).map_err(|error| match error {
            rustix::io::Errno::XDEV | rustix::io::Errno::LOOP => {
                io::Error::other("it is a link that leads out of the tree")
            }
            error => error.into(),
        })?;
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::from(file)
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let text = format!("it has more than {bytes_max} bytes");
        return Err(io::Error::other(text));
    }
    Ok(bytes)
}

/// Writes a new file `name` into `folder`, in place of whatever lies there. Nothing is written through a link.
///
/// # Errors
/// When the name is none of one file, or the file cannot be made.
pub fn put_beneath(folder: &Path, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
    let mut parts = Path::new(name).components();
    if !matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) {
        return Err(io::Error::other("it is no plain name of a file"));
    }
    let path = folder;
    let folder = open_root(path)?;
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(rustix::io::Errno::ISDIR) => {
            super::remove(&path.join(name)).map_err(io::Error::other)?;
        }
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let mode = Mode::from_raw_mode(0o644);
    let file = openat2(&folder, name, flags, mode, resolve)?;
    File::from(file).write_all(bytes)
}

/// The folder itself, which the host made, and no link in its place.
fn open_root(path: &Path) -> io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(root: &Path, name: &str) -> Result<Vec<u8>, String> {
        read_beneath(root, name.as_ref(), 5).map_err(|error| error.to_string())
    }

    #[test]
    fn only_regular_files_of_the_tree_are_read_and_no_pipe_is_waited_for() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("tree");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(top.path().join("secret"), "no").unwrap();
        std::fs::write(root.join("file"), "12345").unwrap();
        std::fs::write(root.join("long"), "123456").unwrap();
        symlink("file", root.join("within")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink(top.path().join("secret"), root.join("absolute")).unwrap();
        symlink("..", root.join("up")).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, root.join("pipe"), FileType::Fifo, mode, 0).unwrap();
        assert_eq!(read(&root, "file").unwrap(), b"12345");
        assert_eq!(read(&root, "within").unwrap(), b"12345");
        for (name, why) in [
            ("long", "more than 5 bytes"),
            ("out", "leads out"),
            ("absolute", "leads out"),
            ("up/secret", "leads out"),
            ("../secret", "leads out"),
            ("pipe", "not a regular file"),
            (".", "not a regular file"),
        ] {
            let error = read(&root, name).unwrap_err();
            assert!(error.contains(why), "{name}: {error}");
        }
        symlink(&root, top.path().join("other")).unwrap();
        assert!(read(&top.path().join("other"), "file").is_err());
    }

    #[test]
    fn nothing_is_written_through_a_link_or_a_hard_link() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("tree");
        std::fs::create_dir(&root).unwrap();
        let kept = top.path().join("kept");
        std::fs::write(&kept, "kept").unwrap();
        symlink(&kept, root.join("link")).unwrap();
        std::fs::hard_link(&kept, root.join("hard")).unwrap();
        std::fs::create_dir_all(root.join("folder/with")).unwrap();
        for name in ["link", "hard", "folder", "new"] {
            put_beneath(&root, name.as_ref(), b"written").unwrap();
            let meta = std::fs::symlink_metadata(root.join(name)).unwrap();
            assert!(meta.is_file(), "{name}");
            assert_eq!(std::fs::read(root.join(name)).unwrap(), b"written");
        }
        assert_eq!(std::fs::read(&kept).unwrap(), b"kept");
        for name in ["../kept", "a/b", "..", ".", ""] {
            assert!(put_beneath(&root, name.as_ref(), b"x").is_err(), "{name}");
        }
        assert_eq!(std::fs::read(&kept).unwrap(), b"kept");
    }
}
