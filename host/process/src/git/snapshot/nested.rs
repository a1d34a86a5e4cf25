//! Does a repository below a work tree hold commits? Read from its files: git is never run in there.

use std::fs;
use std::path::Path;

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
