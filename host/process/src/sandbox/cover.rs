//! How is a place of the machine covered by nothing, and a folder below it put back?

use std::io::Result;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use super::{raw, root};

/// Size of a file system that holds nothing but folders to mount on.
const BYTES_MAX: u64 = 1 << 20;
/// Name of the empty file.
const NAME: &str = "empty";

/// A file with nothing in it, which is mounted over others.
#[derive(Debug)]
pub(super) struct Empty(OwnedFd);

impl Empty {
    pub(super) fn make() -> Result<Self> {
        let system = root::memory(BYTES_MAX, "755")?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        drop(openat(&system, NAME, flags, Mode::from_raw_mode(0o444))?);
        Ok(Self(system))
    }
}

/// Opens what lies at a path, with all that is mounted below it, to be put back later.
pub(super) fn taken(path: &Path) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(CWD, path, flags)?)
}

/// Mounts nothing over a file or folder; in a folder there are places for `kept`, which lie below it.
pub(super) fn cover(empty: &Empty, path: &Path, kept: &[&Path]) -> Result<()> {
    if !path.is_dir() {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let file = open_tree(&empty.0, NAME, flags)?;
        raw::set_attributes(file.as_fd(), raw::READ_ONLY, false)?;
        return put_back(&file, path);
    }
    let folder = root::memory(BYTES_MAX, "755")?;
    put_back(&folder, path)?;
    for place in kept {
        std::fs::create_dir_all(place)?;
    }
    Ok(raw::set_attributes(folder.as_fd(), raw::READ_ONLY, false)?)
}

/// Mounts what was taken at a path.
pub(super) fn put_back(mount: &OwnedFd, path: &Path) -> Result<()> {
    let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(move_mount(mount, "", CWD, path, onto)?)
}
