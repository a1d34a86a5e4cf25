//! Wiring: what the parts are made from and how they hold together, in two phases.
//!
//! First the handles, each with what it may use and nothing more; nothing runs yet. Then the background tasks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use futures_util::future::BoxFuture;
use orch_config::{HostConfig, LiveConfig};
use orch_domain::id::UnixMs;
use orch_domain::job::Lane;
use orch_process::identity::ProcessIdentity;
use orch_store::{Owner, Store};

use crate::judges::Judges;
use crate::launch::Launchpad;
use crate::ledger::Ledger;
use crate::ledger::clock::Clock;
use crate::ledger::paths::Paths;
use crate::ledger::repos::Repos;
use crate::ledger::status::{ReaperStatus, ReconcilerStatus};
use crate::steps::{Checkouts, Steps};
use crate::tasks::attend::Attendant;
use crate::tasks::attended::Attended;
use crate::tasks::driver::{Definition, Driver, Stop, TaskDied, TaskStatuses};
use crate::tasks::gc::Collector;
use crate::tasks::outbox::Delivery;
use crate::tasks::reaper::Reaper;
use crate::tasks::reconciler::Reconciler;
use crate::tasks::{files, gc, lanes, outbox, retention};

/// What an engine is made from.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The host's configuration.
    pub config: HostConfig,
    /// The program that is started as a supervisor; normally this one.
    pub orch: PathBuf,
}

pub(crate) struct Inner {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) paths: Paths,
    pub(crate) repos: Repos,
    pub(crate) judges: Judges,
    pub(crate) launchpad: Launchpad,
    pub(crate) checkouts: Checkouts,
    pub(crate) collector: Collector,
    pub(crate) reaper: ReaperStatus,
    pub(crate) reconciler: ReconcilerStatus,
    pub(crate) tasks: TaskStatuses,
    pub(crate) started_ms: UnixMs,
}

/// The engine. Clones share everything.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("paths", &self.0.paths)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the store, sets up the gate runtime and loads the gates. Nothing runs yet.
    ///
    /// # Errors
    /// With the part that failed and its remedy.
    pub async fn open(setup: Setup) -> anyhow::Result<Self> {
        let Setup { config, orch } = setup;
        let paths = Paths::below(config.data_dir());
        make_private(paths.data())?;
        let owner = Owner(ProcessIdentity::current().to_string());
        let store = Store::open(&paths.database(), owner).await?;
        let repos = Repos::of(&config, &paths)?;
        let config = LiveConfig::new(config);
        let judges = Judges::open(config.clone(), paths.clone(), orch.clone()).await?;
        let ledger = Ledger::new(store, Clock::default());
        let launchpad = Launchpad::new(ledger.clone(), config.clone(), paths.clone(), orch.clone());
        let collector = Collector {
            ledger: ledger.clone(),
            config: config.clone(),
            paths: paths.clone(),
            repos: repos.clone(),
            one_at_a_time: Arc::default(),
        };
        let inner = Inner {
            started_ms: ledger.now(),
            checkouts: Checkouts::new(&paths, orch, config.clone()),
            ledger,
            config,
            paths,
            repos,
            judges,
            launchpad,
            collector,
            reaper: ReaperStatus::default(),
            reconciler: ReconcilerStatus::default(),
            tasks: TaskStatuses::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Checks that every repository can be used and makes its mirror.
    ///
    /// # Errors
    /// With the repository and the remedy.
    pub async fn check_repositories(&self) -> anyhow::Result<()> {
        for repo in self.0.repos.all() {
            repo.prepare().await?;
        }
        Ok(())
    }

    /// Where the host keeps its files.
    pub fn paths(&self) -> &Paths {
        &self.0.paths
    }

    /// The host's configuration as it is in force now.
    pub fn config(&self) -> Arc<HostConfig> {
        self.0.config.now()
    }

    pub(crate) fn now(&self) -> UnixMs {
        self.0.ledger.now()
    }

    /// Looks for what nobody needs any more and, unless it is a dry run, removes it.
    ///
    /// # Errors
    /// See [`Collector::gc`].
    pub async fn gc(&self, dry_run: bool) -> Result<orch_views::disk::GcView, crate::CommandError> {
        self.0.collector.gc(dry_run).await
    }

    /// Recovers what a dead host left, then starts the background tasks.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(&self) -> anyhow::Result<Running> {
        let inner = &self.0;
        let ledger = inner.ledger.clone();
        let attended = Attended::default();
        let reaper = Reaper {
            ledger: ledger.clone(),
            config: inner.config.clone(),
            attended: attended.clone(),
            status: inner.reaper.clone(),
        };
        inner.checkouts.sweep().await?;
        recover(&ledger, &inner.repos).await?;
        reaper.reclaim_leases().await?;
        let steps = Steps::new(
            &ledger,
            &inner.config,
            &inner.repos,
            &inner.judges,
            &inner.launchpad,
            &inner.checkouts,
        );
        let attendant = Attendant {
            ledger: ledger.clone(),
            config: inner.config.clone(),
            steps,
            attended,
        };
        let tasks = definitions(inner, attendant, reaper);
        Ok(Running {
            driver: Driver::start(&ledger, &inner.tasks, tasks),
            ledger,
        })
    }
}

