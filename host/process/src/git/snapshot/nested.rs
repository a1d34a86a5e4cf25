//! Does a repository below a work tree hold commits, and could git look at it without harm? Read from its files: git is
//! never run in there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use orch_domain::left::RefusalKind;

/// Most files below `refs` that are looked at.
const REFS_MAX: usize = 10_000;
/// Largest file of a repository that is read.
const BYTES_MAX: u64 = 1024 * 1024;

/// Whether the repository in `folder` holds a commit, or is a second work tree of one that may. What is no
/// repository at all holds none.
pub(super) fn holds_commits(folder: &Path) -> bool {
    let git = folder.join(".git");
    let Ok(meta) = fs::symlink_metadata(&git) else {
        return false;
    };
    if meta.is_dir() {
        return has_head(&git) || has_packed(&git) || has_refs(&git);
    }
    if meta.is_symlink() {
        return git.join("HEAD").exists();
    }
    // A file that leads to the repository of a second work tree or a submodule.
    let text = read(&git).unwrap_or_default();
    let target = text.trim().strip_prefix("gitdir:").map(str::trim);
    target.is_some_and(|target| folder.join(target).join("HEAD").exists())
}

/// Why git may not even look at the repository in `folder`; none if it may. Git opens the files of a repository below a
/// tree to see what it is, waits for a pipe that nobody writes to, and reads whatever a link leads to.
pub(super) fn trap(folder: &Path) -> Option<RefusalKind> {
    let git = folder.join(".git");
    fs::symlink_metadata(&git).ok()?;
    // A link that leads nowhere is no repository to git either.
    let meta = fs::metadata(&git).ok()?;
    if meta.is_dir() {
        return of_repository(&git);
    }
    if !meta.is_file() {
        return Some(RefusalKind::SpecialFile);
    }
    // It leads to a repository somewhere else, and that one may lead to another for what it shares.
    let text = fs::canonicalize(&git).ok().and_then(|git| read(&git))?;
    let target = text.trim().strip_prefix("gitdir:").map(str::trim)?;
    let target = folder.join(target);
    if let found @ Some(_) = of_repository(&target) {
        return found;
    }
    let common = read(&target.join("commondir"))?;
    of_repository(&target.join(common.trim()))
}

/// Why git may not look at the files of a repository; none if there is none.
fn of_repository(git: &Path) -> Option<RefusalKind> {
    let mut places = ["commondir", "config", "gitdir", "packed-refs"]
        .map(|name| git.join(name))
        .to_vec();
    // A head may be a link to the name of a branch, which is not followed.
    let head = git.join("HEAD");
    if !fs::symlink_metadata(&head).is_ok_and(|meta| meta.is_symlink()) {
        places.push(head);
    }
    let mut folders = vec![git.join("refs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) | Err(_) => places.push(entry.path()),
            }
            if places.len() + folders.len() > REFS_MAX {
                return Some(RefusalKind::NestedRepository);
            }
        }
    }
    places.iter().find_map(|place| of_file(place))
}

/// Why git may not open a file; none if it is a plain one of an ordinary size, or not there.
fn of_file(path: &Path) -> Option<RefusalKind> {
    let meta = fs::symlink_metadata(path).ok()?;
    match (meta.is_file(), meta.is_symlink(), meta.size() <= BYTES_MAX) {
        (true, _, true) => None,
        (true, _, false) => Some(RefusalKind::TooBig),
        (false, true, _) => Some(RefusalKind::NestedRepository),
        (false, false, _) => Some(RefusalKind::SpecialFile),
    }
}

fn has_head(git: &Path) -> bool {
    read(&git.join("HEAD")).is_some_and(|head| is_id(head.trim()))
}

fn has_packed(git: &Path) -> bool {
    let packed = read(&git.join("packed-refs")).unwrap_or_default();
    let mut ids = packed.lines().filter_map(|line| line.split(' ').next());
    ids.any(is_id)
}

fn has_refs(git: &Path) -> bool {
    let mut folders = vec![git.join("refs")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > REFS_MAX {
                return true;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => return true,
                Ok(_) | Err(_) => {}
            }
        }
    }
    false
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Text of a plain file.
fn read(path: &Path) -> Option<String> {
    let meta = fs::symlink_metadata(path).ok()?;
    let fits = meta.is_file() && meta.len() <= BYTES_MAX;
    fits.then(|| fs::read(path).ok())
        .flatten()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
