//! Reads a project's files at its base for the survey.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, bail};
use orch_domain::id::ObjectId;
use orch_process::git::Git;
use orch_process::resolve_program;
use orch_survey::{Project, Surveyed, survey};

/// Most files that are looked at.
const FILES_MAX: usize = 200_000;
/// Bytes of a text that are read: what a lock file says of itself stands at its top, however long it is.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

/// What was found at a commit.
pub(crate) struct FoundProject {
    pub(crate) survey: Surveyed,
    /// Whether the repository has a configuration of its own there.
    pub(crate) has_file: bool,
    /// Whether there are links to commits of other repositories.
    pub(crate) has_submodules: bool,
}

/// Looks at the files of a commit, laid out in a folder that goes again.
pub(crate) async fn look_at(git: &Git, commit: &ObjectId) -> anyhow::Result<FoundProject> {
    if let Some(lacking) = git.lacks(commit).await? {
        let file = lacking.file.map(|file| format!(", such as of `{file}`"));
        bail!(
            "`{}` lacks content of {commit}{} ({} in all): it is a partial clone, or comes from one, and nothing can be \
             tested without it; clone the project anew without `--filter`, or get it with `git fetch --refetch \
             --no-filter` in the clone, then begin again",
            git.git_dir().display(),
            file.unwrap_or_default(),
            lacking.objects,
        );
    }
    let entries = git.list(commit, "").await?;
    let files: BTreeSet<String> = entries
        .iter()
        .filter(|entry| entry.mode.starts_with("100"))
        .take(FILES_MAX)
        .map(|entry| entry.path.to_string())
        .collect();
    let folder = tempfile::tempdir().context("a folder to look at the project")?;
    let tree = folder.path().join("tree");
    git.export(commit, &tree).await?;
    let path = std::env::var("PATH").unwrap_or_default();
    let read = |name: &str| beginning(&tree.join(name));
    let has_program = |name: &str| resolve_program(Path::new(name), &path).is_ok();
    let survey = survey(&Project {
        files: &files,
        read: &read,
        has_program: &has_program,
    });
    Ok(FoundProject {
        survey,
        has_file: files.contains(orch_config::REPO_FILE),
        has_submodules: entries.iter().any(|entry| entry.mode == "160000"),
    })
}

/// The beginning of a text; none if it is no file or no text.
fn beginning(path: &Path) -> Option<String> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    if !meta.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(TEXT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = match str::from_utf8(&bytes) {
        Ok(text) => text,
        // The last letter may be cut.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_known_by_its_beginning_and_what_is_no_text_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("yarn.lock");
        let long = format!("# yarn lockfile v1\n{}", "\u{e4}".repeat(200_000));
        std::fs::write(&lock, &long).unwrap();
        let read = beginning(&lock).unwrap();
        assert!(
            long.starts_with(&read) && read.len() > 250_000,
            "{}",
            read.len()
        );
        let picture = folder.path().join("a.png");
        std::fs::write(&picture, [0xff, 0xd8, 0xff, 0x00]).unwrap();
        assert_eq!(beginning(&picture), None);
        std::os::unix::fs::symlink(&lock, folder.path().join("link")).unwrap();
        assert_eq!(beginning(&folder.path().join("link")), None);
    }
}
