//! Reads commits: files, differences, history, and the tree without a folder.

use std::path::Path;

use orch_domain::id::ObjectId;
use orch_domain::imports::{Change, ChangedFile};

use super::{Git, GitError, object_id, safe};

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
    pub path: String,
}

/// One path's new state in a difference of two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// New mode; `000000` if the path is gone.
    pub mode: String,
    /// New content; zeros if the path is gone.
    pub blob: ObjectId,
    /// Path from the top.
    pub path: String,
}

impl Delta {
    /// Whether the path is gone.
    pub fn is_removal(&self) -> bool {
        self.mode == "000000"
    }

    /// Whether the path is a nested repository.
    pub fn is_repository(&self) -> bool {
        self.mode == "160000"
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
    /// Every file below `prefix` (empty for all), in path order.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn list(&self, commit: &ObjectId, prefix: &str) -> Result<Vec<TreeEntry>, GitError> {
        let mut args = vec!["ls-tree", "-r", "-z", "-l", "--full-tree", commit.as_str()];
        if !prefix.is_empty() {
            safe_path(prefix)?;
            args.extend(["--", prefix]);
        }
        let done = self
            .with(&args, &[("GIT_LITERAL_PATHSPECS", "1".as_ref())], None, &[])
            .await?;
        let text = done.stdout.text();
        text.split('\0')
            .filter(|line| !line.is_empty())
            .map(tree_entry)
            .collect()
    }

