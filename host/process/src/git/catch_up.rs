//! Brings a task's own commits onto a base that moved on: those and nothing else.

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::tree::fields;
use super::{Git, GitError, Identity, object_id, scratch, text_of};

/// What bringing a branch up to date came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum CatchUpOutcome {
    /// It already stands on the base.
    UpToDate,
    /// Its commits stand on the base now.
    Rebased(ObjectId),
    /// These files conflict.
    Conflict(Vec<RepoPath>),
    /// The base is no descendant of the one that the branch was judged on: something was taken out of it, or it is
    /// another history altogether. Whatever is replayed could bring back what was taken out.
    BaseRewritten,
    /// The branch does not stand on the base that it is said to have been judged on, so nobody knows which of its
    /// commits are the task's.
    OffBase,
}

/// What replaying commits came to.
enum Replayed {
    On(ObjectId),
    Conflict(Vec<RepoPath>),
    /// Git does not take one of them the way it stands, and says so every time. They come along by their files.
    NotAsTheyStand,
}

/// What a replay is done with: files as they are kept, whatever a repository says of how they are laid out. Git takes a
/// file for changed that is not kept as it is laid out, and then replays nothing.
const AS_KEPT: &str = "* -text -ident -filter !eol !working-tree-encoding\n";

/// What merging two commits came to.
struct Merged {
    /// With conflict markers where they conflict.
    tree: ObjectId,
    conflicts: Vec<RepoPath>,
}

impl Git {
    /// Puts the commits of `tip` since `old_base` on top of `new_base`.
    ///
    /// `old_base` is the base that the branch was last judged on. Nothing of the base's own history is replayed: what
    /// the new base holds stays out, and so does what the old base held, because the new one has to follow from it.
    /// A commit that was in the base once, and was taken out of it since, does not come back with the branch.
    ///
    /// A branch into which a base was merged is brought on by a merge: what was done in a merge is in no other commit,
    /// and a replay leaves merges out. So is one whose commits git does not replay.
    ///
    /// Works in a throw-away clone, so that a conflict leaves nothing behind.
    ///
    /// # Errors
    /// [`GitError`]; a conflict and a base that does not follow from the old one are outcomes.
    pub async fn catch_up(
        &self,
        tip: &ObjectId,
        old_base: &ObjectId,
        new_base: &ObjectId,
        who: &Identity,
    ) -> Result<CatchUpOutcome, GitError> {
        // Asked first: a base that was moved back is an ancestor of the tip, and the tip holds what was taken out.
        if !self.is_ancestor(old_base, new_base).await? {
            return Ok(CatchUpOutcome::BaseRewritten);
        }
        if !self.is_ancestor(old_base, tip).await? {
            return Ok(CatchUpOutcome::OffBase);
        }
        if self.is_ancestor(new_base, tip).await? {
            return Ok(CatchUpOutcome::UpToDate);
        }
        if self.has_merges(new_base, tip).await? {
            return self.merged_with(tip, new_base, who).await;
        }
        // `new_base..tip` is what of `old_base..tip` is not in the base.
        let replayed = self.replay(tip, new_base, new_base, who).await?;
        Ok(match replayed {
            Replayed::On(tip) => CatchUpOutcome::Rebased(tip),
            Replayed::Conflict(files) => CatchUpOutcome::Conflict(files),
            Replayed::NotAsTheyStand => return self.merged_with(tip, new_base, who).await,
        })
    }

