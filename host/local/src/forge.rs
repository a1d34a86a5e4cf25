//! The forge of one repository that lies on this machine: branches in a bare repository, pull requests and statuses in
//! the store. It has no reviews: people approve by command or in the tracker.

use std::fmt;
use std::path::PathBuf;

use orch_domain::id::{ObjectId, RepoName, UnixMs};
use orch_domain::port::forge::{
    Forge, HoldOutcome, LandOutcome, NewPullRequest, OWN_BRANCHES, PullRequest, PushOutcome,
    Review, Status, Tips, is_branch_name,
};
use orch_domain::port::{PortAnswer, PortError, PortFailure};
use orch_process::git::{Git, GitError, RefOutcome};
use orch_store::{MergeMark, Store, StoreError};
use tokio::sync::Mutex;

use crate::upstream::{Pushed, Upstream};
use crate::{Now, hold};

/// Where branches are listed.
const HEADS: &str = "refs/heads/";

/// What a local forge is made from.
pub struct LocalForgeConfig {
    /// Name of the repository.
    pub name: RepoName,
    /// The bare repository.
    pub path: PathBuf,
    /// Address of the repository that it is a clone of, if it is to follow one.
    pub upstream: Option<String>,
    /// The base branch, which alone follows it.
    pub base: String,
    /// The host's mirror of it.
    pub mirror: PathBuf,
    /// Where its pull requests and statuses are.
    pub store: Store,
    /// The host's clock.
    pub now: Now,
}

/// A bare repository on this machine as a forge.
pub struct LocalForge {
    name: RepoName,
    remote: Git,
    mirror: Git,
    upstream: Option<Upstream>,
    store: Store,
    now: Now,
    /// Held while the mirror is brought up to date: git refuses two fetches of one branch.
    fetching: Mutex<()>,
}

impl fmt::Debug for LocalForge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalForge")
            .field("name", &self.name)
            .field("path", &self.remote.git_dir())
            .finish_non_exhaustive()
    }
}

impl LocalForge {
    /// The forge of one repository. Nothing is looked at yet.
    ///
    /// # Errors
    /// If git is not installed.
    pub fn new(config: LocalForgeConfig) -> Result<Self, GitError> {
        Ok(Self {
            name: config.name,
            remote: Git::at(config.path)?,
            mirror: Git::at(config.mirror)?,
            upstream: config
                .upstream
                .map(|address| Upstream::new(address, config.base)),
            store: config.store,
            now: config.now,
            fetching: Mutex::default(),
        })
    }

    fn source(&self) -> String {
        format!("repository `{}`", self.name)
    }

    fn failure(&self, failure: PortFailure, reason: impl Into<String>) -> PortError {
        PortError::new(self.source(), failure, reason)
    }

    fn of_git(&self, error: GitError) -> PortError {
        let failure = match error {
            GitError::UnsafeName(_) | GitError::Denied { .. } | GitError::NotBare(_) => {
                PortFailure::Refused
            }
            GitError::Run(_)
            | GitError::Failed { .. }
            | GitError::Unexpected { .. }
            | GitError::Io { .. } => PortFailure::Unavailable,
        };
        let cause = std::error::Error::source(&error)
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        self.failure(failure, format!("{error}{cause}"))
    }

    fn of_store(&self, error: StoreError) -> PortError {
        let failure = match matches!(error, StoreError::NotFound { .. }) {
            true => PortFailure::NotFound,
            false => PortFailure::Unavailable,
        };
        self.failure(failure, error.in_full())
    }

    /// A branch's whole name.
    fn head(&self, branch: &str) -> Result<String, PortError> {
        match is_branch_name(branch) {
            true => Ok(format!("{HEADS}{branch}")),
            false => {
                let reason = format!("`{branch}` cannot be the name of a branch");
                Err(self.failure(PortFailure::Refused, reason))
            }
        }
    }

