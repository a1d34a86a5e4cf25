//! Opens, lists and mends by an open folder and a name in it, never by a path and never through a link.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

/// What the owner of a folder needs to list it, to go into it and to remove what is in it.
const FOLDER_RIGHTS: u32 = 0o700;
/// What the owner of a file needs to read it.
const FILE_RIGHTS: u32 = 0o400;

/// What `name` in `folder` is, itself and not what it leads to.
pub(super) fn stat(folder: impl AsFd, name: &CStr) -> io::Result<Stat> {
    Ok(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Opens the folder `name` of `folder`, which must be one and no link.
pub(super) fn open_folder(folder: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(folder, name, flags, Mode::empty())?)
}

/// Names in an open folder, at most `max`; the second value says whether there are more.
pub(super) fn names(folder: BorrowedFd<'_>, max: usize) -> io::Result<(Vec<CString>, bool)> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes() == b"." || name.to_bytes() == b".." {
            continue;
        }
        if names.len() >= max {
            return Ok((names, true));
        }
        names.push(name.to_owned());
    }
    Ok((names, false))
}

/// Gives the owner the rights to use `name` of `folder`, if they lack: all on a folder, reading on a file. Other
/// kinds stay as they are. Fails for what belongs to somebody else.
pub(super) fn mend(folder: impl AsFd, name: &CStr) -> io::Result<()> {
    let seen = stat(&folder, name)?;
    let Some(lacking) = lacking(&seen) else {
        return Ok(());
    };
    // Held by what it is, without any right on it: a link that took its place meanwhile is not followed.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = openat(folder, name, flags, Mode::empty())?;
    let now = fstat(&held)?;
    if kind(&now) != kind(&seen) {
        return Err(io::Error::other("it became something else meanwhile"));
    }
    let mode = Mode::from_raw_mode(now.st_mode & 0o7777 | lacking);
    Ok(rustix::fs::chmod(
        format!("/proc/self/fd/{}", held.as_raw_fd()),
        mode,
    )?)
}

/// The rights that its owner has to be given; none if nothing lacks.
fn lacking(stat: &Stat) -> Option<u32> {
    let rights = match kind(stat) {
        FileType::Directory => FOLDER_RIGHTS,
        FileType::RegularFile => FILE_RIGHTS,
        _ => return None,
    };
    (stat.st_mode & rights != rights).then_some(rights)
}
