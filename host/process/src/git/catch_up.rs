//! Brings a task's own commits onto a base that moved on: those and nothing else.

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::tree::fields;
use super::{Git, GitError, Identity, scratch, text_of};

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

impl Git {
    /// Puts the commits of `tip` since `old_base` on top of `new_base`.
    ///
    /// `old_base` is the base that the branch was last judged on. Nothing of the base's own history is replayed: what
    /// the new base holds stays out, and so does what the old base held, because the new one has to follow from it.
    /// A commit that was in the base once, and was taken out of it since, does not come back with the branch.
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
        let scratch = scratch()?;
        let clone = Self {
            program: self.program.clone(),
            git_dir: scratch.path().join("clone.git"),
        };
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
        // `new_base..tip` is what of `old_base..tip` is not in the base: a branch into which the base was merged
        // since holds commits of the base, and those would conflict with what came after them.
        let rebase = ["rebase", "--quiet", "--no-autostash", new_base.as_str()];
        let done = clone.raw(&rebase, &env, Some(&tree), &[]).await?;
        if !done.success() {
            let args = ["diff", "--name-only", "--diff-filter=U", "-z"];
            let listed = clone.with(&args, &env, Some(&tree), &[]).await?;
            let files: Vec<RepoPath> = fields(&listed.stdout.bytes).map(RepoPath::new).collect();
            if files.is_empty() {
                return Err(clone.failed(&rebase, &done));
            }
            return Ok(CatchUpOutcome::Conflict(files));
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
        Ok(CatchUpOutcome::Rebased(tip))
    }
}