    /// Takes the commits of `tip` since `since` from where they stand and puts them on `onto`, which need not follow from
    /// it: what `since` has and `onto` has not does not come along.
    ///
    /// Commit by commit, or as one commit if a base was merged in between or git does not replay them.
    ///
    /// # Errors
    /// [`GitError`]; a conflict is an outcome.
    pub async fn rebase_onto(
        &self,
        tip: &ObjectId,
        since: &ObjectId,
        onto: &ObjectId,
        who: &Identity,
    ) -> Result<CatchUpOutcome, GitError> {
        if !self.is_ancestor(since, tip).await? {
            return Ok(CatchUpOutcome::OffBase);
        }
        if !self.has_merges(since, tip).await? {
            match self.replay(tip, since, onto, who).await? {
                Replayed::On(tip) => return Ok(CatchUpOutcome::Rebased(tip)),
                Replayed::Conflict(files) => return Ok(CatchUpOutcome::Conflict(files)),
                Replayed::NotAsTheyStand => {}
            }
        }
        self.move_as_one(tip, since, onto, who).await
    }

    /// Puts what `tip` changed since `since`, which need not be below it, on `onto` as one commit.
    ///
    /// # Errors
    /// [`GitError`]; a conflict is an outcome.
    pub async fn move_as_one(
        &self,
        tip: &ObjectId,
        since: &ObjectId,
        onto: &ObjectId,
        who: &Identity,
    ) -> Result<CatchUpOutcome, GitError> {
        let (one, other) = self.as_branches(tip, since, onto, who).await?;
        let Merged { tree, conflicts } = self.merge(&one, &other).await?;
        if !conflicts.is_empty() {
            return Ok(CatchUpOutcome::Conflict(conflicts));
        }
        let said = self
            .text(["log", "-1", "--format=%B", tip.as_str()])
            .await?;
        let tip = self.commit(&tree, onto, &said, who).await?;
        Ok(CatchUpOutcome::Rebased(tip))
    }

