//! What lies in a run's folders when it begins? What the gate hands over, rules of the base, and what the run sees of
//! the repository.

use std::path::Path;

use orch_config::CheckoutKind;
use orch_domain::id::ObjectId;
use orch_domain::imports::{ToolError, ToolRequest};
use orch_process::git::Blob;

use super::configurations::configures_a_scanner;
use super::place::{FILES_BYTES_MAX, Place, failed, inside, write};
use super::profile::{Profile, View};
use super::shelf::Shelf;
use super::versions::{self, Beyond, Commits, Version};

/// Lays inputs, rules of the base and the checkout into place.
pub(super) async fn lay_out(
    commits: &Commits,
    profile: &Profile,
    request: &ToolRequest,
    place: &Place,
) -> Result<Shelf, ToolError> {
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
    match profile.view {
        View::Checkout(CheckoutKind::None) => {}
        View::Checkout(CheckoutKind::ReadOnly | CheckoutKind::DisposableCopy) => {
            let exported = commits.git.export(&commits.head, &place.tree).await;
            exported.map_err(failed)?;
            trust_configurations(commits, place).await?;
        }
        View::Checkout(CheckoutKind::ChangedFiles) => lay_out_changed(commits, place).await?,
        View::ChangedFiles => {
            let versions = versions::changed(commits).await?;
            return shelve(commits, place, &versions, Beyond::Refused).await;
        }
        View::EarlierVersions => {
            let versions = versions::earlier(commits).await?;
            return shelve(commits, place, &versions, Beyond::Refused).await;
        }
        View::Base => {
            let versions = versions::of_base(commits).await?;
            return shelve(commits, place, &versions, Beyond::LeftOut).await;
        }
    }
    Ok(Shelf::default())
}

/// The changed files as git stores them: attributes of the branch have no say. A file that would configure the tool
/// lies there under a name that does not.
async fn lay_out_changed(commits: &Commits, place: &Place) -> Result<(), ToolError> {
    let versions = versions::changed(commits).await?;
    versions::read(commits, &versions, Beyond::Refused, |version, bytes| {
        let path = version.path.to_string();
        let place = match configures_a_scanner(&path) {
            true => inside(&place.tree, format!("{path}.text"))?,
            // A link is laid out as a file with its target as text: nothing is followed.
            false => inside(&place.tree, version.path.as_bytes())?,
        };
        write(&place, bytes).map_err(failed)
    })
    .await
}

/// Versions for a scanner of secrets.
async fn shelve(
    commits: &Commits,
    place: &Place,
    versions: &[Version],
    beyond: Beyond,
) -> Result<Shelf, ToolError> {
    let mut shelf = Shelf::default();
    versions::read(commits, versions, beyond, |version, bytes| {
        let commit = version.commit.as_ref().map(ObjectId::as_str);
        let put = shelf.put(&place.tree, &version.path, commit, bytes);
        put.map_err(|error| failed(format!("`{}`: {error}", version.path)))
    })
    .await?;
    Ok(shelf)
}

/// Gives a checkout of the head the base's files that configure scanners in place of its own.
async fn trust_configurations(commits: &Commits, place: &Place) -> Result<(), ToolError> {
    let of = async |commit: &ObjectId| {
        let mut listed = commits.git.list(commit, "").await.map_err(failed)?;
        listed.retain(|entry| configures_a_scanner(&entry.path.to_string()));
        Ok::<_, ToolError>(listed)
    };
    let (head, base) = (of(&commits.head).await?, of(&commits.base).await?);
    for entry in &head {
        let path = inside(&place.tree, entry.path.as_bytes())?;
        std::fs::remove_file(&path).ok();
        if path.is_file() {
            return Err(failed(format!("`{}` cannot be replaced", entry.path)));
        }
    }
    for entry in base {
        let path = inside(&place.tree, entry.path.as_bytes())?;
        let Some(bytes) = commits
            .git
            .raw_blob(&entry, FILES_BYTES_MAX)
            .await
            .map_err(failed)?
        else {
            continue;
        };
        if has_plain_folders(&place.tree, &path) {
            write(&path, &bytes).map_err(failed)?;
        }
    }
    Ok(())
}

/// Whether no folder on the way from `root` to `path` is a link or a file of the branch.
fn has_plain_folders(root: &Path, path: &Path) -> bool {
    let folders = path.ancestors().skip(1);
    let mut folders = folders.take_while(|folder| *folder != root);
    folders.all(|folder| match std::fs::symlink_metadata(folder) {
        Ok(meta) => meta.is_dir(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    })
}
