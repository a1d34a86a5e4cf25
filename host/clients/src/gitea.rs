//! The forge of one repository on a Gitea or Forgejo server.
//!
//! Branches are read and moved by git over HTTP; pull requests, statuses and reviews by the API. What an answer says
//! of an order is a hint: the tip of the base says what landed, and what stands on the server says what was written.

mod find;
mod git;
mod issues;
mod land;
mod place;
mod pulls;
mod registration;
mod reviews;
mod server;
mod shapes;
mod statuses;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use orch_domain::id::{ObjectId, RepoName};
use orch_domain::port::forge::{
    BranchMove, Forge, LandOutcome, NewPullRequest, NewReview, PullRequest, PushOutcome, PushedAll,
    Review, Status, Tips, is_branch_name,
};
use orch_domain::port::webhook::Registered;
use orch_domain::port::{PortAnswer, PortError, PortFailure, Receipt};
use orch_process::git::{Git, GitError};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::secret::Secret;

pub use find::{RepositoryFound, UserFound};
pub use issues::{GiteaIssues, GiteaIssuesSetup, IssuesOf};
pub use place::Places;
pub use registration::{HookRegistered, WantedHook};
use server::Answer;
pub use server::{GiteaServer, GiteaServerConfig, GiteaServerError, GiteaSsh};
use shapes::{Repository, User};

/// Rows of a page: servers cut longer ones short without a word.
const PAGE: usize = 50;
/// Pages of one list that are read.
const PAGES_MAX: usize = 40;

/// How a tested commit gets onto the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiteaLanding {
    /// By push where the branch says that the host may, else by the server's merge.
    Auto,
    /// By push alone.
    Push,
    /// By the server's merge alone.
    Api,
}

/// What the forge of a repository is made from.
#[derive(Debug, Clone)]
pub struct GiteaForgeConfig {
    /// Name of the repository in `orch.yaml`.
    pub name: RepoName,
    /// Its server.
    pub server: GiteaServer,
    /// Owner and name there.
    pub repo: String,
    /// How commits land.
    pub land: GiteaLanding,
    /// The host's mirror of it.
    pub mirror: PathBuf,
    /// Where the host's repositories are.
    pub places: Places,
}

/// A repository on a server.
pub struct GiteaForge {
    name: RepoName,
    server: GiteaServer,
    repo: String,
    land: GiteaLanding,
    mirror: Git,
    places: Places,
    /// Held while the mirror is brought up to date: git refuses two fetches of one branch.
    fetching: Mutex<()>,
    /// Numbers of pull requests by branch, as they were found last: a list costs the server much more than one of them.
    numbers: Mutex<BTreeMap<String, u64>>,
    /// Whether the server was seen not to notice by itself what landed.
    is_blind: AtomicBool,
    /// The host's own account there, and the token that says so.
    own: Mutex<Option<(Secret, i64)>>,
}

impl fmt::Debug for GiteaForge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GiteaForge")
            .field("name", &self.name)
            .field("repo", &self.repo)
            .finish_non_exhaustive()
    }
}

impl GiteaForge {
    /// The forge of one repository. Nothing is asked yet.
    ///
    /// # Errors
    /// If git is not installed.
    pub fn new(config: GiteaForgeConfig) -> Result<Self, GitError> {
        config
            .places
            .read(&config.name, &config.mirror, &config.repo);
        Ok(Self {
            places: config.places,
            name: config.name,
            server: config.server,
            repo: config.repo,
            land: config.land,
            mirror: Git::at(config.mirror)?,
            fetching: Mutex::default(),
            numbers: Mutex::default(),
            is_blind: AtomicBool::new(false),
            own: Mutex::default(),
        })
    }

    fn source(&self) -> String {
        format!("repository `{}`", self.name)
    }

    fn failure(&self, failure: PortFailure, reason: impl Into<String>) -> PortError {
        PortError::new(self.source(), failure, reason)
    }

