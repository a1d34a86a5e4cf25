//! One look through the whole work tree before git is asked: mends rights, and finds what git says nothing about.

use std::path::{Path, PathBuf};

use orch_domain::left::RefusalKind;
use orch_domain::path::RepoPath;

use crate::files::{Found, Kind, Mending, Next, Walked, walk};
use crate::git::GitError;

/// Most odd names that are kept: each is asked about and named.
const ODD_MAX: usize = 1_000;
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
