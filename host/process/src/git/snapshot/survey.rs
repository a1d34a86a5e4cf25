//! One look through the whole work tree before git is asked: mends rights, and finds what git says nothing about.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use orch_domain::left::RefusalKind;
use orch_domain::path::RepoPath;

use super::nested;
use crate::files::{Found, Kind, Mending, Next, Walked, walk};
use crate::git::GitError;

/// Most odd names that are kept: each is asked about and named.
const ODD_MAX: usize = 1_000;
/// Files of rules that git reads in every folder that it looks into.
const RULES: [&[u8]; 3] = [b".gitattributes", b".gitignore", b".gitmodules"];
/// Largest of them that git is let read, bytes: it reads them whole.
const RULES_BYTES_MAX: u64 = 1024 * 1024;
/// Most files of the folder that is always taken, and of one repository below the tree.
const FILES_MAX: usize = 60_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Pipes and the like, what is too deep, what stays closed; whether a rule ignores them is not known yet.
    pub(super) odd: Vec<(RepoPath, RefusalKind)>,
    /// Folders below the top that are repositories.
    pub(super) repositories: Vec<RepoPath>,
    /// Files and links in the folder that is always taken.
    pub(super) always: Vec<RepoPath>,
    /// That folder.
    always_in: RepoPath,
    /// Whether there are more names than anybody looks at.
    pub(super) too_many: bool,
    /// Files of rules that git must not read, for it would wait for them or fill the host's memory.
    pub(super) rules: Vec<(RepoPath, RefusalKind)>,
    /// Repositories that git must not look at unless a rule ignores them, for the same reason.
    pub(super) traps: Vec<(RepoPath, RefusalKind)>,
}

/// Looks through the tree at `root`; the reason if there is none to look through.
pub(super) async fn look(
    root: PathBuf,
    always: RepoPath,
) -> Result<Result<Survey, RefusalKind>, GitError> {
    off_thread(root, move |root| {
        let mut survey = Survey {
            always_in: always,
            ..Survey::default()
        };
        if !std::fs::symlink_metadata(root).is_ok_and(|meta| meta.is_dir()) {
            return Err(RefusalKind::TreeGone);
        }
        let walked = walk(root, Mending::Rights, |found| survey.see(found));
        let walked = walked.map_err(|_| RefusalKind::Unreadable)?;
        survey.too_many |= walked == Walked::TooMany;
        let nested = survey.repositories.iter().filter(|at| !at.is_empty());
        let traps: Vec<_> = nested
            .filter_map(|at| Some((at.clone(), nested::trap(&place(root, at))?)))
            .take(ODD_MAX)
            .collect();
        survey.traps = traps;
        let Survey {
            always,
            repositories,
            ..
        } = &mut survey;
        // What lies in a repository of its own is asked about together with it.
        always.retain(|path| !repositories.iter().any(|folder| path.is_within(folder)));
        Ok(survey)
    })
    .await
}

/// Files and links in `folder` of the tree, without repositories in it.
pub(super) async fn files_in(root: PathBuf, folder: RepoPath) -> Result<Vec<RepoPath>, GitError> {
    off_thread(root, move |root| {
        let mut files = Vec::new();
        let walked = walk(root, Mending::Nothing, |found| {
            let inside = found.path.is_within(&folder);
            if !inside {
                return match folder.is_within(found.path) {
                    true => Next::Into,
                    false => Next::Past,
                };
            }
            if is_git(found.path) {
                return Next::Past;
            }
            if matches!(found.kind, Kind::File | Kind::Link) {
                files.push(found.path.clone());
            }
            match files.len() > FILES_MAX {
                true => Next::Stop,
                false => Next::Into,
            }
        });
        walked.map(|_| files).unwrap_or_default()
    })
    .await
}

impl Survey {
    /// Whether a path lies in the folder that is always taken.
    pub(super) fn is_always(&self, path: &RepoPath) -> bool {
        !self.always_in.is_empty() && path.is_within(&self.always_in)
    }

    fn see(&mut self, found: &Found<'_>) -> Next {
        if is_git(found.path) {
            if let Some(folder) = parent(found.path) {
                self.repositories.push(folder);
            }
            return Next::Past;
        }
        if let Some(kind) = unreadable(found)
            && self.rules.len() < ODD_MAX
        {
            self.rules.push((found.path.clone(), kind));
        }
        let odd = match found.kind {
            Kind::Folder => None,
            Kind::File | Kind::Link => {
                if self.is_always(found.path) {
                    self.always.push(found.path.clone());
                }
                None
            }
            Kind::Special => Some(RefusalKind::SpecialFile),
            Kind::TooDeep => Some(RefusalKind::TooDeep),
            Kind::Closed => Some(RefusalKind::Unreadable),
        };
        if let Some(kind) = odd
            && self.odd.len() < ODD_MAX
        {
            self.odd.push((found.path.clone(), kind));
        }
        match self.always.len() > FILES_MAX || self.repositories.len() > FILES_MAX {
            true => {
                self.too_many = true;
                Next::Stop
            }
            false => Next::Into,
        }
    }
}

/// Why git may not open a file of rules; none if it is none, or an ordinary one. Links git does not follow there.
fn unreadable(found: &Found<'_>) -> Option<RefusalKind> {
    let name = found.path.parts().last()?;
    if !RULES.contains(&name) {
        return None;
    }
    let bytes = |found: &Found<'_>| found.stat.map_or(0, |stat| stat.st_size);
    match found.kind {
        Kind::Special => Some(RefusalKind::SpecialFile),
        Kind::File if u64::try_from(bytes(found)).is_ok_and(|size| size > RULES_BYTES_MAX) => {
            Some(RefusalKind::TooBig)
        }
        Kind::Folder | Kind::File | Kind::Link | Kind::TooDeep | Kind::Closed => None,
    }
}

fn place(root: &Path, path: &RepoPath) -> PathBuf {
    root.join(std::ffi::OsStr::from_bytes(path.as_bytes()))
}

/// Whether it is the `.git` of some folder, as git spells it.
fn is_git(path: &RepoPath) -> bool {
    path.parts().last() == Some(b".git")
}

/// The folder of a path below the top.
fn parent(path: &RepoPath) -> Option<RepoPath> {
    let at = path.as_bytes().iter().rposition(|byte| *byte == b'/')?;
    Some(RepoPath::new(&path.as_bytes()[..at]))
}

/// Looks at many files without holding up anything else.
async fn off_thread<T: Send + 'static>(
    root: PathBuf,
    look: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<T, GitError> {
    let path = root.clone();
    let looked = tokio::task::spawn_blocking(move || look(&root)).await;
    looked.map_err(|error| GitError::Io {
        path,
        source: std::io::Error::other(error),
    })
}