    /// Path of something of this repository in the API.
    fn at(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.place())
    }

    /// Asks; a repository that is elsewhere now is looked for by its id, and asked there.
    async fn get(&self, path: &str) -> Result<Answer, PortError> {
        let (source, before) = (self.source(), self.at(""));
        let answer = self.server.ask(&source, path).await?;
        if answer.status.is_redirection()
            && let Some(rest) = path.strip_prefix(&before)
            && self.by_id().await?.is_some()
            && self.at("") != before
        {
            return self.server.get(&source, &self.at(rest)).await;
        }
        self.server.judged(&source, answer)
    }

    fn shape<T: DeserializeOwned>(&self, json: serde_json::Value) -> Result<T, PortError> {
        serde_json::from_value(json).map_err(|error| {
            let reason = format!("its answer has another form than known: {error}");
            self.failure(PortFailure::Unavailable, reason)
        })
    }

    /// Every row of a list, which `path` has a query for; bounded.
    async fn rows<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, PortError> {
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let answer = self.get(&format!("{path}page={page}&limit={PAGE}")).await?;
            let rows: Option<Vec<T>> = self.shape(answer.json)?;
            let rows = rows.unwrap_or_default();
            let is_last = rows.is_empty();
            all.extend(rows);
            // A server may have shorter pages than were asked for.
            if is_last || answer.total.is_some_and(|total| all.len() as u64 >= total) {
                break;
            }
        }
        Ok(all)
    }

    /// The number of the host's own account on the server, which a new name leaves as it is; another token may be
    /// another's.
    async fn own(&self) -> Result<i64, PortError> {
        let mut own = self.own.lock().await;
        let token = self.server.token(&self.source())?;
        if let Some((known, id)) = &*own
            && *known == token
        {
            return Ok(*id);
        }
        let user: User = self.shape(self.get("/user").await?.json)?;
        *own = Some((token, user.id));
        Ok(user.id)
    }

    /// What the server says of the repository. One that cannot be seen is a matter of rights until a person says
    /// otherwise: nothing is taken for deleted.
    async fn repository(&self) -> Result<Repository, PortError> {
        let answer = match self.get(&self.at("")).await {
            Err(error) if error.failure == PortFailure::NotFound => match self.by_id().await? {
                Some(found) => return Ok(found),
                None => Err(error),
            },
            answer => answer,
        };
        let answer = answer.map_err(|error| match error.failure {
            PortFailure::NotFound => {
                let reason = format!(
                    "`{}` is not there, or its user may not see it; give the user of the token access, or correct `repositories.{}.forge.repo`",
                    self.place(), self.name
                );
                self.failure(PortFailure::Unauthorised, reason)
            }
            _ => error,
        })?;
        let found: Repository = self.shape(answer.json)?;
        self.recognised(found)
    }

    async fn checked(&self) -> Result<(), PortError> {
        let repository = self.repository().await?;
        if repository.archived {
            let reason = format!("`{}` is archived; take it out of the archive", self.place());
            return Err(self.failure(PortFailure::Unavailable, reason));
        }
        if !repository.permissions.is_some_and(|may| may.push) {
            let reason = format!(
                "the user of the token may not write to `{}`; make it a collaborator with the right to write",
                self.place()
            );
            return Err(self.failure(PortFailure::Unauthorised, reason));
        }
        Ok(())
    }

    fn named<'a>(&self, branch: &'a str) -> Result<&'a str, PortError> {
        match is_branch_name(branch) {
            true => Ok(branch),
            false => {
                let reason = format!("`{branch}` cannot be the name of a branch");
                Err(self.failure(PortFailure::Refused, reason))
            }
        }
    }
}

impl Forge for GiteaForge {
    fn check(&self) -> PortAnswer<'_, ()> {
        Box::pin(self.checked())
    }

    fn fetch(&self) -> PortAnswer<'_, ()> {
        Box::pin(self.fetched())
    }

    fn tips(&self) -> PortAnswer<'_, Tips> {
        Box::pin(self.own_tips())
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
        Box::pin(self.pushed(branch, commit, expected))
    }

    fn push_all<'a>(&'a self, moves: &'a [BranchMove]) -> PortAnswer<'a, PushedAll> {
        Box::pin(self.all_pushed(moves))
    }

    fn delete_branch<'a>(
        &'a self,
        branch: &'a str,
        expected: &'a ObjectId,
    ) -> PortAnswer<'a, PushOutcome> {
        Box::pin(self.deleted(branch, expected))
    }

    fn land<'a>(
        &'a self,
        base: &'a str,
        commit: &'a ObjectId,
        expected: &'a ObjectId,
    ) -> PortAnswer<'a, LandOutcome> {
        Box::pin(self.landed(base, commit, expected))
    }

    fn statuses<'a>(&'a self, commit: &'a ObjectId) -> PortAnswer<'a, Vec<Status>> {
        Box::pin(self.statuses_of(commit))
    }

    fn post_status<'a>(&'a self, commit: &'a ObjectId, status: &'a Status) -> PortAnswer<'a, ()> {
        Box::pin(self.status_posted(commit, status))
    }

    fn pull_request<'a>(&'a self, branch: &'a str) -> PortAnswer<'a, Option<PullRequest>> {
        Box::pin(self.pull_request_of(branch))
    }

    fn reviews(&self, number: u64) -> PortAnswer<'_, Vec<Review>> {
        Box::pin(self.reviews_of(number))
    }

    fn open_pull_request<'a>(&'a self, request: &'a NewPullRequest) -> PortAnswer<'a, u64> {
        Box::pin(self.opened(request))
    }

    fn mark_merged<'a>(&'a self, branch: &'a str, commit: &'a ObjectId) -> PortAnswer<'a, ()> {
        Box::pin(self.settled(branch, commit))
    }

    fn close_pull_request<'a>(&'a self, branch: &'a str, why: &'a str) -> PortAnswer<'a, ()> {
        Box::pin(self.ended(branch, why))
    }

    fn webhook<'a>(&'a self, url: &'a str) -> PortAnswer<'a, Registered> {
        Box::pin(async move {
            let source = self.source();
            self.server.hook_state(&source, &self.place(), url).await
        })
    }

    fn shows_pull_requests(&self) -> bool {
        true
    }

    fn describe_pull_request<'a>(
        &'a self,
        branch: &'a str,
        title: &'a str,
        text: &'a str,
    ) -> PortAnswer<'a, ()> {
        Box::pin(self.described(branch, title, text))
    }

    fn post_review<'a>(
        &'a self,
        branch: &'a str,
        review: &'a NewReview,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(self.reviewed(branch, review, key))
    }
}
