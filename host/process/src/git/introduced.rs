//! Which versions of files do the commits of a branch bring, and what is in many blobs at once?

use std::path::Path;

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::tree::{GITLINK, fields};
use super::{Git, GitError, OUTPUT_BYTES_MAX, object_id, text_of};

/// A version of a file that a commit brings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Introduced {
    /// Path from the top.
    pub path: RepoPath,
    /// Id of the content.
    pub blob: ObjectId,
    /// The commit.
    pub commit: ObjectId,
}

impl Git {
    /// The versions of files that the commits from `base` (exclusive) to `head` bring, newest commit first. A merge
    /// brings what none of its parents has, so what it takes over from the base is not among them.
    ///
    /// # Errors
    /// [`GitError`]; more than `commits_max` commits are refused.
    pub async fn introduced(
        &self,
        base: &ObjectId,
        head: &ObjectId,
        commits_max: usize,
    ) -> Result<Vec<Introduced>, GitError> {
        let range = format!("{base}..{head}");
        let commits = self.call(["rev-list", &range]).await?.stdout.bytes;
        let count = commits.iter().filter(|byte| **byte == b'\n').count();
        if count > commits_max {
            return Err(GitError::Unexpected {
                command: "rev-list".to_owned(),
                answer: format!("{count} commits; at most {commits_max} are looked at"),
            });
        }
        let args = [
            "diff-tree",
            "--stdin",
            "-r",
            "-c",
            "--root",
            "-z",
            "--raw",
            "--no-renames",
            "--no-abbrev",
        ];
        let listed = self.with(&args, &[], None, &commits).await?.stdout.bytes;
        let mut found = Vec::new();
        let mut commit: Option<ObjectId> = None;
        let mut fields = fields(&listed);
        while let Some(field) = fields.next() {
            let text = String::from_utf8_lossy(field);
            let Some((blob, is_file)) = new_side(&text)? else {
                commit = Some(object_id("diff-tree", &text)?);
                continue;
            };
            let (Some(path), Some(commit)) = (fields.next(), &commit) else {
                return Err(unexpected(&text));
            };
            if is_file {
                found.push(Introduced {
                    path: RepoPath::new(path),
                    blob,
                    commit: commit.clone(),
                });
            }
        }
        Ok(found)
    }

    /// The contents of blobs, in the order asked for; none for an id that is no blob. Everything at once has to fit
    /// into the output of one call, 64 MiB.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn blobs(&self, ids: &[&ObjectId]) -> Result<Vec<Option<Vec<u8>>>, GitError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = String::new();
        for id in ids {
            asked.push_str(id.as_str());
            asked.push('\n');
        }
        let args = ["cat-file", "--batch"];
        let answered = self.with(&args, &[], None, asked.as_bytes()).await?;
        let mut rest = answered.stdout.bytes.as_slice();
        let mut contents = Vec::with_capacity(ids.len());
        for _ in ids {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (line, after) = rest.split_at(end.ok_or_else(|| unexpected("cat-file"))?);
            let line = String::from_utf8_lossy(line).into_owned();
            let mut parts = line.split(' ').skip(1);
            let (kind, size) = (parts.next(), parts.next().and_then(|s| s.parse().ok()));
            let (Some(kind), Some(size)) = (kind, size) else {
                // `ID missing`
                contents.push(None);
                rest = &after[1..];
                continue;
            };
            let size: usize = size;
            let Some(content) = after.get(1..=size) else {
                return Err(unexpected(&line));
            };
            contents.push((kind == "blob").then(|| content.to_vec()));
            rest = after.get(size + 2..).ok_or_else(|| unexpected(&line))?;
        }
        Ok(contents)
    }

    /// Sizes of blobs in bytes, in the order asked for; none for an id that is no blob.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn blob_sizes(&self, ids: &[&ObjectId]) -> Result<Vec<Option<u64>>, GitError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = String::new();
        for id in ids {
            asked.push_str(id.as_str());
            asked.push('\n');
        }
        let args = ["cat-file", "--batch-check=%(objecttype) %(objectsize)"];
        let answered = self.with(&args, &[], None, asked.as_bytes()).await?;
        let text = answered.stdout.text();
        let size = |line: &str| line.strip_prefix("blob ").and_then(|s| s.parse().ok());
        let sizes: Vec<Option<u64>> = text.lines().map(size).collect();
        if sizes.len() == ids.len() {
            Ok(sizes)
        } else {
            Err(unexpected("cat-file --batch-check"))
        }
    }

    /// A bare repository at the empty folder `dest` that has the objects of this one and nothing else of it: no
    /// configuration, no replaced or grafted commits, no attributes, no refs.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn objects_only(&self, dest: &Path) -> Result<Git, GitError> {
        let view = self.elsewhere(dest.to_owned());
        std::fs::create_dir_all(dest).map_err(|source| GitError::Io {
            path: dest.to_owned(),
            source,
        })?;
        let format = self.text(["rev-parse", "--show-object-format"]).await?;
        let format = format!("--object-format={format}");
        view.call(["init", "--quiet", "--bare", &format, "."])
            .await?;
        let objects = self.git_dir.join("objects");
        let used = |path: std::path::PathBuf| {
            move |source| GitError::Io {
                path: path.clone(),
                source,
            }
        };
        let alternates = dest.join("objects/info/alternates");
        if let Some(folder) = alternates.parent() {
            std::fs::create_dir_all(folder).map_err(used(folder.to_owned()))?;
        }
        let line = format!("{}\n", text_of(&objects)?);
        std::fs::write(&alternates, line).map_err(used(alternates.clone()))?;
        // Where the history of a shallow clone ends is no setting: beyond it there are no objects.
        let shallow = self.git_dir.join("shallow");
        if shallow.is_file() {
            std::fs::copy(&shallow, dest.join("shallow")).map_err(used(shallow))?;
        }
        Ok(view)
    }

    /// Folders that whoever reads this repository has to be able to read.
    pub fn folders(&self) -> Vec<std::path::PathBuf> {
        let alternates = self.git_dir.join("objects/info/alternates");
        let listed = std::fs::read_to_string(alternates).unwrap_or_default();
        let others = listed.lines().map(std::path::PathBuf::from);
        let mut folders = vec![self.git_dir.clone()];
        folders.extend(others.filter(|folder| folder.is_absolute()));
        folders
    }

    /// Whether the history that is here ends before its beginning.
    pub fn is_shallow(&self) -> bool {
        self.git_dir.join("shallow").is_file()
    }
}

/// Most bytes of blobs that [`Git::blobs`] can be asked for at once.
pub const BLOBS_BYTES_MAX: u64 = OUTPUT_BYTES_MAX as u64 / 2;

/// Id of the content after the change, and whether it is that of a file that is there; none for a line that is no
/// change. `:mode mode id id status`, and for a merge with a colon, a mode and an id more for each further parent.
fn new_side(line: &str) -> Result<Option<(ObjectId, bool)>, GitError> {
    let parents = line.bytes().take_while(|byte| *byte == b':').count();
    if parents == 0 {
        return Ok(None);
    }
    let parts: Vec<&str> = line[parents..].split_whitespace().collect();
    let (Some(mode), Some(id)) = (parts.get(parents), parts.get(2 * parents + 1)) else {
        return Err(unexpected(line));
    };
    let is_file = !matches!(*mode, GITLINK | "000000");
    Ok(Some((object_id("diff-tree", id)?, is_file)))
}

fn unexpected(answer: &str) -> GitError {
    GitError::Unexpected {
        command: "diff-tree or cat-file".to_owned(),
        answer: answer.chars().take(200).collect(),
    }
}
