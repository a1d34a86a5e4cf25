//! What does a work tree that somebody else wrote hold, as a tree of git, and what of it can no tree hold?
//!
//! The tree is asked about by name and never trusted: nothing that lies in it is run or followed, and whatever
//! cannot be taken is answered by its path and the reason, never as an error. An error means that the host's own
//! side failed: its mirror, its disk, its git.

mod index;
mod laid;
mod nested;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use orch_domain::id::ObjectId;
use orch_domain::left::{Refusal, RefusalKind};
use orch_domain::path::RepoPath;
use rustix::fs::OFlags;

use super::names::{is_forbidden, is_forbidden_link};
use super::tree::GITLINK;
use super::{Git, GitError, Modules, Placed, scratch};
use index::Index;
use laid::Laid;
use survey::Survey;

/// Most new files of one change. A vendored tree of dependencies has some ten thousand; what has more was
/// generated, and no person or gate looks at it.
pub(super) const NEW_FILES_MAX: usize = 50_000;
/// Largest new or grown file, bytes: what forges take at most without LFS.
pub(super) const FILE_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// Largest sum of new and grown files, bytes: it is hashed, stored and pushed while a task waits.
const SUM_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Most refusals that are named: the first ones say what happened, and a finding has to be read by somebody.
const REFUSED_MAX: usize = 50;

/// A work tree as git takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The tree; of a work tree that is gone, or that git must not look at, the one it began with.
    pub tree: ObjectId,
    /// What is not in it, though it is there, by path; at most some dozens.
    pub refused: Vec<Refusal>,
}

/// What the index before says of a path.
struct Tracked {
    mode: String,
    size: u64,
}

/// What a snapshot is made of so far.
struct Taking {
    root: PathBuf,
    /// Paths whose state goes into the index.
    paths: Vec<RepoPath>,
    /// Paths that are not there any more.
    gone: Vec<RepoPath>,
    refused: BTreeSet<Refusal>,
    new_files: usize,
    bytes: u64,
    /// Submodules that were laid out.
    laid: Laid,
}

impl Git {
    /// Makes a tree of a work tree as it is, on top of the commit or tree `parent`. What git ignores stays out,
    /// unless it lies in the folder `always`; so do `.git` folders and files. A repository below the tree without a
    /// commit is taken as the plain files it holds; one with commits is refused. Rights that lack are given first.
    ///
    /// # Errors
    /// [`GitError`]; whatever is wrong with the work tree is no error.
    pub async fn snapshot(
        &self,
        work_tree: &Path,
        parent: &ObjectId,
        always: &str,
    ) -> Result<Snapshot, GitError> {
        self.snapshot_beside(work_tree, parent, always, None).await
    }

    /// The same of a work tree in which submodules were laid out: those that are as they were stay links to their
    /// commits, and every file of one that was changed is refused by its name. What is new in one is left alone: tests
    /// and builds leave files there, and no commit of this repository could hold them.
    ///
    /// # Errors
    /// [`GitError`]; whatever is wrong with the work tree is no error.
    pub async fn snapshot_beside(
        &self,
        work_tree: &Path,
        parent: &ObjectId,
        always: &str,
        laid_out: Option<(&Modules, &[Placed])>,
    ) -> Result<Snapshot, GitError> {
        let always = RepoPath::from_text(always);
        let survey = match survey::look(work_tree.to_owned(), always).await? {
            Ok(survey) => survey,
            Err(kind) => {
                let path = RepoPath::default();
                let refused = vec![Refusal { path, kind }];
                let tree = self.tree_of(parent).await?;
                return Ok(Snapshot { tree, refused });
            }
        };
        let scratch = scratch()?;
        let index = Index {
            git: self,
            file: scratch.path().join("index"),
            work_tree,
        };
        let traps = index.traps(&survey).await?;
        if !traps.is_empty() {
            let tree = self.tree_of(parent).await?;
            return Ok(Snapshot {
                tree,
                refused: traps,
            });
        }
        index.read_tree(parent).await?;
        let tracked = self.tracked(parent).await?;
        let mut taking = Taking::of(work_tree, &survey);
        if let Some((modules, placed)) = laid_out {
            taking.laid = Laid::look(self, modules, placed, work_tree).await?;
        }
        let (others, nested) = index.others(&mut taking).await?;
        let plain = index.of_nested(nested, &survey, &mut taking).await?;
        let own: BTreeSet<&RepoPath> = survey.always.iter().collect();
        let others: BTreeSet<&RepoPath> = others.iter().chain(&plain).chain(own).collect();
        let fresh = others.into_iter().filter(|p| !tracked.contains_key(*p));
        taking.take_new(fresh);
        taking.take_known(&tracked);
        index.put(&mut taking).await?;
        for (path, kind) in index.not_ignored(survey.odd).await? {
            taking.refuse(path, kind);
        }
        let tree = index.write_tree().await?;
        let refused = taking.refused.into_iter().take(REFUSED_MAX).collect();
        Ok(Snapshot { tree, refused })
    }

    async fn tracked(&self, parent: &ObjectId) -> Result<BTreeMap<RepoPath, Tracked>, GitError> {
        let listed = self.list(parent, "").await?;
        let tracked = listed.into_iter().map(|entry| {
            let (mode, size) = (entry.mode, entry.size);
            (entry.path, Tracked { mode, size })
        });
        Ok(tracked.collect())
    }
}

impl Taking {
    fn of(root: &Path, survey: &Survey) -> Self {
        let mut taking = Self {
            root: root.to_owned(),
            paths: Vec::new(),
            gone: Vec::new(),
            refused: BTreeSet::new(),
            new_files: 0,
            bytes: 0,
            laid: Laid::default(),
        };
        if survey.too_many {
            taking.refuse(RepoPath::default(), RefusalKind::TooManyFiles);
        }
        taking
    }