    /// A commit that has all of both, on no branch; none if they conflict.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn both(
        &self,
        one: &ObjectId,
        other: &ObjectId,
        who: &Identity,
    ) -> Result<Option<ObjectId>, GitError> {
        let Merged { tree, conflicts } = self.merge(one, other).await?;
        match conflicts.is_empty() {
            true => Ok(Some(
                self.commit_on(&tree, &[one, other], "Both bases\n", who)
                    .await?,
            )),
            false => Ok(None),
        }
    }

    /// The files of `onto` with what `tip` changed since `since`, with conflict markers where they conflict.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn tree_onto(
        &self,
        tip: &ObjectId,
        since: &ObjectId,
        onto: &ObjectId,
        who: &Identity,
    ) -> Result<ObjectId, GitError> {
        let (one, other) = self.as_branches(tip, since, onto, who).await?;
        Ok(self.merge(&one, &other).await?.tree)
    }

    /// Both as single commits on `since`, so that a merge takes that, and nothing else, for what they have in common.
    async fn as_branches(
        &self,
        tip: &ObjectId,
        since: &ObjectId,
        onto: &ObjectId,
        who: &Identity,
    ) -> Result<(ObjectId, ObjectId), GitError> {
        let (ours, theirs) = (self.tree_of(onto).await?, self.tree_of(tip).await?);
        let ours = self.commit(&ours, since, "base", who).await?;
        let theirs = self.commit(&theirs, since, "change", who).await?;
        Ok((ours, theirs))
    }

    async fn has_merges(&self, from: &ObjectId, to: &ObjectId) -> Result<bool, GitError> {
        let range = format!("{from}..{to}");
        let args = ["rev-list", "--merges", "--max-count=1", &range];
        Ok(!self.text(args).await?.is_empty())
    }

    async fn merged_with(
        &self,
        tip: &ObjectId,
        base: &ObjectId,
        who: &Identity,
    ) -> Result<CatchUpOutcome, GitError> {
        let Merged { tree, conflicts } = self.merge(tip, base).await?;
        if !conflicts.is_empty() {
            return Ok(CatchUpOutcome::Conflict(conflicts));
        }
        let message = "Catch up with the present base\n";
        let merged = self.commit_on(&tree, &[tip, base], message, who).await?;
        Ok(CatchUpOutcome::Rebased(merged))
    }

    async fn merge(&self, ours: &ObjectId, theirs: &ObjectId) -> Result<Merged, GitError> {
        let args = [
            "merge-tree",
            "--write-tree",
            "--allow-unrelated-histories",
            "--name-only",
            "--no-messages",
            "-z",
            ours.as_str(),
            theirs.as_str(),
        ];
        let done = self.raw(&args, &[], None, &[]).await?;
        // 1 says that there are conflicts; the tree is there all the same.
        if !matches!(done.exit.code(), 0 | 1) {
            return Err(self.failed(&args, &done));
        }
        let mut fields = fields(&done.stdout.bytes);
        let tree = String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
        Ok(Merged {
            tree: object_id("merge-tree", &tree)?,
            conflicts: fields.map(RepoPath::new).collect(),
        })
    }

    /// Puts the commits `since..tip` on `onto`, one by one, without the merges among them.
    async fn replay(
        &self,
        tip: &ObjectId,
        since: &ObjectId,
        onto: &ObjectId,
        who: &Identity,
    ) -> Result<Replayed, GitError> {
        let scratch = scratch()?;
        let clone = self.elsewhere(scratch.path().join("clone.git"));
        let tree = scratch.path().join("tree");
        std::fs::create_dir(&tree).map_err(|source| GitError::Io {
            path: tree.clone(),
            source,
        })?;
        clone.init().await?;
        let objects = text_of(&self.git_dir.join("objects"))?;
        let alternates = clone.git_dir.join("objects/info/alternates");
        std::fs::write(&alternates, format!("{objects}\n")).map_err(|source| GitError::Io {
            path: alternates,
            source,
        })?;
        // Not every machine has the templates by which git makes the folder.
        let info = clone.git_dir.join("info");
        let written = std::fs::create_dir_all(&info)
            .and_then(|()| std::fs::write(info.join("attributes"), AS_KEPT));
        written.map_err(|source| GitError::Io { path: info, source })?;
        clone.call(["config", "core.bare", "false"]).await?;
        clone.set_ref("refs/heads/work", tip).await?;
        let date = format!("{} +0000", who.at_s);
        let env: [(&str, &std::ffi::OsStr); 4] = [
            ("GIT_WORK_TREE", tree.as_os_str()),
            ("GIT_COMMITTER_NAME", who.name.as_ref()),
            ("GIT_COMMITTER_EMAIL", who.email.as_ref()),
            ("GIT_COMMITTER_DATE", date.as_ref()),
        ];
        clone
            .with(&["checkout", "--quiet", "work"], &env, Some(&tree), &[])
            .await?;
        let rebase = [
            "rebase",
            "--quiet",
            "--no-autostash",
            "--onto",
            onto.as_str(),
            since.as_str(),
        ];
        let done = clone.raw(&rebase, &env, Some(&tree), &[]).await?;
        if !done.success() {
            let args = ["diff", "--name-only", "--diff-filter=U", "-z"];
            let listed = clone.with(&args, &env, Some(&tree), &[]).await?;
            let files: Vec<RepoPath> = fields(&listed.stdout.bytes).map(RepoPath::new).collect();
            if !files.is_empty() {
                return Ok(Replayed::Conflict(files));
            }
            let failed = clone.failed(&rebase, &done);
            if done.timed_out || done.stderr.text().contains("No space left") {
                return Err(failed);
            }
            let why = failed.to_string();
            tracing::warn!(why, sha = %tip, "commits are not replayed, and brought on by their files");
            return Ok(Replayed::NotAsTheyStand);
        }
        let Some(tip) = clone.resolve("refs/heads/work").await? else {
            return Err(GitError::Unexpected {
                command: "rebase".to_owned(),
                answer: "no tip".to_owned(),
            });
        };
        let from = text_of(&clone.git_dir)?;
        self.call([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--end-of-options",
            &from,
            tip.as_str(),
        ])
        .await?;
        Ok(Replayed::On(tip))
    }
}
