//! Writes: commits, refs, checkouts.

use std::path::Path;

use orch_domain::id::ObjectId;

use super::{Git, GitError, Remote, object_id, safe, scratch, text_of};

/// Who commits, and when (Unix seconds), so that a commit made again is the same commit.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Unix seconds.
    pub at_s: i64,
}

/// What moving a ref under an expectation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum RefOutcome {
    /// It is where it should be.
    Done,
    /// It was not where it was expected; nothing moved.
    Refused {
        /// Where it is; none if it does not exist.
        actual: Option<ObjectId>,
    },
}

impl Git {
    /// Makes a commit.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn commit(
        &self,
        tree: &ObjectId,
        parent: &ObjectId,
        message: &str,
        who: &Identity,
    ) -> Result<ObjectId, GitError> {
        self.commit_on(tree, &[parent], message, who).await
    }

    /// Makes a commit with several parents.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn commit_on(
        &self,
        tree: &ObjectId,
        parents: &[&ObjectId],
        message: &str,
        who: &Identity,
    ) -> Result<ObjectId, GitError> {
        let date = format!("{} +0000", who.at_s);
        let env: [(&str, &std::ffi::OsStr); 6] = [
            ("GIT_AUTHOR_NAME", who.name.as_ref()),
            ("GIT_AUTHOR_EMAIL", who.email.as_ref()),
            ("GIT_AUTHOR_DATE", date.as_ref()),
            ("GIT_COMMITTER_NAME", who.name.as_ref()),
            ("GIT_COMMITTER_EMAIL", who.email.as_ref()),
            ("GIT_COMMITTER_DATE", date.as_ref()),
        ];
        let mut args = vec!["commit-tree"];
        args.extend(parents.iter().flat_map(|parent| ["-p", parent.as_str()]));
        args.push(tree.as_str());
        let done = self.with(&args, &env, None, message.as_bytes()).await?;
        object_id("commit-tree", done.stdout.text().trim())
    }

    /// Sets a ref of this repository, whatever it was.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn set_ref(&self, name: &str, to: &ObjectId) -> Result<(), GitError> {
        safe(name)?;
        orch_durable::point("ref: before");
        self.call(["update-ref", name, to.as_str()]).await?;
        orch_durable::point("ref: after");
        Ok(())
    }

    /// Moves a ref of this repository if it is where it is expected.
    ///
    /// # Errors
    /// [`GitError`]; a ref that is elsewhere is an outcome.
    pub async fn move_ref(
        &self,
        name: &str,
        to: &ObjectId,
        expected: &ObjectId,
    ) -> Result<RefOutcome, GitError> {
        safe(name)?;
        let args = ["update-ref", name, to.as_str(), expected.as_str()];
        orch_durable::point("ref: before");
        let done = self.raw(&args, &[], None, &[]).await?;
        orch_durable::point("ref: after");
        if done.success() {
            return Ok(RefOutcome::Done);
        }
        let actual = self.resolve(name).await?;
        if actual.as_ref() == Some(expected) {
            return Err(self.failed(&args, &done));
        }
        Ok(RefOutcome::Refused { actual })
    }

    /// Pushes `commit` to `branch` of `remote` if the branch is where it is expected (none: does not exist).
    /// A push that finds the branch already at `commit` is done.
    ///
    /// # Errors
    /// [`GitError`]; a branch that is elsewhere is an outcome.
    pub async fn push(
        &self,
        remote: impl Into<Remote<'_>>,
        commit: &ObjectId,
        branch: &str,
        expected: Option<&ObjectId>,
    ) -> Result<RefOutcome, GitError> {
        let refspec = format!("{commit}:refs/heads/{branch}");
        self.push_refspec(remote.into(), &refspec, branch, expected, Some(commit))
            .await
    }

    /// Pushes many commits to branches of their own by one connection, each as [`Git::push`] does. Answers whether
    /// all of it was taken; if not, some may have moved, and pushing each by itself tells which.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn push_all(
        &self,
        remote: impl Into<Remote<'_>>,
        moves: &[(&str, &ObjectId, Option<&ObjectId>)],
    ) -> Result<bool, GitError> {
        let remote = remote.into();
        let address = remote.address()?;
        let mut args = vec!["push".to_owned(), "--quiet".to_owned()];
        for (branch, _, expected) in moves {
            safe(branch)?;
            let known = expected.map_or("", ObjectId::as_str);
            args.push(format!("--force-with-lease=refs/heads/{branch}:{known}"));
        }
        args.extend(["--end-of-options".to_owned(), address]);
        let refspecs = moves.iter();
        args.extend(refspecs.map(|(branch, commit, _)| format!("{commit}:refs/heads/{branch}")));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        orch_durable::point("push: before");
        let done = self.to(remote, &args).await?;
        orch_durable::point("push: after");
        Ok(done.success())
    }

    /// Deletes `branch` of `remote` if it is where it is expected.
    ///
    /// # Errors
    /// [`GitError`]; a branch that is elsewhere is an outcome.
    pub async fn delete_branch(
        &self,
        remote: impl Into<Remote<'_>>,
        branch: &str,
        expected: &ObjectId,
    ) -> Result<RefOutcome, GitError> {
        let refspec = format!(":refs/heads/{branch}");
        self.push_refspec(remote.into(), &refspec, branch, Some(expected), None)
            .await
    }

    async fn push_refspec(
        &self,
        remote: Remote<'_>,
        refspec: &str,
        branch: &str,
        expected: Option<&ObjectId>,
        goal: Option<&ObjectId>,
    ) -> Result<RefOutcome, GitError> {
        safe(branch)?;
        let known = expected.map_or("", ObjectId::as_str);
        let lease = format!("--force-with-lease=refs/heads/{branch}:{known}");
        let address = remote.address()?;
        let args = [
            "push",
            "--quiet",
            &lease,
            "--end-of-options",
            &address,
            refspec,
        ];
        orch_durable::point("push: before");
        let done = self.to(remote, &args).await?;
        orch_durable::point("push: after");
        if done.success() {
            return Ok(RefOutcome::Done);
        }
        // Only what the remote says now decides: an answer may be lost though the push happened.
        let actual = self.remote_branch(remote, branch).await?;
        if actual.as_ref() == goal {
            return Ok(RefOutcome::Done);
        }
        let said = done.stderr.text();
        let is_rejected = said.contains("rejected");
        if is_rejected && !said.contains("stale info") && actual.as_ref() == expected {
            return Err(GitError::Denied {
                remote: address,
                branch: branch.to_owned(),
                stderr: done.tail(2000),
            });
        }
        if is_rejected || said.contains("stale info") {
            return Ok(RefOutcome::Refused { actual });
        }
        Err(self.failed(&args, &done))
    }

    /// Where `branch` of `remote` is.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn remote_branch(
        &self,
        remote: impl Into<Remote<'_>>,
        branch: &str,
    ) -> Result<Option<ObjectId>, GitError> {
        safe(branch)?;
        let name = format!("refs/heads/{branch}");
        let refs = self.remote_refs(remote, &name).await?;
        let found = refs.into_iter().find(|(found, _)| *found == name);
        Ok(found.map(|(_, commit)| commit))
    }

    /// The tree that merging `base` into `head` gives, with conflict markers where they conflict.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn merge_tree(&self, head: &ObjectId, base: &ObjectId) -> Result<ObjectId, GitError> {
        let args = [
            "merge-tree",
            "--write-tree",
            "--allow-unrelated-histories",
            head.as_str(),
            base.as_str(),
        ];
        let done = self.raw(&args, &[], None, &[]).await?;
        // 1 says that there are conflicts; the tree is there all the same.
        if !matches!(done.exit.code(), 0 | 1) {
            return Err(self.failed(&args, &done));
        }
        object_id(
            "merge-tree",
            done.stdout.text().lines().next().unwrap_or_default().trim(),
        )
    }

    /// Writes the files of `commit` into the empty folder `dest`, without a `.git`.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn export(&self, commit: &ObjectId, dest: &Path) -> Result<(), GitError> {
        std::fs::create_dir_all(dest).map_err(|source| GitError::Io {
            path: dest.to_owned(),
            source,
        })?;
        let scratch = scratch()?;
        let index = scratch.path().join("index");
        let env = [
            ("GIT_INDEX_FILE", index.as_os_str()),
            ("GIT_WORK_TREE", dest.as_os_str()),
        ];
        self.with(&["read-tree", commit.as_str()], &env, None, &[])
            .await?;
        self.with(
            &["checkout-index", "--all", "--force"],
            &env,
            Some(dest),
            &[],
        )
        .await
        .map(|_| ())
    }

    /// Makes a plain clone with a work tree at `dest`, on `branch` at `commit`, that knows no remote.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn clone_to(
        &self,
        dest: &Path,
        branch: &str,
        commit: &ObjectId,
    ) -> Result<(), GitError> {
        safe(branch)?;
        let here = text_of(&self.git_dir)?;
        let there = text_of(dest)?;
        let args = [
            "clone",
            "--quiet",
            "--no-hardlinks",
            "--no-checkout",
            "--no-tags",
            "--end-of-options",
        ];
        let parent = dest.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).map_err(|source| GitError::Io {
            path: parent.to_owned(),
            source,
        })?;
        let mut args = args.to_vec();
        args.extend([here.as_str(), there.as_str()]);
        self.with(&args, &[], Some(parent), &[]).await?;
        let clone = self.elsewhere(dest.join(".git"));
        let name = format!("refs/heads/{branch}");
        let from = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--end-of-options",
            &here,
            commit.as_str(),
        ];
        clone.with(&from, &[], Some(dest), &[]).await?;
        clone.set_ref(&name, commit).await?;
        let env = [("GIT_WORK_TREE", dest.as_os_str())];
        clone
            .with(&["symbolic-ref", "HEAD", &name], &env, Some(dest), &[])
            .await?;
        clone
            .with(&["reset", "--quiet", "--hard"], &env, Some(dest), &[])
            .await?;
        clone
            .with(&["remote", "remove", "origin"], &env, Some(dest), &[])
            .await
            .map(|_| ())
    }
}
