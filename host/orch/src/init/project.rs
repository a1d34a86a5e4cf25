//! Reads a project's files at its base for the survey.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use orch_domain::id::ObjectId;
use orch_process::git::Git;
use orch_process::resolve_program;
use orch_survey::{Project, Surveyed, survey};

/// Most files that are looked at.
const FILES_MAX: usize = 200_000;
/// Largest file whose text is read, bytes.
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
    let read = |name: &str| {
        let path = tree.join(name);
        let meta = std::fs::symlink_metadata(&path).ok()?;
        let is_text = meta.is_file() && meta.len() <= TEXT_BYTES_MAX;
        is_text.then(|| std::fs::read_to_string(&path).ok())?
    };
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