    /// Where a branch is. Listed rather than resolved: a repository that is gone or broken is an error
    /// then, and not a branch that does not exist.
    async fn branch_tip(&self, branch: &str) -> Result<Option<ObjectId>, PortError> {
        let name = self.head(branch)?;
        let refs = self.remote.refs(&name).await;
        let refs = refs.map_err(|e| self.of_git(e))?;
        let found = refs.into_iter().find(|entry| entry.name == name);
        Ok(found.map(|entry| entry.commit))
    }

    /// Whether the base at `tip` has the commit.
    async fn has(&self, tip: Option<&ObjectId>, commit: &ObjectId) -> Result<bool, PortError> {
        match tip {
            Some(tip) if tip == commit => Ok(true),
            Some(tip) => {
                let found = self.remote.is_ancestor(commit, tip).await;
                found.map_err(|e| self.of_git(e))
            }
            None => Ok(false),
        }
    }

    async fn land_on(
        &self,
        base: &str,
        commit: &ObjectId,
        expected: &ObjectId,
    ) -> Result<LandOutcome, PortError> {
        let name = self.head(base)?;
        let present = self.remote.resolve(commit.as_str()).await;
        if present.map_err(|e| self.of_git(e))?.is_none() {
            let why = format!("it has no commit {commit}; push the branch first");
            return Ok(LandOutcome::Refused { why });
        }
        let actual = self.branch_tip(base).await?;
        if self.has(actual.as_ref(), commit).await? {
            return Ok(LandOutcome::Landed);
        }
        if actual.as_ref() != Some(expected) {
            return Ok(LandOutcome::BaseMoved { actual });
        }
        if !self.has(Some(commit), expected).await? {
            let why = format!(
                "{commit} does not stand on `{base}` at {expected}; bring it up to date and test it again"
            );
            return Ok(LandOutcome::Refused { why });
        }
        if let Some(upstream) = &self.upstream
            && let Some(not) = self.land_upstream(upstream, base, commit, expected).await?
        {
            return Ok(not);
        }
        let moved = self.remote.move_ref(&name, commit, expected).await;
        match moved.map_err(|e| self.of_git(e))? {
            RefOutcome::Done => Ok(LandOutcome::Landed),
            RefOutcome::Refused { actual } if self.has(actual.as_ref(), commit).await? => {
                Ok(LandOutcome::Landed)
            }
            RefOutcome::Refused { actual } => Ok(LandOutcome::BaseMoved { actual }),
        }
    }

    /// Moves the upstream's base first: what does not land there lands nowhere. None if it did.
    async fn land_upstream(
        &self,
        upstream: &Upstream,
        base: &str,
        commit: &ObjectId,
        expected: &ObjectId,
    ) -> Result<Option<LandOutcome>, PortError> {
        let bare = self.remote.git_dir();
        let unreachable = |why: String| self.failure(PortFailure::Unavailable, why);
        let refused = match upstream.push(bare, commit).await.map_err(unreachable)? {
            Pushed::Done => return Ok(None),
            Pushed::Refused(why) => why,
        };
        // The answer is a hint; where the base is now decides.
        upstream.fetch_now(bare).await.map_err(unreachable)?;
        let actual = self.branch_tip(base).await?;
        if self.has(actual.as_ref(), commit).await? {
            return Ok(Some(LandOutcome::Landed));
        }
        if actual.as_ref() != Some(expected) {
            return Ok(Some(LandOutcome::BaseMoved { actual }));
        }
        let why = format!("{refused}; see that the host's user may push to it");
        Ok(Some(LandOutcome::Refused { why }))
    }

    fn pushed(&self, done: Result<RefOutcome, GitError>) -> Result<PushOutcome, PortError> {
        match done {
            Ok(RefOutcome::Done) => Ok(PushOutcome::Done),
            Ok(RefOutcome::Refused { actual }) => Ok(PushOutcome::Moved { actual }),
            Err(GitError::Denied { stderr, .. }) => Ok(PushOutcome::Refused {
                why: format!("{stderr}; look at the hooks and at `receive.*` of the repository"),
            }),
            Err(error) => Err(self.of_git(error)),
        }
    }

