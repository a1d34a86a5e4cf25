//! Removes whatever is there, however deep it is and whatever rights it lacks.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, renameat, unlinkat};

use super::handle;

/// Names of one folder that are taken at a time: bounds the memory, not the folder.
const BATCH: usize = 10_000;

/// What could not be removed.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{path}` cannot be removed ({left} such entries); see who owns it and remove it by hand",
    path = path.display()
)]
pub struct RemoveError {
    /// The first one.
    pub path: PathBuf,
    /// How many there are.
    pub left: usize,
    /// Why the first one is still there.
    pub source: io::Error,
}

/// Removes a file, link or folder with all that is in it; one that is not there is removed. Rights that lack are
/// given first. Goes on past what cannot be removed, and says so in the end.
///
/// A folder is emptied into the top one before it is removed, so the depth of a tree does not matter.
///
/// # Errors
/// [`RemoveError`] when something belongs to another user or is in use by the system.
pub fn remove(path: &Path) -> Result<(), RemoveError> {
    let failed = |source| RemoveError {
        path: path.to_owned(),
        left: 1,
        source,
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(failed(io::Error::other("it is no path of a file")));
    };
    let parent = match open_parent(parent) {
        Ok(parent) => parent,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let name = c_name(name).map_err(failed)?;
    match handle::stat(&parent, &name).map(|stat| handle::kind(&stat)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(FileType::Directory) => {}
        Ok(_) => return unlink(parent.as_fd(), &name).map_err(failed),
    }
    let top = open_mended(parent.as_fd(), &name).map_err(failed)?;
    let mut emptying = Emptying {
        top,
        root: path.to_owned(),
        names: BTreeMap::new(),
        next: 0,
        kept: BTreeMap::new(),
    };
    emptying.empty().map_err(failed)?;
    if let Some((path, source)) = emptying.kept.pop_first() {
        let left = emptying.kept.len() + 1;
        return Err(RemoveError { path, left, source });
    }
    unlinkat(&parent, &name, AtFlags::REMOVEDIR).map_err(|e| failed(e.into()))
}

/// Gives the owner all rights on a folder, if they lack; a link is not followed.
///
/// # Errors
/// When it is not there or belongs to another user.
pub fn make_usable(folder: &Path) -> io::Result<()> {
    let name = c_name(folder.as_os_str())?;
    handle::mend(CWD, &name)
}

struct Emptying {
    top: OwnedFd,
    root: PathBuf,
    /// Where folders that were moved to the top come from.
    names: BTreeMap<CString, PathBuf>,
    next: u64,
    /// What stays, with why.
    kept: BTreeMap<PathBuf, io::Error>,
}

impl Emptying {
    fn empty(&mut self) -> io::Result<()> {
        loop {
            let (names, more) = handle::names(self.top.as_fd(), BATCH + self.kept.len())?;
            let before = self.kept.len();
            let mut removed = 0;
            for name in names {
                let from = self.origin(&name);
                if self.kept.contains_key(&from) {
                    continue;
                }
                match self.entry(&name, &from) {
                    Ok(()) => removed += 1,
                    Err(error) => {
                        self.kept.entry(from).or_insert(error);
                    }
                }
            }
            if removed == 0 && (!more || self.kept.len() == before) {
                return Ok(());
            }
        }
    }

    fn origin(&self, name: &CStr) -> PathBuf {
        let plain = || self.root.join(OsStr::from_bytes(name.to_bytes()));
        self.names.get(name).cloned().unwrap_or_else(plain)
    }

    /// Removes one name of the top folder; the folders in it are moved up and come later.
    fn entry(&mut self, name: &CStr, from: &Path) -> io::Result<()> {
        let stat = handle::stat(&self.top, name)?;
        if handle::kind(&stat) != FileType::Directory {
            return unlink(self.top.as_fd(), name);
        }
        let folder = open_mended(self.top.as_fd(), name)?;
        loop {
            let (children, more) = handle::names(folder.as_fd(), BATCH)?;
            let mut stays = None;
            for child in &children {
                if let Err(error) = self.child(&folder, child, from) {
                    stays.get_or_insert((child.clone(), error));
                }
            }
            if let Some((child, error)) = stays {
                let what = format!("`{}` in it: {error}", child.to_string_lossy());
                return Err(io::Error::new(error.kind(), what));
            }
            if !more {
                break;
            }
        }
        unlinkat(&self.top, name, AtFlags::REMOVEDIR)?;
        self.names.remove(name);
        Ok(())
    }

    fn child(&mut self, folder: &OwnedFd, child: &CStr, from: &Path) -> io::Result<()> {
        let stat = handle::stat(folder, child)?;
        if handle::kind(&stat) != FileType::Directory {
            return unlink(folder.as_fd(), child);
        }
        // Moving a folder changes its `..`, for which the right to write to it is needed.
        handle::mend(folder, child)?;
        loop {
            let fresh = CString::new(format!(".orch-removed-{}", self.next))?;
            self.next += 1;
            match renameat(folder, child, &self.top, &fresh) {
                Ok(()) => {
                    let origin = from.join(OsStr::from_bytes(child.to_bytes()));
                    self.names.insert(fresh, origin);
                    return Ok(());
                }
                Err(rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST)
                | Err(rustix::io::Errno::NOTDIR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn unlink(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn open_mended(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    handle::mend(folder, name)?;
    handle::open_folder(folder, name)
}

fn open_parent(parent: &Path) -> io::Result<OwnedFd> {
    let parent = match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, parent, flags, Mode::empty())?)
}

fn c_name(name: &OsStr) -> io::Result<CString> {
    Ok(CString::new(name.as_bytes())?)
}
