//! Which repositories are there, how do their bases stand, and who tests a base that has moved while nothing else runs?

use std::time::Duration;

use orch_config::LiveConfig;
use orch_domain::id::RepoName;
use orch_views::page::{Page, PageRequest};
use orch_views::repository::{BaseView, RepositoryView};

use super::driver::Stop;
use crate::commands::CommandError;
use crate::ledger::Ledger;
use crate::ledger::repos::{Repo, Repos};
use crate::steps::{BaseStanding, Bases};

/// Rows of a list if nothing else is said.
const ROWS: u32 = 50;

/// The registered repositories. Clones are the same.
#[derive(Debug, Clone)]
pub struct Repositories {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) repos: Repos,
    pub(crate) bases: Bases,
}

impl Repositories {
    /// Every repository with how its base stood when it was tested last.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, page: PageRequest) -> Result<Page<RepositoryView>, CommandError> {
        let mut views = Vec::new();
        for repo in self.repos.all() {
            let name = name_of(repo)?;
            let read = self
                .ledger
                .read(|tx| Box::pin(async move { tx.latest_base_test(&name).await }));
            let tested = read.await?;
            views.push(RepositoryView {
                name: repo.name.clone(),
                path: repo
                    .config
                    .path
                    .as_ref()
                    .map_or_else(String::new, |p| p.display().to_string()),
                base: repo.config.base.clone(),
                upstream: repo.config.upstream.clone(),
                base_state: tested.as_ref().map(|row| row.state.to_string()),
                tested: tested.map(|row| row.sha.to_string()),
            });
        }
        let skip = page.after.as_deref().and_then(|after| after.parse().ok());
        let limit = page
            .limit
            .unwrap_or(ROWS)
            .clamp(1, orch_views::page::LIMIT_MAX);
        Ok(Page::of_list(views, skip.unwrap_or(0), limit))
    }

    /// Tests the base of a repository now, whatever was found before; answers at the end of the tests.
    ///
    /// # Errors
    /// [`CommandError`] if the repository cannot be used, or its tests cannot be confined.
    pub async fn check(&self, name: &str) -> Result<BaseView, CommandError> {
        let failed = |e: anyhow::Error| {
            CommandError::conflict(format!("repository `{name}`: {e:#}"))
                .with_remedy("look at what is named, then check it again")
        };
        let found = self.repos.get(name);
        let repo = found.map_err(|e| CommandError::not_found(format!("{e:#}")))?;
        repo.prepare().await.map_err(failed)?;
        let standing = self.bases.anew(repo).await.map_err(failed)?;
        Ok(view(repo, &standing))
    }

    /// Tests bases that have moved, until the host ends: one repository at a time, and only while nothing of it runs.
    pub(crate) async fn run(self, mut stop: Stop) {
        loop {
            let pause = Duration::from_secs(u64::from(self.config.now().reconcile.interval_s));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.asked() => return,
            }
            for repo in self.repos.all() {
                tokio::select! {
                    looked = self.look(repo) => if let Err(error) = looked {
                        let error = format!("{error:#}");
                        tracing::warn!(repo = repo.name, error, "the base cannot be tested");
                    },
                    () = stop.asked() => return,
                }
            }
        }
    }

    async fn look(&self, repo: &Repo) -> anyhow::Result<()> {
        let name = RepoName::new(repo.name.clone())?;
        let idle = self
            .ledger
            .read(|tx| Box::pin(async move { tx.is_idle(&name).await }));
        if idle.await? {
            repo.prepare().await?;
            self.bases.obstacle(repo).await?;
        }
        Ok(())
    }
}

fn name_of(repo: &Repo) -> Result<RepoName, CommandError> {
    RepoName::new(repo.name.clone()).map_err(|e| CommandError::invalid(e.to_string()))
}

fn view(repo: &Repo, standing: &BaseStanding) -> BaseView {
    let tested = standing.tested.as_ref();
    BaseView {
        repo: repo.name.clone(),
        base: repo.config.base.clone(),
        commit: standing.commit.to_string(),
        state: tested.map(|row| row.state.to_string()),
        inability: tested.and_then(|row| row.inability).map(|i| i.to_string()),
        problem: standing.problem(repo),
        output: tested.map(|row| row.output.clone()).unwrap_or_default(),
    }
}
