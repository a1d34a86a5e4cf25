//! On a host that runs as root: whose are the folders that a judged program works in? They are handed to the user that
//! it is outside, by descriptors, and no link is followed.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, openat2};
use rustix::io::{Errno, Result};

/// Deepest tree that is handed over.
const DEPTH_MAX: usize = 512;

/// Hands `folder` and everything in it to `user`, unless it is that user's already. The top comes last, so that what
/// was interrupted is done again.
pub(super) fn hand_over(folder: &Path, user: u32) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // A link on the way is the host's own; what the program could have made is below.
    let top = openat2(
        CWD,
        folder,
        flags | OFlags::NOFOLLOW,
        Mode::empty(),
        ResolveFlags::NO_MAGICLINKS,
    )?;
    if rustix::fs::fstat(&top)?.st_uid == user {
        return Ok(());
    }
    within(&top, user, 0)?;
    rustix::fs::fchown(&top, Some(Uid::from_raw(user)), Some(Gid::from_raw(user)))
}

fn within(folder: &OwnedFd, user: u32, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes() == b"." || name.to_bytes() == b".." {
            continue;
        }
        one(folder, name, user, depth)?;
    }
    Ok(())
}

fn one(folder: &OwnedFd, name: &CStr, user: u32, depth: usize) -> Result<()> {
    let meta = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_folder = FileType::from_raw_mode(meta.st_mode) == FileType::Directory;
    if is_folder {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let inner = openat2(folder, name, flags, Mode::empty(), resolve)?;
        within(&inner, user, depth + 1)?;
    } else if meta.st_nlink > 1 {
        // Its other name may lie where it is somebody else's.
        return Ok(());
    }
    rustix::fs::chownat(
        folder,
        name,
        Some(Uid::from_raw(user)),
        Some(Gid::from_raw(user)),
        AtFlags::SYMLINK_NOFOLLOW,
    )
}
