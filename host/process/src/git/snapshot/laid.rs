//! Are the submodules of a work tree as they were laid out? Read by the host's own copies: no git is started in there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use orch_domain::path::RepoPath;

use crate::git::{Git, GitError, Modules, Placed};

/// Submodules that were laid out, by path, with their files that are not as they were.
#[derive(Debug, Default)]
pub(super) struct Laid(BTreeMap<RepoPath, Vec<RepoPath>>);

impl Laid {
    pub(super) async fn look(
        git: &Git,
        modules: &Modules,
        placed: &[Placed],
        work_tree: &Path,
    ) -> Result<Self, GitError> {
        let mut all = BTreeMap::new();
        for one in placed {
            let path = RepoPath::new(one.path.clone());
            let Some((copy, commit)) = modules.copy_of(git, one) else {
                continue;
            };
            let Some(folder) = folder_at(work_tree, &path) else {
                // What is there instead is named: the folder itself, or the whole of an inner one.
                all.insert(path.clone(), vec![path]);
                continue;
            };
            let changed = copy.changed_in(&commit, &folder).await?;
            let named = changed
                .into_iter()
                .map(|inner| RepoPath::new([path.as_bytes(), b"/", inner.as_bytes()].concat()));
            let named = named.collect();
            all.insert(path, named);
        }
        Ok(Self(all))
    }

    /// Files of a submodule, and of those inside of it, that are not as they were; none if it was not laid out.
    pub(super) fn changed(&self, path: &RepoPath) -> Option<Vec<RepoPath>> {
        self.0.get(path)?;
        let within = self.0.iter().filter(|(one, _)| one.is_within(path));
        Some(within.flat_map(|(_, changed)| changed.clone()).collect())
    }
}

/// A folder of the work tree, if it is one and no link leads there.
fn folder_at(root: &Path, path: &RepoPath) -> Option<std::path::PathBuf> {
    let mut place = root.to_owned();
    for part in path.parts() {
        place.push(OsStr::from_bytes(part));
        let meta = std::fs::symlink_metadata(&place).ok()?;
        if !meta.is_dir() {
            return None;
        }
    }
    Some(place)
}
