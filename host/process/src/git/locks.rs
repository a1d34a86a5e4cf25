//! Locks that a git of the past left in a repository: a power cut leaves them, and every later write fails.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Git, GitError};
use crate::identity::{all_pids, has_variable};

/// How long a git of a dead host may take to end by itself.
const END_MAX: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);

impl Git {
    /// Removes locks that no running git holds; answers which. Only for a caller that has the repository to
    /// itself and has no git of its own running in it.
    ///
    /// # Errors
    /// [`GitError::Io`] when a lock cannot be removed.
    pub async fn remove_stale_locks(&self) -> Result<Vec<PathBuf>, GitError> {
        let mark = format!("GIT_DIR={}", self.git_dir.display());
        let begun = Instant::now();
        while all_pids().into_iter().any(|pid| has_variable(pid, &mark)) {
            if begun.elapsed() > END_MAX {
                // It works on something; what it locks is its own.
                tracing::warn!(git_dir = %self.git_dir.display(), "a git of the past still works here; its locks stay");
                return Ok(Vec::new());
            }
            tokio::time::sleep(LOOK).await;
        }
        let mut found = Vec::new();
        locks_in(&self.git_dir, &mut found);
        for path in &found {
            std::fs::remove_file(path).map_err(|source| GitError::Io {
                path: path.clone(),
                source,
            })?;
        }
        Ok(found)
    }
}

/// Every `*.lock` of the repository's own files; objects have none.
fn locks_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name() != "objects" {
            locks_in(&path, found);
        } else if path.extension().is_some_and(|e| e == "lock") {
            found.push(path);
        }
    }
}
