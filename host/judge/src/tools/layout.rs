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
use crate::facts::Submodules;

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
            lay_out_submodules(commits, place).await?;
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

/// The submodules of the head, from where the base says. A scanner that cannot see one has not seen what is judged.
async fn lay_out_submodules(commits: &Commits, place: &Place) -> Result<(), ToolError> {
    let Some(Submodules { copies, wanted }) = &commits.submodules else {
        return Ok(());
    };
    let Commits {
        git, head, base, ..
    } = commits;
    let laid = copies.lay_out(git, head, base, &place.tree, wanted).await;
    let left_out = laid.map_err(failed)?.left_out;
    match left_out.iter().find(|(_, why)| why.is_lack()) {
        Some((path, why)) => Err(failed(format!(
            "the submodule `{path}` cannot be had: {why}"
        ))),
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use orch_domain::submodule::Sources;
    use orch_process::git::{Git, Modules, Wanted};

    use super::*;

    fn git(folder: &Path, args: &[&str]) -> String {
        let who = ["-c", "user.name=x", "-c", "user.email=x@y"];
        let mut command = Command::new("git");
        let done = command.current_dir(folder).args(who).args(args).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{args:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// A repository with one commit, which holds these files and perhaps a link to another's commit.
    fn repository(folder: &Path, files: &[(&str, &str)], link: Option<(&str, &str)>) -> String {
        std::fs::create_dir_all(folder).unwrap();
        git(folder, &["init", "--quiet", "--initial-branch=main"]);
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        git(folder, &["add", "--all"]);
        if let Some((path, commit)) = link {
            let entry = format!("160000,{commit},{path}");
            git(folder, &["update-index", "--add", "--cacheinfo", &entry]);
        }
        git(folder, &["commit", "--quiet", "--message", "x"]);
        git(folder, &["rev-parse", "HEAD"])
    }

    #[tokio::test]
    async fn program_that_sees_a_checkout_sees_its_submodules_or_is_not_started() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("inner");
        let commit = repository(&inner, &[("in.txt", "inside\n")], None);
        let modules = format!(
            "[submodule \"v\"]\n\tpath = v\n\turl = {}\n",
            inner.display()
        );
        let outer = root.path().join("outer");
        let head = repository(&outer, &[(".gitmodules", &modules)], Some(("v", &commit)));
        let head = ObjectId::new(head).unwrap();
        let with = |from: &[String]| Commits {
            git: Git::at(outer.join(".git")).unwrap(),
            submodules: Some(Submodules {
                copies: Modules::at(root.path().join("copies")),
                wanted: Wanted {
                    sources: Sources {
                        parent: None,
                        from: from.to_vec(),
                    },
                    ..Wanted::default()
                },
            }),
            head: head.clone(),
            base: head.clone(),
        };
        let place = |name: &str| {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            Place::make(&folder).unwrap()
        };
        let (allowed, refused) = (place("allowed"), place("refused"));
        let commits = with(&[inner.display().to_string()]);
        commits.git.export(&head, &allowed.tree).await.unwrap();
        lay_out_submodules(&commits, &allowed).await.unwrap();
        let read = std::fs::read_to_string(allowed.tree.join("v/in.txt"));
        assert_eq!(read.unwrap(), "inside\n");
        let commits = with(&[]);
        commits.git.export(&head, &refused.tree).await.unwrap();
        let why = lay_out_submodules(&commits, &refused).await.unwrap_err();
        assert!(format!("{why:?}").contains("the submodule `v`"), "{why:?}");
    }
}
