//! Which versions of files does a scanner of secrets have to see?
//!
//! They are read as git stores them, by their ids: attributes, filters and the configuration of a repository have no
//! say in what is scanned.

use std::collections::{BTreeMap, BTreeSet};

use orch_domain::id::ObjectId;
use orch_domain::imports::{Change, ToolError};
use orch_domain::path::RepoPath;
use orch_process::git::{BLOBS_BYTES_MAX, Git, TreeEntry};

use super::place::failed;
use crate::facts::Submodules;

/// Largest file that is laid out for a scanner, bytes.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of all files together.
const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most commits of a branch that are looked at.
const COMMITS_MAX: usize = 20_000;
/// Most versions of files that are laid out.
const VERSIONS_MAX: usize = 200_000;

/// The commits that a run is about.
#[derive(Debug, Clone)]
pub(super) struct Commits {
    pub(super) git: Git,
    pub(super) submodules: Option<Submodules>,
    pub(super) head: ObjectId,
    /// Trusted: the branch has no say in it.
    pub(super) base: ObjectId,
}

/// A version of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) path: RepoPath,
    pub(super) blob: ObjectId,
    pub(super) size: u64,
    /// The commit that brought it; none for the one that is there now.
    pub(super) commit: Option<ObjectId>,
}

/// What becomes of versions beyond the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Nothing is scanned: what is not looked at must not look clean.
    Refused,
    /// They are left out: what is not known of the base excuses nothing.
    LeftOut,
}

fn version(entry: &TreeEntry) -> Version {
    Version {
        path: entry.path.clone(),
        blob: entry.blob.clone(),
        size: entry.size,
        commit: None,
    }
}

/// The files of a commit that are none of another repository.
async fn files(commits: &Commits, commit: &ObjectId) -> Result<Vec<TreeEntry>, ToolError> {
    let mut listed = commits.git.list(commit, "").await.map_err(failed)?;
    listed.retain(|entry| !entry.is_repository());
    Ok(listed)
}

/// The files that the branch changed, as they are at its head.
pub(super) async fn changed(commits: &Commits) -> Result<Vec<Version>, ToolError> {
    let git = &commits.git;
    let from = git.merge_base(&commits.base, &commits.head).await;
    let from = from.map_err(failed)?;
    let changed = git.changed(&from, &commits.head).await.map_err(failed)?;
    let changed: BTreeSet<RepoPath> = (changed.into_iter())
        .filter(|file| file.change != Change::Deleted)
        .map(|file| file.path)
        .collect();
    let listed = files(commits, &commits.head).await?;
    let of_branch = listed.iter().filter(|entry| changed.contains(&entry.path));
    Ok(of_branch.map(version).collect())
}

/// The versions that the branch's commits bring and that are not the ones at its head, each under the latest commit
/// that brought it.
pub(super) async fn earlier(commits: &Commits) -> Result<Vec<Version>, ToolError> {
    let git = &commits.git;
    let introduced = git.introduced(&commits.base, &commits.head, COMMITS_MAX);
    let introduced = introduced.await.map_err(failed)?;
    let now = files(commits, &commits.head).await?;
    let mut seen: BTreeSet<(&RepoPath, &ObjectId)> =
        now.iter().map(|entry| (&entry.path, &entry.blob)).collect();
    let mut earlier = Vec::new();
    for one in &introduced {
        if seen.insert((&one.path, &one.blob)) {
            earlier.push(one);
        }
    }
    let ids: Vec<&ObjectId> = earlier.iter().map(|one| &one.blob).collect();
    let sizes = git.blob_sizes(&ids).await.map_err(failed)?;
    let versions = earlier.iter().zip(sizes).map(|(one, size)| {
        let missing = || failed(format!("the content of `{}` is missing", one.path));
        Ok(Version {
            path: one.path.clone(),
            blob: one.blob.clone(),
            size: size.ok_or_else(missing)?,
            commit: Some(one.commit.clone()),
        })
    });
    versions.collect()
}

/// The files of the base: where it is now, and where the branch left it as far as the branch changed them. Those that
/// the branch changed come first, for the bounds may cut the rest.
pub(super) async fn of_base(commits: &Commits) -> Result<Vec<Version>, ToolError> {
    let git = &commits.git;
    let from = git.merge_base(&commits.base, &commits.head).await;
    let from = from.map_err(failed)?;
    let changed = git.changed(&from, &commits.head).await.map_err(failed)?;
    let changed: BTreeSet<RepoPath> = changed.into_iter().map(|file| file.path).collect();
    let mut now = files(commits, &commits.base).await?;
    now.sort_by_key(|entry| !changed.contains(&entry.path));
    let then = files(commits, &from).await?;
    let known: BTreeMap<&RepoPath, &ObjectId> =
        now.iter().map(|entry| (&entry.path, &entry.blob)).collect();
    let then = then.iter().filter(|entry| {
        changed.contains(&entry.path) && known.get(&entry.path) != Some(&&entry.blob)
    });
    Ok(then.chain(&now).map(version).collect())
}

/// Reads versions and hands each on with its bytes.
pub(super) async fn read(
    commits: &Commits,
    versions: &[Version],
    beyond: Beyond,
    mut take: impl FnMut(&Version, &[u8]) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    let within = within_bounds(versions, beyond)?;
    let mut rest = within.as_slice();
    while !rest.is_empty() {
        let mut sum = 0;
        let fits = rest.iter().take_while(|version| {
            sum += version.size;
            sum <= BLOBS_BYTES_MAX
        });
        let count = fits.count().max(1);
        let (now, later) = rest.split_at(count);
        let ids: Vec<&ObjectId> = now.iter().map(|version| &version.blob).collect();
        let contents = commits.git.blobs(&ids).await.map_err(failed)?;
        for (version, content) in now.iter().zip(contents) {
            match (content, beyond) {
                (Some(bytes), _) => take(version, &bytes)?,
                (None, Beyond::LeftOut) => {}
                (None, Beyond::Refused) => {
                    let what = format!("the content of `{}` is missing", version.path);
                    return Err(failed(what));
                }
            }
        }
        rest = later;
    }
    Ok(())
}

fn within_bounds(versions: &[Version], beyond: Beyond) -> Result<Vec<&Version>, ToolError> {
    let mut sum = 0;
    let mut within = Vec::new();
    for version in versions {
        let problem = if version.size > FILE_BYTES_MAX {
            let (path, size) = (&version.path, version.size);
            format!(
                "`{path}` has {size} bytes, too many to be scanned; keep such files out of the repository"
            )
        } else if sum + version.size > BYTES_MAX {
            format!("the changed files have more than {BYTES_MAX} bytes")
        } else if within.len() == VERSIONS_MAX {
            format!("there are more than {VERSIONS_MAX} versions of changed files")
        } else {
            sum += version.size;
            within.push(version);
            continue;
        };
        if beyond == Beyond::Refused {
            return Err(failed(problem));
        }
    }
    Ok(within)
}
