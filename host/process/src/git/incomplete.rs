//! Which contents of a commit does a repository lack? A partial clone has some only where they came from.

use std::collections::BTreeSet;

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::tree::fields;
use super::{Git, GitError};

/// What a repository lacks of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// How many objects.
    pub objects: usize,
    /// A file whose content is one of them; none if it is a folder.
    pub file: Option<RepoPath>,
}

impl Git {
    /// What the repository lacks of the files of `commit`; none if it has them all. Nothing is fetched for it.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn lacks(&self, commit: &ObjectId) -> Result<Option<Lacking>, GitError> {
        let args = [
            "rev-list",
            "--objects",
            "--no-object-names",
            "--missing=print",
            "--no-walk",
            commit.as_str(),
        ];
        let listed = self.call(args).await?.stdout.bytes;
        let lines = listed.split(|byte| *byte == b'\n');
        let lacking: BTreeSet<&[u8]> = lines.filter_map(|line| line.strip_prefix(b"?")).collect();
        if lacking.is_empty() {
            return Ok(None);
        }
        // A folder that is lacking cannot be listed: then no file is named.
        let args = ["ls-tree", "-r", "-z", "--full-tree", commit.as_str()];
        let listed = match self.call(args).await {
            Ok(done) => done.stdout.bytes,
            Err(GitError::Failed { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let file = fields(&listed).find_map(|entry| {
            let at = entry.iter().position(|byte| *byte == b'\t')?;
            let (meta, path) = entry.split_at(at);
            let id = meta.rsplit(|byte| *byte == b' ').next()?;
            lacking.contains(id).then(|| RepoPath::new(&path[1..]))
        });
        Ok(Some(Lacking {
            objects: lacking.len(),
            file,
        }))
    }
}
