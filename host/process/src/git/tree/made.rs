//! Makes trees of commits: without a folder, with other files, with a difference applied. Each in a private index.

use std::path::Path;

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::{Delta, safe_path};
use crate::git::{Git, GitError, object_id, scratch};
use crate::run::Finished;

impl Git {
    /// The tree of `commit` without `folder`: what a verdict about code is bound to.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn code_tree(&self, commit: &ObjectId, folder: &str) -> Result<ObjectId, GitError> {
        // No command of git's, but as fixed as one: the same objects make the same tree.
        let question = ["code-tree", commit.as_str(), folder];
        let done = match self.answers.known(&question) {
            Some(known) => known,
            None => {
                let listed = self.list(commit, folder).await?;
                let mut info = Vec::new();
                for entry in &listed {
                    index_line(&mut info, "0", &nothing(commit), &entry.path);
                }
                let done = self.write_tree(commit, &info).await?;
                self.answers.keep(&question, &done);
                done
            }
        };
        object_id("write-tree", done.stdout.text().trim())
    }

    /// The tree of `commit` with files written (`Some`) and removed (`None`), built in a private index; paths are as
    /// they are shown.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn tree_with(
        &self,
        commit: &ObjectId,
        files: &[(String, Option<Vec<u8>>)],
    ) -> Result<ObjectId, GitError> {
        let mut info = Vec::new();
        for (path, content) in files {
            let path = RepoPath::from_text(path);
            safe_path(&path)?;
            match content {
                Some(bytes) => {
                    let blob = self.write_blob(bytes).await?;
                    index_line(&mut info, "100644", blob.as_str(), &path);
                }
                None => index_line(&mut info, "0", &nothing(commit), &path),
            }
        }
        self.tree_of_index(commit, &info).await
    }

    /// The tree of `commit` with a difference applied: paths that the difference does not name stay as they
    /// are in `commit`. A file that stands where a folder has to be gives way to it, and the other way round.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn apply(&self, commit: &ObjectId, delta: &[Delta]) -> Result<ObjectId, GitError> {
        let mut info = Vec::new();
        for change in delta {
            safe_path(&change.path)?;
            let mode = if change.is_removal() {
                "0"
            } else {
                change.mode.as_str()
            };
            index_line(&mut info, mode, change.blob.as_str(), &change.path);
        }
        self.tree_of_index(commit, &info).await
    }

    /// The tree of `commit` after the lines of `info` went into an index of it.
    async fn tree_of_index(&self, commit: &ObjectId, info: &[u8]) -> Result<ObjectId, GitError> {
        let done = self.write_tree(commit, info).await?;
        object_id("write-tree", done.stdout.text().trim())
    }

    async fn write_tree(&self, commit: &ObjectId, info: &[u8]) -> Result<Finished, GitError> {
        let scratch = scratch()?;
        let index = scratch.path().join("index");
        let env = [("GIT_INDEX_FILE", index.as_os_str())];
        self.with(&["read-tree", commit.as_str()], &env, None, &[])
            .await?;
        if !info.is_empty() {
            let args = ["update-index", "--replace", "-z", "--index-info"];
            self.with(&args, &env, None, info).await?;
        }
        self.with(&["write-tree"], &env, None, &[]).await
    }

    async fn write_blob(&self, bytes: &[u8]) -> Result<ObjectId, GitError> {
        if bytes.is_empty() {
            // An empty input would be taken for none.
            let done = self
                .with(
                    &["hash-object", "-w", "--", "/dev/null"],
                    &[],
                    Some(Path::new("/")),
                    &[],
                )
                .await?;
            return object_id("hash-object", done.stdout.text().trim());
        }
        let done = self
            .with(&["hash-object", "-w", "--stdin"], &[], None, bytes)
            .await?;
        object_id("hash-object", done.stdout.text().trim())
    }
}

fn index_line(info: &mut Vec<u8>, mode: &str, id: &str, path: &RepoPath) {
    info.extend_from_slice(format!("{mode} {id}\t").as_bytes());
    info.extend_from_slice(path.as_bytes());
    info.push(0);
}

/// The id that stands for no content, as long as the ids of this repository.
fn nothing(like: &ObjectId) -> String {
    "0".repeat(like.as_str().len())
}
