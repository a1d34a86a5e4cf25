//! What do the attributes of a commit ask for that the host does not do?
//!
//! The host runs no filter of a repository: a filter is a program. A file that is kept by a filter would land as
//! what lies in the work tree, in place of what the filter makes of it.

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::{Blob, Git, GitError};

/// Most files with attributes that are read: one for each folder of a large repository.
const FILES_MAX: usize = 5_000;
/// Largest such file that is read, bytes; git itself reads none above 100 MiB.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A rule that keeps files of a repository elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterRule {
    /// The file that holds the rule.
    pub file: RepoPath,
    /// The rule, for people.
    pub line: String,
}

impl Git {
    /// The first rule of `commit` that keeps files by Git LFS; none if there is none. A file of attributes that
    /// cannot be read counts as one, and says so.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn uses_lfs(&self, commit: &ObjectId) -> Result<Option<FilterRule>, GitError> {
        let listed = self.list(commit, "").await?;
        let mut files = listed
            .into_iter()
            .filter(|entry| entry.path.parts().last() == Some(b".gitattributes"))
            .filter(|entry| entry.mode.starts_with("100"));
        for entry in files.by_ref().take(FILES_MAX) {
            let rule = match self.read_blob(&entry, BYTES_MAX).await? {
                Blob::Text(text) => text.lines().find(|line| is_lfs(line)).map(shown),
                Blob::Missing => None,
                Blob::NotText | Blob::TooLarge(_) => Some("it cannot be read as text".to_owned()),
            };
            if let Some(line) = rule {
                let file = entry.path;
                return Ok(Some(FilterRule { file, line }));
            }
        }
        let more = files.next().map(|entry| FilterRule {
            file: entry.path,
            line: format!("there are more than {FILES_MAX} files of attributes"),
        });
        Ok(more)
    }
}

/// Whether a line gives files, or a macro, the filter of Git LFS.
fn is_lfs(line: &str) -> bool {
    let line = line.trim();
    !line.starts_with('#')
        && line
            .split_whitespace()
            .skip(1)
            .any(|word| word == "filter=lfs")
}

fn shown(line: &str) -> String {
    let visible = line.trim().chars().filter(|c| !c.is_control());
    visible.take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_is_found_as_a_word_after_its_pattern() {
        for line in [
            "*.bin filter=lfs diff=lfs merge=lfs -text",
            "  \"a b\" -text filter=lfs",
            "[attr]big filter=lfs -text",
        ] {
            assert!(is_lfs(line), "{line}");
        }
        for line in [
            "# *.bin filter=lfs",
            "filter=lfs",
            "*.bin -filter",
            "*.x filter=lfs2",
            "",
        ] {
            assert!(!is_lfs(line), "{line}");
        }
    }
}