    /// Text of a file.
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
        if entry.mode == "160000" || entry.size > bytes_max {
            return Ok(None);
        }
        let done = self.call(["cat-file", "blob", entry.blob.as_str()]).await?;
        Ok(Some(done.stdout.bytes))
    }

    /// Text of a listed file.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn read_blob(&self, entry: &TreeEntry, bytes_max: u64) -> Result<Blob, GitError> {
        if entry.mode == "160000" {
            return Ok(Blob::NotText);
        }
        if entry.size > bytes_max {
            return Ok(Blob::TooLarge(entry.size));
        }
        let done = self.call(["cat-file", "blob", entry.blob.as_str()]).await?;
        Ok(String::from_utf8(done.stdout.bytes).map_or(Blob::NotText, Blob::Text))
    }

    /// Files that differ between two commits or trees, with line counts; a binary file counts no lines.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn changed(
        &self,
        from: &ObjectId,
        to: &ObjectId,
    ) -> Result<Vec<ChangedFile>, GitError> {
        let (from, to) = (from.as_str(), to.as_str());
        let status = self
            .text([
                "diff-tree",
                "-r",
                "-z",
                "--no-renames",
                "--name-status",
                from,
                to,
            ])
            .await?;
        let counts = self
            .text([
                "diff-tree",
                "-r",
                "-z",
                "--no-renames",
                "--numstat",
                from,
                to,
            ])
            .await?;
        let counts: Vec<(u32, u32, &str)> = counts
            .split('\0')
            .filter_map(|line| {
                let mut parts = line.splitn(3, '\t');
                let added = parts.next()?.parse().unwrap_or(0);
                let removed = parts.next()?.parse().unwrap_or(0);
                Some((added, removed, parts.next()?))
            })
            .collect();
        let fields: Vec<&str> = status.split('\0').filter(|f| !f.is_empty()).collect();
        Ok(fields
            .chunks_exact(2)
            .map(|pair| {
                let change = match pair[0] {
                    "A" => Change::Added,
                    "D" => Change::Deleted,
                    _ => Change::Modified,
                };
                let found = counts.iter().find(|(_, _, path)| *path == pair[1]);
                let (added, removed) = found.map_or((0, 0), |(a, r, _)| (*a, *r));
                ChangedFile {
                    path: pair[1].to_owned(),
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

    /// The tree of `commit` without `folder`: what a verdict about code is bound to.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn code_tree(&self, commit: &ObjectId, folder: &str) -> Result<ObjectId, GitError> {
        let removed = self
            .list(commit, folder)
            .await?
            .into_iter()
            .map(|entry| (entry.path, None))
            .collect::<Vec<_>>();
        self.tree_with(commit, &removed).await
    }

    /// The tree of `commit` with files written (`Some`) and removed (`None`), built in a private index.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn tree_with(
        &self,
        commit: &ObjectId,
        files: &[(String, Option<Vec<u8>>)],
    ) -> Result<ObjectId, GitError> {
        let scratch = tempfile::tempdir().map_err(|source| GitError::Io {
            path: std::env::temp_dir(),
            source,
        })?;
        let index = scratch.path().join("index");
        let env = [("GIT_INDEX_FILE", index.as_os_str())];
        self.with(&["read-tree", commit.as_str()], &env, None, &[])
            .await?;
        if !files.is_empty() {
            let mut info = Vec::new();
            for (path, content) in files {
                safe_path(path)?;
                match content {
                    Some(bytes) => {
                        let blob = self.write_blob(bytes).await?;
                        info.extend_from_slice(format!("100644 {blob}\t{path}\0").as_bytes());
                    }
                    None => {
                        let zeros = "0".repeat(commit.as_str().len());
                        info.extend_from_slice(format!("0 {zeros}\t{path}\0").as_bytes());
                    }
                }
            }
            self.with(&["update-index", "-z", "--index-info"], &env, None, &info)
                .await?;
        }
        let done = self.with(&["write-tree"], &env, None, &[]).await?;
        object_id("write-tree", done.stdout.text().trim())
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
        let text = self.call(args).await?.stdout.text();
        let fields: Vec<&str> = text.split('\0').filter(|f| !f.is_empty()).collect();
        fields
            .chunks_exact(2)
            .map(|pair| {
                let mut parts = pair[0].split_whitespace();
                let mode = parts.nth(1).unwrap_or_default().to_owned();
                let blob = object_id("diff-tree", parts.nth(1).unwrap_or_default())?;
                Ok(Delta {
                    mode,
                    blob,
                    path: pair[1].to_owned(),
                })
            })
            .collect()
    }

    /// The tree of `commit` with a difference applied: paths that the difference does not name stay as they
    /// are in `commit`.
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
            info.extend_from_slice(format!("{mode} {}\t{}\0", change.blob, change.path).as_bytes());
        }
        let scratch = tempfile::tempdir().map_err(|source| GitError::Io {
            path: std::env::temp_dir(),
            source,
        })?;
        let index = scratch.path().join("index");
        let env = [("GIT_INDEX_FILE", index.as_os_str())];
        self.with(&["read-tree", commit.as_str()], &env, None, &[])
            .await?;
        if !info.is_empty() {
            self.with(&["update-index", "-z", "--index-info"], &env, None, &info)
                .await?;
        }
        let done = self.with(&["write-tree"], &env, None, &[]).await?;
        object_id("write-tree", done.stdout.text().trim())
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

    /// The tree of a commit.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn tree_of(&self, commit: &ObjectId) -> Result<ObjectId, GitError> {
        object_id(
            "rev-parse",
            &self
                .text(["rev-parse", "--verify", &format!("{commit}^{{tree}}")])
                .await?,
        )
    }
}

/// A path inside the repository: relative, without `..`, without control characters.
pub(super) fn safe_path(path: &str) -> Result<(), GitError> {
    let bad = path.is_empty()
        || path.starts_with('/')
        || path.split('/').any(|part| part == ".." || part == ".git")
        || path.chars().any(char::is_control);
    if bad {
        Err(GitError::UnsafeName(path.to_owned()))
    } else {
        Ok(())
    }
}

fn tree_entry(line: &str) -> Result<TreeEntry, GitError> {
    let unexpected = || GitError::Unexpected {
        command: "ls-tree".to_owned(),
        answer: line.chars().take(200).collect(),
    };
    let (meta, path) = line.split_once('\t').ok_or_else(unexpected)?;
    let mut parts = meta.split_whitespace();
    let mode = parts.next().ok_or_else(unexpected)?.to_owned();
    let blob = object_id("ls-tree", parts.nth(1).ok_or_else(unexpected)?)?;
    let size = parts.next().and_then(|s| s.parse().ok()).unwrap_or(0);
    safe(blob.as_str())?;
    Ok(TreeEntry {
        mode,
        blob,
        size,
        path: path.to_owned(),
    })
}
