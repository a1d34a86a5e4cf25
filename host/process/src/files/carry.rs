//! Copies a foreign tree to another place, with the path of the old place in it replaced by that of the new one.
//!
//! Programs write the place where they were installed into what they install: the first line of a script, the target of
//! a link, compiled files. Both paths have the same length, so nothing else in a file moves.

use std::fs::{FileTimes, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use memchr::memmem;
use orch_domain::path::RepoPath;
use rustix::fs::{Mode, OFlags, Stat};

use super::walk::{Kind, Mending, Next, Walked, walk};

/// Largest file in which the path is looked for, bytes: beyond it are archives and data.
const LOOKED_AT_MAX: u64 = 256 * 1024 * 1024;

/// What is carried, and how far.
pub struct Carry<'a> {
    /// Whether a path below the source is carried; nothing below a folder that is not.
    pub wants: &'a dyn Fn(&[u8]) -> bool,
    /// The path that is replaced.
    pub old: &'a Path,
    /// What it is replaced by, of the same length.
    pub new: &'a Path,
    /// Bytes that may be carried.
    pub bytes_max: u64,
}

/// Why a tree was not carried.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// It does not fit.
    #[error("it holds more than {0} bytes")]
    TooLarge(u64),
    /// Something is in the way at the destination.
    #[error("`{}` is there already", path.display())]
    InTheWay {
        /// What.
        path: PathBuf,
    },
    /// It cannot be carried: a pipe, a socket, a device, or what lies too deep.
    #[error("`{path}` is no file, folder or link that can be carried")]
    Special {
        /// What.
        path: String,
    },
    /// The two paths differ in length.
    #[error("`{}` and `{}` differ in length", old.display(), new.display())]
    Lengths {
        /// The one.
        old: PathBuf,
        /// The other.
        new: PathBuf,
    },
    /// The disk did not do it.
    #[error("`{}` cannot be carried", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Copies what is below `from` into the folder `to`, which is made if it lacks; answers how many bytes. What is there
/// already stays: only folders may be met. `to` must be in nobody else's hands meanwhile.
///
/// # Errors
/// [`CarryError`]; what was copied until then is there.
pub fn carry(from: &Path, to: &Path, how: &Carry<'_>) -> Result<u64, CarryError> {
    if how.old.as_os_str().len() != how.new.as_os_str().len() {
        return Err(CarryError::Lengths {
            old: how.old.to_owned(),
            new: how.new.to_owned(),
        });
    }
    make_folder(to, 0o755)?;
    let mut bytes = 0_u64;
    let mut failed = None;
    let walked = walk(from, Mending::Rights, |found| {
        if !(how.wants)(found.path.as_bytes()) {
            return Next::Past;
        }
        let (source, dest) = (at(from, found.path), at(to, found.path));
        let done = match (found.kind, found.stat) {
            (Kind::Folder, Some(stat)) => make_folder(&dest, stat.st_mode & 0o777 | 0o700),
            (Kind::File, Some(stat)) => {
                bytes = bytes.saturating_add(u64::try_from(stat.st_size).unwrap_or(u64::MAX));
                match bytes > how.bytes_max {
                    true => Err(CarryError::TooLarge(how.bytes_max)),
                    false => file(&source, &dest, stat, how),
                }
            }
            (Kind::Link, _) => link(&source, &dest, how),
            _ => Err(CarryError::Special {
                path: found.path.to_string(),
            }),
        };
        match done {
            Ok(()) => Next::Into,
            Err(error) => {
                failed = Some(error);
                Next::Stop
            }
        }
    });
    match (failed, walked) {
        (Some(error), _) => Err(error),
        (None, Ok(Walked::All)) => Ok(bytes),
        (None, Ok(Walked::Stopped | Walked::TooMany)) => Err(CarryError::TooLarge(how.bytes_max)),
        (None, Err(source)) => Err(io_error(from)(source)),
    }
}

fn at(root: &Path, path: &RepoPath) -> PathBuf {
    root.join(std::ffi::OsStr::from_bytes(path.as_bytes()))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> CarryError {
    let path = path.to_owned();
    |source| CarryError::Io { path, source }
}

/// Makes a folder, or takes one that is there and is no link to one.
fn make_folder(path: &Path, mode: u32) -> Result<(), CarryError> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => {
            return Err(CarryError::InTheWay {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(path)(error)),
    }
    std::fs::create_dir_all(path).map_err(io_error(path))?;
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(io_error(path))
}

fn file(source: &Path, dest: &Path, stat: &Stat, how: &Carry<'_>) -> Result<(), CarryError> {
    let (reading, writing) = (io_error(source), io_error(dest));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = rustix::fs::open(source, flags, Mode::empty());
    let mut input = match opened {
        Ok(opened) => std::fs::File::from(opened),
        Err(error) => return Err(reading(error.into())),
    };
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(stat.st_mode & 0o777 | 0o200)
        .open(dest);
    let mut output = match created {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CarryError::InTheWay {
                path: dest.to_owned(),
            });
        }
        Err(error) => return Err(writing(error)),
    };
    let is_looked_at = u64::try_from(stat.st_size).is_ok_and(|size| size <= LOOKED_AT_MAX);
    let written = if is_looked_at {
        let mut bytes = Vec::new();
        if let Err(error) = (&mut input).take(LOOKED_AT_MAX).read_to_end(&mut bytes) {
            return Err(reading(error));
        }
        replace(&mut bytes, how);
        output.write_all(&bytes)
    } else {
        io::copy(&mut input, &mut output).map(|_| ())
    };
    // Whoever compiled a file goes by the time of its source.
    let times = FileTimes::new().set_modified(modified(stat));
    let mode = std::fs::Permissions::from_mode(stat.st_mode & 0o777);
    written
        .and_then(|()| output.set_times(times))
        .and_then(|()| output.set_permissions(mode))
        .map_err(writing)
}