    /// One question to the tables of this repository.
    async fn read<T, F>(&self, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(
                &'t mut orch_store::Tx,
                String,
            ) -> orch_store::BoxFuture<'t, Result<T, StoreError>>
            + Send,
    {
        let repo = self.name.to_string();
        let read = self.store.read(move |tx| work(tx, repo)).await;
        read.map_err(|e| self.of_store(e))
    }
}

impl Forge for LocalForge {
    fn check(&self) -> PortAnswer<'_, ()> {
        Box::pin(async {
            let folder = self.remote.git_dir();
            if !folder.exists() {
                let reason = format!(
                    "`{}` is not there; make it with `git clone --bare`, or mount its disk",
                    folder.display()
                );
                return Err(self.failure(PortFailure::Unavailable, reason));
            }
            self.remote.require_bare().await.map_err(|e| self.of_git(e))
        })
    }

    fn fetch(&self) -> PortAnswer<'_, ()> {
        Box::pin(async {
            let _held = self.fetching.lock().await;
            if let Some(upstream) = &self.upstream {
                let brought = upstream.fetch(self.remote.git_dir()).await;
                brought.map_err(|why| self.failure(PortFailure::Unavailable, why))?;
            }
            let done = self.mirror.fetch(self.remote.git_dir()).await;
            done.map_err(|e| self.of_git(e))
        })
    }

    fn tips(&self) -> PortAnswer<'_, Tips> {
        Box::pin(async {
            let below = format!("{HEADS}{}", OWN_BRANCHES.trim_end_matches('/'));
            let refs = self.remote.refs(&below).await;
            let refs = refs.map_err(|e| self.of_git(e))?;
            let tips = refs.into_iter().filter_map(|entry| {
                let branch = entry.name.strip_prefix(HEADS)?.to_owned();
                Some((branch, entry.commit))
            });
            Ok(tips.collect())
        })
    }

    fn tip<'a>(&'a self, branch: &'a str) -> PortAnswer<'a, Option<ObjectId>> {
        Box::pin(self.branch_tip(branch))
    }

    fn push<'a>(
        &'a self,
        branch: &'a str,
        commit: &'a ObjectId,
        expected: Option<&'a ObjectId>,
    ) -> PortAnswer<'a, PushOutcome> {
        Box::pin(async move {
            self.head(branch)?;
            let remote = self.remote.git_dir();
            self.pushed(self.mirror.push(remote, commit, branch, expected).await)
        })
    }

    fn delete_branch<'a>(
        &'a self,
        branch: &'a str,
        expected: &'a ObjectId,
    ) -> PortAnswer<'a, PushOutcome> {
        Box::pin(async move {
            self.head(branch)?;
            let remote = self.remote.git_dir();
            self.pushed(self.mirror.delete_branch(remote, branch, expected).await)
        })
    }

    fn land<'a>(
        &'a self,
        base: &'a str,
        commit: &'a ObjectId,
        expected: &'a ObjectId,
    ) -> PortAnswer<'a, LandOutcome> {
        Box::pin(self.land_on(base, commit, expected))
    }

    fn statuses<'a>(&'a self, commit: &'a ObjectId) -> PortAnswer<'a, Vec<Status>> {
        Box::pin(async move {
            let commit = commit.clone();
            let rows = self
                .read(|tx, repo| Box::pin(async move { tx.statuses(&repo, commit.as_str()).await }))
                .await?;
            let status = |row: orch_store::StatusRow| Status {
                context: row.context,
                state: row.state,
                description: row.description,
                url: row.url,
                is_skipped: false,
                reporter: row.reporter,
                at_ms: None,
            };
            Ok(rows.into_iter().map(status).collect())
        })
    }

    fn hold<'a>(
        &'a self,
        branch: &'a str,
        until_ms: UnixMs,
        why: &'a str,
    ) -> PortAnswer<'a, HoldOutcome> {
        Box::pin(async move {
            self.head(branch)?;
            let until_s = until_ms.div_euclid(1000);
            match hold::hold(self.remote.git_dir(), branch, until_s, why) {
                Ok(None) => Ok(HoldOutcome::Held),
                Ok(Some(why)) => Ok(HoldOutcome::NotOffered { why }),
                Err(error) => Ok(HoldOutcome::NotOffered {
                    why: format!("its hook cannot be written: {error}"),
                }),
            }
        })
    }

    fn let_go<'a>(&'a self, branch: &'a str) -> PortAnswer<'a, ()> {
        Box::pin(async move {
            self.head(branch)?;
            hold::let_go(self.remote.git_dir()).map_err(|error| {
                let reason = format!("the hold of `{branch}` cannot be removed: {error}");
                self.failure(PortFailure::Unavailable, reason)
            })
        })
    }

    fn post_status<'a>(&'a self, commit: &'a ObjectId, status: &'a Status) -> PortAnswer<'a, ()> {
        Box::pin(async move {
            let (repo, commit, status) = (self.name.to_string(), commit.clone(), status.clone());
            let now = (self.now)();
            let posted = self.store.write(move |tx| {
                Box::pin(async move {
                    let row = orch_store::StatusRow {
                        context: status.context,
                        state: status.state,
                        description: status.description,
                        url: status.url,
                        reporter: status.reporter,
                    };
                    tx.set_status(&repo, commit.as_str(), &row, now).await
                })
            });
            posted.await.map_err(|e| self.of_store(e))
        })
    }

    fn pull_request<'a>(&'a self, branch: &'a str) -> PortAnswer<'a, Option<PullRequest>> {
        Box::pin(async move {
            let name = branch.to_owned();
            let found = self
                .read(|tx, repo| Box::pin(async move { tx.pull_request(&repo, &name).await }))
                .await?;
            let Some(found) = found else { return Ok(None) };
            Ok(Some(PullRequest {
                number: found.number,
                state: found.state,
                head: self.branch_tip(branch).await?,
                base: None,
            }))
        })
    }

    fn reviews(&self, number: u64) -> PortAnswer<'_, Vec<Review>> {
        Box::pin(async move {
            let known = self
                .read(|tx, repo| Box::pin(async move { tx.has_pull_request(&repo, number).await }))
                .await?;
            match known {
                true => Ok(Vec::new()),
                false => {
                    let reason = format!("there is no pull request {number}");
                    Err(self.failure(PortFailure::NotFound, reason))
                }
            }
        })
    }

    fn open_pull_request<'a>(&'a self, request: &'a NewPullRequest) -> PortAnswer<'a, u64> {
        Box::pin(async move {
            let (repo, new, now) = (self.name.to_string(), request.clone(), (self.now)());
            let opened = self.store.write(move |tx| {
                Box::pin(async move {
                    tx.open_pull_request(&repo, new.task, &new.branch, &new.base, now)
                        .await
                })
            });
            opened.await.map_err(|e| self.of_store(e))
        })
    }

    fn close_pull_request<'a>(&'a self, branch: &'a str, _why: &'a str) -> PortAnswer<'a, ()> {
        Box::pin(async move {
            let (repo, name) = (self.name.to_string(), branch.to_owned());
            let closed = self.store.write(move |tx| {
                Box::pin(async move { tx.close_pull_request(&repo, &name).await })
            });
            closed.await.map_err(|e| self.of_store(e))
        })
    }

    fn mark_merged<'a>(&'a self, branch: &'a str, commit: &'a ObjectId) -> PortAnswer<'a, ()> {
        Box::pin(async move {
            let (repo, name) = (self.name.to_string(), branch.to_owned());
            let (landed, now) = (commit.clone(), (self.now)());
            let marked = self.store.write(move |tx| {
                Box::pin(async move { tx.mark_merged(&repo, &name, landed.as_str(), now).await })
            });
            match marked.await.map_err(|e| self.of_store(e))? {
                MergeMark::Merged => Ok(()),
                MergeMark::AlreadyMerged(before) if before == commit.as_str() => Ok(()),
                MergeMark::AlreadyMerged(before) => Err(self.failure(
                    PortFailure::Refused,
                    format!("the pull request of `{branch}` was merged before, as {before}"),
                )),
            }
        })
    }
}
