//! Reads commits: files, differences and history. How new trees are made is in `tree/made.rs`.

mod made;

use std::collections::BTreeMap;

use orch_domain::id::ObjectId;
use orch_domain::imports::Change;
use orch_domain::left::ChangeKind;
use orch_domain::path::RepoPath;

use super::{Git, GitError, object_id, safe};

/// Mode of a link to a commit of another repository.
pub(super) const GITLINK: &str = "160000";
/// Mode of a path that is not there.
const NOTHING: &str = "000000";

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Mode in octal, such as `100644`; `160000` is a nested repository.
    pub mode: String,
    /// Id of the content.
    pub blob: ObjectId,
    /// Size in bytes; 0 for a nested repository.
    pub size: u64,
    /// Path from the top.
    pub path: RepoPath,
}

impl TreeEntry {
    /// Whether it is a link to a commit of another repository: a submodule.
    pub fn is_repository(&self) -> bool {
        self.mode == GITLINK
    }
}

/// A path that differs between two commits or trees, with line counts; a binary file counts no lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Path from the top.
    pub path: RepoPath,
    /// How.
    pub change: Change,
    /// Lines that came.
    pub added: u32,
    /// Lines that went.
    pub removed: u32,
}

/// One path's new state in a difference of two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Mode before; `000000` if the path was not there.
    pub mode_before: String,
    /// New mode; `000000` if the path is gone.
    pub mode: String,
    /// New content; zeros if the path is gone.
    pub blob: ObjectId,
    /// Path from the top.
    pub path: RepoPath,
}

impl Delta {
    /// Whether the path is gone.
    pub fn is_removal(&self) -> bool {
        self.mode == NOTHING
    }

    /// How the path differs. Whatever happens to a link to another repository is of a kind of its own.
    pub fn kind(&self) -> ChangeKind {
        match (self.mode_before.as_str(), self.mode.as_str()) {
            (GITLINK, _) | (_, GITLINK) => ChangeKind::Gitlink,
            (NOTHING, _) => ChangeKind::Added,
            (_, NOTHING) => ChangeKind::Deleted,
            (_, _) => ChangeKind::Changed,
        }
    }
}

/// What reading a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// Its text.
    Text(String),
    /// There is no such file.
    Missing,
    /// It has more bytes than allowed.
    TooLarge(u64),
    /// It is not UTF-8.
    NotText,
}