fn link(source: &Path, dest: &Path, how: &Carry<'_>) -> Result<(), CarryError> {
    let target = std::fs::read_link(source).map_err(io_error(source))?;
    let mut bytes = target.as_os_str().as_bytes().to_vec();
    replace(&mut bytes, how);
    let target = std::ffi::OsStr::from_bytes(&bytes);
    match symlink(target, dest) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CarryError::InTheWay {
            path: dest.to_owned(),
        }),
        made => made.map_err(io_error(dest)),
    }
}

fn replace(bytes: &mut [u8], how: &Carry<'_>) {
    let (old, new) = (
        how.old.as_os_str().as_bytes(),
        how.new.as_os_str().as_bytes(),
    );
    let found: Vec<usize> = memmem::find_iter(bytes, old).collect();
    for at in found {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
}

fn modified(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn everything(_: &[u8]) -> bool {
        true
    }

    fn how<'a>(old: &'a Path, new: &'a Path) -> Carry<'a> {
        Carry {
            wants: &everything,
            old,
            new,
            bytes_max: 1 << 20,
        }
    }

    #[test]
    fn tree_is_carried_with_its_own_place_replaced_in_files_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::create_dir_all(one.join("bin")).unwrap();
        let script = format!("#!{0}/bin/python\n{0}\0{0}/x", one.display());
        fs::write(one.join("bin/tool"), &script).unwrap();
        fs::set_permissions(one.join("bin/tool"), fs::Permissions::from_mode(0o555)).unwrap();
        symlink(one.join("bin/tool"), one.join("link")).unwrap();
        symlink("bin/tool", one.join("near")).unwrap();
        let bytes = carry(&one, &two, &how(&one, &two)).unwrap();
        assert_eq!(bytes, script.len() as u64);
        let carried = fs::read_to_string(two.join("bin/tool")).unwrap();
        assert_eq!(
            carried,
            script.replace(one.to_str().unwrap(), two.to_str().unwrap())
        );
        assert_eq!(
            fs::read_link(two.join("link")).unwrap(),
            two.join("bin/tool")
        );
        assert_eq!(
            fs::read_link(two.join("near")).unwrap(),
            Path::new("bin/tool")
        );
        let of = |path: &Path| {
            let meta = fs::metadata(path.join("bin/tool")).unwrap();
            (meta.permissions().mode() & 0o777, meta.modified().unwrap())
        };
        assert_eq!(of(&one), of(&two));
    }

    #[test]
    fn what_is_in_the_way_is_neither_written_over_nor_through() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let outside = folder.path().join("outside");
        fs::create_dir_all(one.join("deps")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::create_dir_all(&two).unwrap();
        fs::write(one.join("deps/a"), "a").unwrap();
        symlink(&outside, two.join("deps")).unwrap();
        let refused = carry(&one, &two, &how(&one, &two));
        assert!(
            matches!(refused, Err(CarryError::InTheWay { .. })),
            "{refused:?}"
        );
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        fs::remove_file(two.join("deps")).unwrap();
        fs::create_dir(two.join("deps")).unwrap();
        fs::write(two.join("deps/a"), "own").unwrap();
        let refused = carry(&one, &two, &how(&one, &two));
        assert!(
            matches!(refused, Err(CarryError::InTheWay { .. })),
            "{refused:?}"
        );
        assert_eq!(fs::read_to_string(two.join("deps/a")).unwrap(), "own");
    }

    #[test]
    fn what_is_too_large_or_no_file_is_not_carried() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::create_dir_all(&one).unwrap();
        fs::write(one.join("a"), vec![0; 2 << 20]).unwrap();
        let refused = carry(&one, &two, &how(&one, &two));
        assert!(
            matches!(refused, Err(CarryError::TooLarge(_))),
            "{refused:?}"
        );
        fs::remove_file(one.join("a")).unwrap();
        let _held = std::os::unix::net::UnixListener::bind(one.join("s")).unwrap();
        let three = folder.path().join("six");
        let refused = carry(&one, &three, &how(&one, &three));
        assert!(
            matches!(refused, Err(CarryError::Special { .. })),
            "{refused:?}"
        );
    }
}
