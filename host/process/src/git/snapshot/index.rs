//! A private index over a work tree: what git knows of it, what is new in it, and the tree that comes of both.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orch_domain::id::ObjectId;
use orch_domain::left::{Refusal, RefusalKind};
use orch_domain::path::RepoPath;

use super::survey::{self, Survey};
use super::{REFUSED_MAX, Taking, nested};
use crate::git::tree::fields;
use crate::git::{Git, GitError, object_id};

/// A private index over the work tree.
pub(super) struct Index<'a> {
    pub(super) git: &'a Git,
    pub(super) file: PathBuf,
    pub(super) work_tree: &'a Path,
}

impl Index<'_> {
    async fn raw(&self, args: &[&str], stdin: &[u8]) -> Result<crate::Finished, GitError> {
        let env = [
            ("GIT_INDEX_FILE", self.file.as_os_str()),
            ("GIT_WORK_TREE", self.work_tree.as_os_str()),
        ];
        self.git.raw(args, &env, Some(self.work_tree), stdin).await
    }

    async fn call(&self, args: &[&str], stdin: &[u8]) -> Result<Vec<u8>, GitError> {
        let done = self.raw(args, stdin).await?;
        if done.success() && !done.stdout.truncated {
            Ok(done.stdout.bytes)
        } else {
            Err(self.git.failed(args, &done))
        }
    }

    /// What git must not look at; nothing else is asked of it then.
    pub(super) async fn traps(&self, survey: &Survey) -> Result<Vec<Refusal>, GitError> {
        let found = match survey.rules.is_empty() {
            true => self.not_ignored(survey.traps.clone()).await?,
            // Not even what they ignore can be asked.
            false => survey.rules.clone(),
        };
        let refusals = found.into_iter().take(REFUSED_MAX);
        Ok(refusals
            .map(|(path, kind)| Refusal { path, kind })
            .collect())
    }

    pub(super) async fn read_tree(&self, parent: &ObjectId) -> Result<(), GitError> {
        self.call(&["read-tree", parent.as_str()], &[])
            .await
            .map(|_| ())
    }

    pub(super) async fn write_tree(&self) -> Result<ObjectId, GitError> {
        let done = self.call(&["write-tree"], &[]).await?;
        object_id("write-tree", String::from_utf8_lossy(&done).trim())
    }

    /// Files that are neither known nor ignored, and repositories among them.
    pub(super) async fn others(
        &self,
        taking: &mut Taking,
    ) -> Result<(Vec<RepoPath>, Vec<RepoPath>), GitError> {
        let args = ["ls-files", "-z", "--others", "--exclude-standard"];
        let done = self.raw(&args, &[]).await?;
        if done.success() && done.stdout.truncated {
            // Git lists more names than are ever taken.
            taking.refuse(RepoPath::default(), RefusalKind::TooManyFiles);
            return Ok((Vec::new(), Vec::new()));
        }
        if !done.success() {
            return Err(self.git.failed(&args, &done));
        }
        let (mut files, mut nested) = (Vec::new(), Vec::new());
        for name in fields(&done.stdout.bytes) {
            match name.strip_suffix(b"/") {
                Some(folder) => nested.push(RepoPath::new(folder)),
                None => files.push(RepoPath::new(name)),
            }
        }
        Ok((files, nested))
    }

    /// Files of the repositories below the tree that hold no commit; the others are refused.
    pub(super) async fn of_nested(
        &self,
        nested: Vec<RepoPath>,
        survey: &Survey,
        taking: &mut Taking,
    ) -> Result<Vec<RepoPath>, GitError> {
        let all: BTreeSet<RepoPath> = nested.into_iter().collect();
        let in_own = survey.repositories.iter();
        let in_own = in_own.filter(|path| survey.is_always(path));
        let mut files = Vec::new();
        for folder in all.iter().chain(in_own) {
            if nested::holds_commits(&taking.place(folder)) {
                taking.refuse(folder.clone(), RefusalKind::NestedRepository);
                taking.paths.retain(|path| !path.is_within(folder));
            } else {
                let root = self.work_tree.to_owned();
                files.extend(survey::files_in(root, folder.clone()).await?);
            }
        }
        let (mut own, others): (Vec<RepoPath>, Vec<RepoPath>) =
            files.into_iter().partition(|path| survey.is_always(path));
        let asked = others.into_iter().map(|path| (path, ())).collect();
        let kept = self.not_ignored(asked).await?;
        own.extend(kept.into_iter().map(|(path, ())| path));
        Ok(own)
    }

    /// Those that no rule ignores.
    pub(super) async fn not_ignored<T>(
        &self,
        paths: Vec<(RepoPath, T)>,
    ) -> Result<Vec<(RepoPath, T)>, GitError> {
        if paths.is_empty() {
            return Ok(paths);
        }
        let args = ["check-ignore", "-z", "--stdin", "--no-index"];
        // A name that begins with a colon would be read as a pattern.
        let plain = |path: &RepoPath| RepoPath::new([b"./", path.as_bytes()].concat());
        let names: Vec<RepoPath> = paths.iter().map(|(path, _)| plain(path)).collect();
        let done = self.raw(&args, &joined(names.iter())).await?;
        // A path that git does not even ask its rules about is not ignored: it is better named once too often.
        let ignored: BTreeSet<&[u8]> = match done.exit.code() {
            0 if !done.stdout.truncated => fields(&done.stdout.bytes)
                .map(|name| name.strip_prefix(b"./").unwrap_or(name))
                .collect(),
            _ => BTreeSet::new(),
        };
        let keep = |(path, _): &(RepoPath, T)| !ignored.contains(path.as_bytes());
        Ok(paths.into_iter().filter(keep).collect())
    }

    /// Puts the state of every taken path into the index. A path that git does not take is refused by name.
    pub(super) async fn put(&self, taking: &mut Taking) -> Result<(), GitError> {
        if !taking.gone.is_empty() {
            let args = ["update-index", "-z", "--force-remove", "--stdin"];
            self.call(&args, &joined(taking.gone.iter())).await?;
        }
        let mut parts = vec![std::mem::take(&mut taking.paths)];
        let mut failed = 0;
        while let Some(part) = parts.pop() {
            let args = [
                "update-index",
                "-z",
                "--add",
                "--remove",
                "--replace",
                "--stdin",
            ];
            let done = self.raw(&args, &joined(part.iter())).await?;
            if done.success() {
                self.passed_over(&part, taking).await?;
                continue;
            }
            failed += 1;
            let full = done.stderr.text().contains("No space left");
            if failed > REFUSED_MAX || done.timed_out || full {
                return Err(self.git.failed(&args, &done));
            }
            // One of them is the reason; the others are taken.
            match part.as_slice() {
                [] => return Err(self.git.failed(&args, &done)),
                [path] => taking.refuse(path.clone(), RefusalKind::Unreadable),
                more => {
                    let (first, second) = more.split_at(more.len() / 2);
                    parts.extend([first.to_vec(), second.to_vec()]);
                }
            }
        }
        Ok(())
    }

    /// Refuses what is there and did not get into the index: git passes over names that it does not like.
    async fn passed_over(&self, part: &[RepoPath], taking: &mut Taking) -> Result<(), GitError> {
        let listed = self.call(&["ls-files", "-z", "--cached"], &[]).await?;
        let known: BTreeSet<&[u8]> = fields(&listed).collect();
        for path in part.iter().filter(|p| !known.contains(p.as_bytes())) {
            let is_there = std::fs::symlink_metadata(taking.place(path));
            if is_there.is_ok_and(|meta| !meta.is_dir()) {
                taking.refuse(path.clone(), RefusalKind::ForbiddenName);
            }
        }
        Ok(())
    }
}

fn joined<'a>(paths: impl Iterator<Item = &'a RepoPath>) -> Vec<u8> {
    let mut joined = Vec::new();
    for path in paths {
        joined.extend_from_slice(path.as_bytes());
        joined.push(0);
    }
    joined
}