/// The background tasks of a host.
fn definitions(inner: &Inner, attendant: Attendant, reaper: Reaper) -> Vec<Definition> {
    let config = inner.config.now();
    let seconds = |s: u32| Some(std::time::Duration::from_secs(u64::from(s)));
    let mut list: Vec<Definition> = Lane::ALL
        .into_iter()
        .map(|lane| {
            let (name, slots) = match lane {
                Lane::Agents => ("lane-agents", config.concurrency.agents),
                Lane::Gates => ("lane-gates", config.concurrency.gates),
                Lane::Effects => ("lane-effects", config.concurrency.effects),
            };
            let attendant = attendant.clone();
            task(
                name,
                "claims the jobs of a lane and runs them",
                Some(lanes::POLL_MAX),
                move |stop| Box::pin(lanes::run(attendant.clone(), lane, slots, stop)),
            )
        })
        .collect();
    let (judges, live) = (inner.judges.clone(), inner.config.clone());
    list.push(task(
        "files",
        "follows the gates folder and the configuration file",
        None,
        move |stop| Box::pin(files::run(judges.clone(), live.clone(), stop)),
    ));
    let reconciler = Reconciler {
        ledger: inner.ledger.clone(),
        config: inner.config.clone(),
        repos: inner.repos.clone(),
        status: inner.reconciler.clone(),
    };
    list.push(task(
        "reconciler",
        "asks forge and tracker for what no notice told",
        seconds(config.reconcile.interval_s),
        move |stop| Box::pin(reconciler.clone().run(stop)),
    ));
    list.push(task(
        "reaper",
        "recovers abandoned work and frees leases of the dead",
        seconds(config.reaper.interval_s),
        move |stop| Box::pin(reaper.clone().run(stop)),
    ));
    let collector = inner.collector.clone();
    list.push(task(
        "collector",
        "removes leftovers of ended tasks, old logs and old refs",
        Some(gc::EVERY),
        move |stop| Box::pin(gc::run(collector.clone(), stop)),
    ));
    let delivery = Delivery {
        ledger: inner.ledger.clone(),
        paths: inner.paths.clone(),
    };
    list.push(task(
        "outbox",
        "delivers what transactions left to be told",
        Some(outbox::LOOK),
        move |stop| Box::pin(delivery.clone().run(stop)),
    ));
    let (ledger, live) = (inner.ledger.clone(), inner.config.clone());
    list.push(task(
        "retention",
        "removes rows that have been kept long enough",
        Some(retention::EVERY),
        move |stop| Box::pin(retention::run(ledger.clone(), live.clone(), stop)),
    ));
    list
}

fn task(
    name: &'static str,
    description: &'static str,
    period: Option<std::time::Duration>,
    run: impl Fn(Stop) -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> Definition {
    Definition {
        name,
        description,
        period,
        run: Box::new(run),
    }
}

/// Puts back into the queue what a dead host left running, and removes the locks of a dead git.
async fn recover(ledger: &Ledger, repos: &Repos) -> anyhow::Result<()> {
    for repo in repos.all() {
        for lock in repo.mirror.remove_stale_locks().await? {
            tracing::warn!(repo = repo.name, lock = %lock.display(), "removed a lock that a dead git had left");
        }
    }
    let (owner, now) = (ledger.owner(), ledger.now());
    let recovered = ledger
        .write(move |tx| Box::pin(async move { tx.recover(&owner, now).await }))
        .await?;
    for job in &recovered {
        tracing::info!(
            job.id = job.id.0,
            kind = job.kind.as_str(),
            "recovered after its host died"
        );
    }
    Ok(())
}

/// Makes the data folder and keeps other users out of it: it holds the token and the agents' logs.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "data folder `{}` cannot be made; set `data`",
            folder.display()
        )
    })?;
    if let Err(error) = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)) {
        tracing::warn!(folder = %folder.display(), error = %error, "the data folder is not private");
    }
    Ok(())
}

/// A started engine. Dropping it does not stop it; [`Running::shut_down`] does.
#[derive(Debug)]
pub struct Running {
    ledger: Ledger,
    driver: Driver,
}

impl Running {
    /// Ends when a background task has died for good, and never while all are well: the host is to end then.
    pub async fn died(&mut self) -> TaskDied {
        self.driver.died().await
    }

    /// Ends the background tasks. Agents and hooks go on under their supervisors; everything else that was under way
    /// is done again at the next start.
    pub async fn shut_down(self) {
        self.driver.shut_down().await;
        let (owner, now) = (self.ledger.owner(), self.ledger.now());
        let given = self
            .ledger
            .write(move |tx| Box::pin(async move { tx.give_back(&owner, now).await }))
            .await;
        match given {
            Ok(count) => tracing::info!(count, "jobs under way are given back to the queue"),
            // The next start takes them up all the same, as after a crash.
            Err(error) => tracing::warn!(error = %error, "jobs under way could not be given back"),
        }
    }
}
