//! Goes through a foreign tree, depth first, and shows every name to whoever asked.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use orch_domain::path::RepoPath;
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::handle;

/// Deepest folder that is gone into. Each level holds one open file, of which a process has 1024 by default; real
/// trees stay below sixty.
pub(crate) const DEPTH_MAX: usize = 128;
/// Longest path, bytes. The system's own bound is 4096 with the path of the work tree in front, and tools put
/// folders of their own in front of it.
pub(crate) const PATH_BYTES_MAX: usize = 2048;
/// Most names of a tree that are looked at: some seconds of work, and several times what the largest trees of
/// dependencies hold.
pub(crate) const ENTRIES_MAX: usize = 2_000_000;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File,
    Link,
    /// A pipe, socket or device.
    Special,
    /// A folder that is too deep, or a name whose path is too long; it is not gone into.
    TooDeep,
    /// It could not be looked at or opened.
    Closed,
}

/// One name of the tree.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// From the top of the tree.
    pub(crate) path: &'a RepoPath,
    pub(crate) kind: Kind,
    /// Of what could be looked at.
    pub(crate) stat: Option<&'a Stat>,
}

/// What follows after a name was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Into it, if it is a folder.
    Into,
    /// Past it.
    Past,
    /// Nothing more.
    Stop,
}

/// Rights that are given on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mending {
    /// What is needed to look at everything.
    Rights,
    /// None: the tree is in use.
    Nothing,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Walked {
    All,
    /// The visitor wanted no more.
    Stopped,
    /// There are more than [`ENTRIES_MAX`] names.
    TooMany,
}

struct Level {
    folder: OwnedFd,
    path: RepoPath,
    names: Vec<CString>,
}

/// Shows every name below `root` to `visit`, names of one folder in order. What vanishes meanwhile is passed over.
///
/// # Errors
/// When `root` itself is no folder or cannot be opened.
pub(crate) fn walk(
    root: &Path,
    mending: Mending,
    mut visit: impl FnMut(&Found<'_>) -> Next,
) -> io::Result<Walked> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if mending == Mending::Rights {
        mend_root(root)?;
    }
    let top = rustix::fs::open(root, flags, Mode::empty())?;
    let mut left = ENTRIES_MAX;
    let (first, more) = list(&top, &mut left)?;
    if more {
        return Ok(Walked::TooMany);
    }
    let mut levels = vec![Level {
        folder: top,
        path: RepoPath::new(Vec::new()),
        names: first,
    }];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            levels.pop();
            continue;
        };
        let path = joined(&level.path, &name);
        let stat = match handle::stat(&level.folder, &name) {
            Ok(stat) => Some(stat),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => None,
        };
        let mended = match mending {
            Mending::Rights => handle::mend(&level.folder, &name).is_ok(),
            Mending::Nothing => true,
        };
        let depth = levels.len();
        let level = &levels[depth - 1];
        let kind = match &stat {
            None => Kind::Closed,
            Some(_) if path.as_bytes().len() > PATH_BYTES_MAX => Kind::TooDeep,
            Some(stat) => match handle::kind(stat) {
                FileType::Directory if depth >= DEPTH_MAX => Kind::TooDeep,
                FileType::Directory => Kind::Folder,
                FileType::RegularFile if !mended => Kind::Closed,
                FileType::RegularFile => Kind::File,
                FileType::Symlink => Kind::Link,
                _ => Kind::Special,
            },
        };
        let opened = (kind == Kind::Folder).then(|| {
            let folder = handle::open_folder(&level.folder, &name)?;
            let (names, more) = list(&folder, &mut left)?;
            io::Result::Ok((folder, names, more))
        });
        let (kind, opened) = match opened {
            Some(Err(_)) => (Kind::Closed, None),
            Some(Ok(opened)) => (kind, Some(opened)),
            None => (kind, None),
        };
        let found = Found {
            path: &path,
            kind,
            stat: stat.as_ref(),
        };
        match (visit(&found), opened) {
            (Next::Stop, _) => return Ok(Walked::Stopped),
            (Next::Into, Some((_, _, true))) => return Ok(Walked::TooMany),
            (Next::Into, Some((folder, names, false))) => levels.push(Level {
                folder,
                path,
                names,
            }),
            (Next::Past, Some((_, names, _))) => left += names.len(),
            (Next::Into | Next::Past, None) => {}
        }
    }
    Ok(Walked::All)
}

/// Names of a folder, last one first, as long as there is room for them.
fn list(folder: &OwnedFd, left: &mut usize) -> io::Result<(Vec<CString>, bool)> {
    let (mut names, more) = handle::names(folder.as_fd(), *left)?;
    *left -= names.len();
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok((names, more))
}

fn joined(folder: &RepoPath, name: &CStr) -> RepoPath {
    let mut bytes = folder.as_bytes().to_vec();
    if !bytes.is_empty() {
        bytes.push(b'/');
    }
    bytes.extend_from_slice(name.to_bytes());
    RepoPath::new(bytes)
}

fn mend_root(root: &Path) -> io::Result<()> {
    super::remove::make_usable(root)
}