impl Git {
    /// Every file below `prefix` (empty for all; a path as it is shown), in path order.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn list(&self, commit: &ObjectId, prefix: &str) -> Result<Vec<TreeEntry>, GitError> {
        let prefix = RepoPath::from_text(prefix);
        if prefix.is_empty() {
            return self.listed(commit, &[]).await;
        }
        safe_path(&prefix)?;
        // An argument is text: whatever is below a name that is none is picked out here.
        if let Ok(asked) = std::str::from_utf8(prefix.as_bytes()) {
            return self.listed(commit, &[asked]).await;
        }
        let mut entries = self.listed(commit, &[]).await?;
        entries.retain(|entry| entry.path.is_within(&prefix));
        Ok(entries)
    }

    /// Every file below any of `prefixes`, in path order, by one call; all if there are none.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn listed(
        &self,
        commit: &ObjectId,
        prefixes: &[&str],
    ) -> Result<Vec<TreeEntry>, GitError> {
        let mut args = vec!["ls-tree", "-r", "-z", "-l", "--full-tree", commit.as_str()];
        if !prefixes.is_empty() {
            args.push("--");
            args.extend(prefixes);
        }
        let literal = [("GIT_LITERAL_PATHSPECS", "1".as_ref())];
        let done = self.of_objects(&args, &literal).await?;
        let done = self.demanded(&args, done)?;
        fields(&done.stdout.bytes).map(tree_entry).collect()
    }

    /// Text of a file; `path` is as it is shown.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn read(
        &self,
        commit: &ObjectId,
        path: &str,
        bytes_max: u64,
    ) -> Result<Blob, GitError> {
        let entries = self.list(commit, path).await?;
        let path = RepoPath::from_text(path);
        let Some(entry) = entries.into_iter().find(|e| e.path == path) else {
            return Ok(Blob::Missing);
        };
        self.read_blob(&entry, bytes_max).await
    }

    /// Bytes of a listed file as they are stored, whatever attributes say of it; none for a submodule or a
    /// file above `bytes_max`.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn raw_blob(
        &self,
        entry: &TreeEntry,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, GitError> {
        if entry.is_repository() || entry.size > bytes_max {
            return Ok(None);
        }
        Ok(Some(self.blob(&entry.blob).await?))
    }

    /// Text of a listed file.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn read_blob(&self, entry: &TreeEntry, bytes_max: u64) -> Result<Blob, GitError> {
        if entry.is_repository() {
            return Ok(Blob::NotText);
        }
        if entry.size > bytes_max {
            return Ok(Blob::TooLarge(entry.size));
        }
        let bytes = self.blob(&entry.blob).await?;
        Ok(String::from_utf8(bytes).map_or(Blob::NotText, Blob::Text))
    }

    async fn blob(&self, blob: &ObjectId) -> Result<Vec<u8>, GitError> {
        let args = ["cat-file", "blob", blob.as_str()];
        let done = self.of_objects(&args, &[]).await?;
        Ok(self.demanded(&args, done)?.stdout.bytes)
    }

    /// Files that differ between two commits or trees, in path order.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn changed(&self, from: &ObjectId, to: &ObjectId) -> Result<Vec<Changed>, GitError> {
        let (from, to) = (from.as_str(), to.as_str());
        let diff = ["diff-tree", "-r", "-z", "--no-renames"];
        let listed = async |how: &str| {
            let args = [&diff[..], &[how, from, to]].concat();
            let done = self.of_objects(&args, &[]).await?;
            Ok::<_, GitError>(self.demanded(&args, done)?.stdout.bytes)
        };
        let (status, counts) = (listed("--name-status").await?, listed("--numstat").await?);
        let counts: BTreeMap<&[u8], (u32, u32)> = fields(&counts)
            .filter_map(|line| {
                let mut parts = line.splitn(3, |byte| *byte == b'\t');
                let mut lines = || Some(number(parts.next()?).unwrap_or(0));
                let (added, removed) = (lines()?, lines()?);
                Some((parts.next()?, (added, removed)))
            })
            .collect();
        let pairs: Vec<&[u8]> = fields(&status).collect();
        Ok(pairs
            .chunks_exact(2)
            .map(|pair| {
                let change = match pair[0] {
                    b"A" => Change::Added,
                    b"D" => Change::Deleted,
                    _ => Change::Modified,
                };
                let (added, removed) = counts.get(pair[1]).copied().unwrap_or((0, 0));
                Changed {
                    path: RepoPath::new(pair[1]),
                    change,
                    added,
                    removed,
                }
            })
            .collect())
    }

    /// Commits from `base` (exclusive) to `head`, newest first: id, author, subject and the value of the
    /// `Orch-Role` trailer. The trailer is a hint for display only.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn commits(
        &self,
        base: &ObjectId,
        head: &ObjectId,
        limit: u32,
    ) -> Result<Vec<(ObjectId, String, String)>, GitError> {
        let range = format!("{base}..{head}");
        let count = format!("--max-count={limit}");
        let text = self
            .text(["log", "-z", &count, "--format=%H%x1f%an%x1f%s", &range])
            .await?;
        text.split('\0')
            .filter(|line| !line.is_empty())
            .map(|line| {
                let mut parts = line.splitn(3, '\u{1f}');
                let sha = object_id("log", parts.next().unwrap_or_default().trim())?;
                let author = parts.next().unwrap_or_default().to_owned();
                Ok((sha, author, parts.next().unwrap_or_default().to_owned()))
            })
            .collect()
    }

    /// How `to` differs from `from`, path by path.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn delta(&self, from: &ObjectId, to: &ObjectId) -> Result<Vec<Delta>, GitError> {
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-abbrev",
            from.as_str(),
            to.as_str(),
        ];
        let done = self.of_objects(&args, &[]).await?;
        let listed = self.demanded(&args, done)?.stdout.bytes;
        let pairs: Vec<&[u8]> = fields(&listed).collect();
        pairs
            .chunks_exact(2)
            .map(|pair| {
                // `:mode mode id id status`
                let what = String::from_utf8_lossy(pair[0]);
                let mut parts = what.trim_start_matches(':').split_whitespace();
                let mut part = || parts.next().unwrap_or_default();
                let (mode_before, mode) = (part().to_owned(), part().to_owned());
                let (_before, blob) = (part(), part());
                Ok(Delta {
                    mode_before,
                    mode,
                    blob: object_id("diff-tree", blob)?,
                    path: RepoPath::new(pair[1]),
                })
            })
            .collect()
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn tree_of(&self, commit: &ObjectId) -> Result<ObjectId, GitError> {
        let tree = format!("{commit}^{{tree}}");
        let args = ["rev-parse", "--verify", &tree];
        let done = self.of_objects(&args, &[]).await?;
        let done = self.demanded(&args, done)?;
        object_id("rev-parse", done.stdout.text().trim())
    }
}

/// A path inside the repository: relative, without `..` and without a repository in it. Any other byte is a name.
fn safe_path(path: &RepoPath) -> Result<(), GitError> {
    let bad = path.is_empty()
        || path.as_bytes().starts_with(b"/")
        || path.as_bytes().contains(&0)
        || path
            .parts()
            .any(|part| part == b".." || part.eq_ignore_ascii_case(b".git"));
    if bad {
        Err(GitError::UnsafeName(path.to_string()))
    } else {
        Ok(())
    }
}

/// The parts of an output of `-z`.
pub(super) fn fields(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty())
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn tree_entry(line: &[u8]) -> Result<TreeEntry, GitError> {
    let unexpected = || GitError::Unexpected {
        command: "ls-tree".to_owned(),
        answer: String::from_utf8_lossy(line).chars().take(200).collect(),
    };
    let at = line.iter().position(|byte| *byte == b'\t');
    let (meta, path) = line.split_at(at.ok_or_else(unexpected)?);
    let meta = std::str::from_utf8(meta).map_err(|_| unexpected())?;
    let mut parts = meta.split_whitespace();
    let mode = parts.next().ok_or_else(unexpected)?.to_owned();
    let blob = object_id("ls-tree", parts.nth(1).ok_or_else(unexpected)?)?;
    let size = parts.next().and_then(|s| s.parse().ok()).unwrap_or(0);
    safe(blob.as_str())?;
    Ok(TreeEntry {
        mode,
        blob,
        size,
        path: RepoPath::new(&path[1..]),
    })
}
