//! What lies in a run's folders when it begins? What the gate hands over, rules of the base, and what the run sees of
//! the repository.

use std::collections::BTreeMap;

use orch_config::CheckoutKind;
use orch_domain::id::ObjectId;
use orch_domain::imports::{Change, ToolError, ToolRequest};
use orch_domain::path::RepoPath;
use orch_process::git::{Blob, Git};

use super::place::{FILES_BYTES_MAX, Place, failed, inside, write};
use super::profile::Profile;

/// Largest changed file that is laid out for a scanner, bytes.
const CHANGED_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of all changed files together.
const CHANGED_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The commits that a run is about.
#[derive(Debug, Clone)]
pub(super) struct Commits {
    pub(super) git: Git,
    pub(super) head: ObjectId,
    /// Trusted: the branch has no say in it.
    pub(super) base: ObjectId,
}

/// Lays inputs, rules of the base and the checkout into place.
pub(super) async fn lay_out(
    commits: &Commits,
    profile: &Profile,
    request: &ToolRequest,
    place: &Place,
) -> Result<(), ToolError> {
    let size: usize = request
        .inputs
        .iter()
        .map(|(_, content)| content.len())
        .sum();
    if size as u64 > FILES_BYTES_MAX {
        return Err(failed(format!(
            "its inputs have {size} bytes, more than {FILES_BYTES_MAX}"
        )));
    }
    for (name, content) in &request.inputs {
        write(&inside(&place.scratch, name)?, content.as_bytes()).map_err(failed)?;
    }
    for trusted in profile.trusted {
        let text = match commits
            .git
            .read(&commits.base, trusted.path, FILES_BYTES_MAX)
            .await
        {
            Ok(Blob::Text(text)) => text,
            Ok(Blob::Missing) => trusted.otherwise.to_owned(),
            Ok(Blob::TooLarge(_) | Blob::NotText) => {
                return Err(failed(format!(
                    "`{}` of the base is not text",
                    trusted.path
                )));
            }
            Err(error) => return Err(failed(error)),
        };
        write(&place.scratch.join(trusted.name), text.as_bytes()).map_err(failed)?;
    }
    match profile.checkout {
        CheckoutKind::None => Ok(()),
        CheckoutKind::ReadOnly | CheckoutKind::DisposableCopy => commits
            .git
            .export(&commits.head, &place.tree)
            .await
            .map_err(failed),
        CheckoutKind::ChangedFiles => lay_out_changed(commits, place).await,
    }
}

/// The changed files as git stores them: attributes of the branch have no say.
async fn lay_out_changed(commits: &Commits, place: &Place) -> Result<(), ToolError> {
    let from = commits
        .git
        .merge_base(&commits.base, &commits.head)
        .await
        .map_err(failed)?;
    let changed = commits
        .git
        .changed(&from, &commits.head)
        .await
        .map_err(failed)?;
    let listed = commits.git.list(&commits.head, "").await.map_err(failed)?;
    let entries: BTreeMap<&RepoPath, _> = listed.iter().map(|e| (&e.path, e)).collect();
    let mut sum = 0;
    for file in changed.iter().filter(|f| f.change != Change::Deleted) {
        let Some(entry) = entries.get(&file.path) else {
            continue;
        };
        let bytes = commits
            .git
            .raw_blob(entry, CHANGED_FILE_BYTES_MAX)
            .await
            .map_err(failed)?;
        let Some(bytes) = bytes.filter(|_| !entry.is_repository()) else {
            if entry.is_repository() {
                continue;
            }
            return Err(failed(format!(
                "`{}` has {} bytes, too many to be scanned; keep such files out of the repository",
                file.path, entry.size
            )));
        };
        sum += bytes.len() as u64;
        if sum > CHANGED_BYTES_MAX {
            return Err(failed(format!(
                "the changed files have more than {CHANGED_BYTES_MAX} bytes"
            )));
        }
        // A link is laid out as a file with its target as text: nothing is followed.
        write(&inside(&place.tree, file.path.as_bytes())?, &bytes).map_err(failed)?;
    }
    Ok(())
}