    fn refuse(&mut self, path: RepoPath, kind: RefusalKind) {
        self.refused.insert(Refusal { path, kind });
    }

    fn place(&self, path: &RepoPath) -> PathBuf {
        self.root.join(std::ffi::OsStr::from_bytes(path.as_bytes()))
    }

    /// Takes files that the index does not know.
    fn take_new<'a>(&mut self, paths: impl Iterator<Item = &'a RepoPath>) {
        for path in paths {
            let Ok(meta) = std::fs::symlink_metadata(self.place(path)) else {
                // It is listed and cannot be looked at; had it gone, nobody would miss it.
                self.refuse(path.clone(), RefusalKind::Unreadable);
                continue;
            };
            let kind = meta.file_type();
            if is_forbidden(path) || (kind.is_symlink() && is_forbidden_link(path)) {
                self.refuse(path.clone(), RefusalKind::ForbiddenName);
            } else if kind.is_file() || kind.is_symlink() {
                self.new_files += 1;
                if self.new_files > NEW_FILES_MAX {
                    self.refuse(RepoPath::default(), RefusalKind::TooManyFiles);
                    return;
                }
                self.take(path, meta.len(), kind.is_file());
            }
        }
    }

    /// Takes what became of the files that the index knows.
    fn take_known(&mut self, tracked: &BTreeMap<RepoPath, Tracked>) {
        let mut folders = BTreeMap::new();
        for (path, before) in tracked {
            let place = self.place(path);
            let is_there = match is_in_folders(&self.root, path, &mut folders) {
                true => std::fs::symlink_metadata(&place),
                false => Err(std::io::ErrorKind::NotADirectory.into()),
            };
            match is_there {
                Ok(meta) if before.mode == GITLINK => self.gitlink(path, &place, meta.is_dir()),
                Ok(meta) => self.known(path, before, &meta),
                Err(error) if is_gone(&error) => self.gone.push(path.clone()),
                // It may be there all the same: nobody says that it was deleted.
                Err(_) => self.refuse(path.clone(), RefusalKind::Unreadable),
            }
        }
    }

    /// Takes a file that the index knows and that is something still.
    fn known(&mut self, path: &RepoPath, before: &Tracked, meta: &std::fs::Metadata) {
        let kind = meta.file_type();
        if kind.is_dir() {
            // The files in it are new ones.
            self.gone.push(path.clone());
        } else if kind.is_symlink() && is_forbidden_link(path) {
            self.refuse(path.clone(), RefusalKind::ForbiddenName);
        } else if kind.is_file() || kind.is_symlink() {
            let counts = match meta.len() > before.size {
                true => meta.len(),
                false => 0,
            };
            self.take(path, counts, kind.is_file());
        }
        // Any other kind is named by the survey; what was there before stays.
    }

    /// What lies in the folder of a submodule is what was laid out there, or somebody's work, which no commit of this
    /// repository holds.
    fn gitlink(&mut self, path: &RepoPath, place: &Path, is_folder: bool) {
        let is_empty = std::fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
        if is_folder && is_empty {
            return;
        }
        if let Some(changed) = self.laid.changed(path)
            && is_folder
            && std::fs::symlink_metadata(place.join(".git")).is_err()
        {
            for path in changed {
                self.refuse(path, RefusalKind::Submodule);
            }
            return;
        }
        if is_folder {
            self.refuse(path.clone(), RefusalKind::NestedRepository);
        }
        // Git reads where the other repository stands, and says so as a difference.
        self.paths.push(path.clone());
    }

    /// Takes a file of which `bytes` count, if it can be read and fits.
    fn take(&mut self, path: &RepoPath, bytes: u64, is_file: bool) {
        if is_file && bytes > FILE_BYTES_MAX {
            self.refuse(path.clone(), RefusalKind::TooBig);
        } else if is_file && !is_readable(&self.place(path)) {
            self.refuse(path.clone(), RefusalKind::Unreadable);
        } else {
            self.bytes = self.bytes.saturating_add(bytes);
            if self.bytes > SUM_BYTES_MAX {
                self.refuse(RepoPath::default(), RefusalKind::TooBig);
                return;
            }
            self.paths.push(path.clone());
        }
    }
}

/// Whether every folder on the way to `path` is one, and no link to somewhere else. What is known of folders is kept
/// in `known`.
fn is_in_folders(root: &Path, path: &RepoPath, known: &mut BTreeMap<RepoPath, bool>) -> bool {
    let bytes = path.as_bytes();
    let Some(at) = bytes.iter().rposition(|byte| *byte == b'/') else {
        return true;
    };
    let folder = RepoPath::new(&bytes[..at]);
    if let Some(is_folder) = known.get(&folder) {
        return *is_folder;
    }
    let place = root.join(std::ffi::OsStr::from_bytes(folder.as_bytes()));
    let is_folder = is_in_folders(root, &folder, known)
        && match std::fs::symlink_metadata(place) {
            Ok(meta) => meta.is_dir(),
            // Whether the file is there cannot be said; whoever looks at it finds the same.
            Err(error) => !is_gone(&error),
        };
    known.insert(folder, is_folder);
    is_folder
}

/// Whether nothing is there: neither the name nor, in place of a folder on the way, a folder.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

fn is_readable(path: &Path) -> bool {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = File::options().read(true).custom_flags(flags).open(path);
    opened.is_ok_and(|file| file.metadata().is_ok_and(|meta| meta.is_file()))
}
