//! Wiring: what the parts are made from and how they hold together, in two phases.
//!
//! First the handles, each with what it may use and nothing more; nothing runs yet. Then the background tasks.

mod background;
mod shown;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use orch_config::{ForgePlace, HostConfig, LiveConfig};
use orch_domain::id::RepoName;
use orch_gates::Builtin;
use orch_judge::{Judges, JudgesSetup, Outside};
use orch_process::identity::ProcessIdentity;
use orch_store::{Owner, Store, StoreError};

pub use self::shown::Views;
use crate::commands;
use crate::launch::Launchpad;
use crate::ledger::Ledger;
use crate::ledger::admission::Admission;
use crate::ledger::clock::Clock;
use crate::ledger::doors::{DoorSite, Doors, OpenDoors};
use crate::ledger::paths::Paths;
use crate::ledger::repos::Repos;
use crate::ledger::status::{BackgroundStatus, ReaperStatus, ReconcilerStatus, WindowStatus};
use crate::ledger::webhooks::WebhookStatus;
use crate::steps::{Bases, Checkouts, Steps};
use crate::tasks::attend::Attendant;
use crate::tasks::attended::Attended;
use crate::tasks::bases::Repositories;
use crate::tasks::driver::{Driver, TaskDied};
use crate::tasks::gc::Collector;
use crate::tasks::reaper::Reaper;
use crate::views;

/// What an engine is made from.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The host's configuration.
    pub config: HostConfig,
    /// The program that is started as a supervisor; normally this one.
    pub orch: PathBuf,
    /// What answers gates from the outside world.
    pub outside: Outside,
    /// Opens the ways to forges, trackers and notifiers.
    pub doors: OpenDoors,
    /// The gates that came with the program.
    pub gates: Builtin,
}

/// What people and machines may ask of a host, by noun. Clones share everything.
#[derive(Debug, Clone)]
pub struct Api {
    /// Orders about tasks.
    pub tasks: commands::Tasks,
    /// What persons say of differences.
    pub remarks: commands::Remarks,
    /// Drills of gates.
    pub drills: commands::Drills,
    /// Orders about gates.
    pub gates: commands::Gates,
    /// Orders about pauses.
    pub pauses: commands::Pauses,
    /// Orders about leases.
    pub leases: commands::Leases,
    /// What others say of commits.
    pub statuses: commands::Statuses,
    /// Orders about alerts.
    pub alerts: commands::Alerts,
    /// Orders about issues.
    pub issues: commands::Issues,
    /// Who asks, and orders about tokens.
    pub people: commands::People,
    /// Orders that are given again.
    pub requests: commands::Requests,
    /// Who is logged in at the pages.
    pub sessions: commands::Sessions,
    /// Deliveries of webhooks.
    pub webhooks: commands::Webhooks,
    /// Orders about repositories and their bases.
    pub repositories: Repositories,
    /// Whether the configuration of repositories can be used.
    pub configuration: commands::Configuration,
    /// Leftovers.
    pub collector: Collector,
    /// What can be seen.
    pub views: Views,
}

/// A host that is open and does nothing yet. See [`Host::start`].
#[derive(Debug, Clone)]
pub struct Host {
    /// What may be asked of it.
    pub api: Api,
    ledger: Ledger,
    config: LiveConfig,
    paths: Paths,
    doors: Doors,
    repos: Repos,
    judges: Judges,
    launchpad: Launchpad,
    checkouts: Checkouts,
    bases: Bases,
    reaper: ReaperStatus,
    reconciler: ReconcilerStatus,
    webhooks: WebhookStatus,
    windows: WindowStatus,
    background: BackgroundStatus,
}

impl Host {
    /// Opens the store, sets up the gate runtime and loads the gates. Nothing runs yet.
    ///
    /// # Errors
    /// With the part that failed and its remedy.
    pub async fn open(setup: Setup) -> anyhow::Result<Self> {
        let Setup {
            config,
            orch,
            outside,
            doors,
            gates,
        } = setup;
        let paths = Paths::below(config.data_dir());
        make_private(paths.data())?;
        let owner = Owner(ProcessIdentity::current().to_string());
        let store = Store::open(&paths.database(), owner).await?;
        let clock = Clock::default();
        let doors = doors(&DoorSite {
            config: &config,
            store: &store,
            paths: &paths,
            now: Arc::new({
                let clock = clock.clone();
                move || clock.now_ms()
            }),
        })?;
        let repos = Repos::of(&config, &paths, &doors.forges)?;
        let config = LiveConfig::new(config);
        let folder = paths.builtin_gates();
        let builtin = gates.lay_out(&folder);
        let builtin = builtin.with_context(|| format!("gates in `{}`", folder.display()))?;
        let judges = Judges::open(JudgesSetup {
            config: config.clone(),
            outside,
            builtin,
            state: paths.gates(),
            scratch: paths.checkouts(),
            orch: orch.clone(),
        })
        .await?;
        let ledger = Ledger::new(store, clock).showing(doors.showing());
        let admission = Admission::new(config.now().preflight.settings());
        let launchpad = Launchpad::new(
            ledger.clone(),
            config.clone(),
            paths.clone(),
            orch.clone(),
            admission.clone(),
        );
        let reaper = ReaperStatus::default();
        let reconciler = ReconcilerStatus::default();
        let webhooks = WebhookStatus::default();
        let windows = WindowStatus::default();
        let background = BackgroundStatus::default();
        let mechanisms = views::Mechanisms {
            ledger: ledger.clone(),
            config: config.clone(),
            repos: repos.clone(),
            admission,
            reaper: reaper.clone(),
            reconciler: reconciler.clone(),
        };
        let checkouts = Checkouts::new(&paths, orch, config.clone(), ledger.clone());
        let bases = Bases {
            ledger: ledger.clone(),
            config: config.clone(),
            checkouts: checkouts.clone(),
            testing: Arc::default(),
        };
        let api = Api {
            repositories: Repositories {
                ledger: ledger.clone(),
                config: config.clone(),
                repos: repos.clone(),
                bases: bases.clone(),
            },
            tasks: commands::Tasks {
                ledger: ledger.clone(),
                config: config.clone(),
                repos: repos.clone(),
            },
            remarks: commands::Remarks {
                ledger: ledger.clone(),
                repos: repos.clone(),
            },
            drills: commands::Drills {
                ledger: ledger.clone(),
                config: config.clone(),
                repos: repos.clone(),
            },
            gates: commands::Gates {
                config: config.clone(),
                judges: judges.clone(),
            },
            pauses: commands::Pauses {
                ledger: ledger.clone(),
                repos: repos.clone(),
            },
            leases: commands::Leases {
                ledger: ledger.clone(),
                reaper: reaper.clone(),
            },
            statuses: commands::Statuses {
                ledger: ledger.clone(),
                repos: repos.clone(),
            },
            alerts: commands::Alerts {
                ledger: ledger.clone(),
            },
            issues: commands::Issues {
                ledger: ledger.clone(),
                reconciler: reconciler.clone(),
            },
            people: commands::People {
                ledger: ledger.clone(),
                config: config.clone(),
                token_file: paths.token(),
                wrong: Arc::default(),
            },
            sessions: commands::Sessions {
                ledger: ledger.clone(),
                config: config.clone(),
                address: Arc::default(),
            },
            requests: commands::Requests {
                ledger: ledger.clone(),
            },
            webhooks: commands::Webhooks {
                ledger: ledger.clone(),
                sources: doors.webhooks.clone(),
                status: webhooks.clone(),
            },
            configuration: commands::Configuration {
                config: config.clone(),
                repos: repos.clone(),
                judges: judges.clone(),
            },
            collector: Collector {
                ledger: ledger.clone(),
                config: config.clone(),
                paths: paths.clone(),
                repos: repos.clone(),
                one_at_a_time: Arc::default(),
            },
            views: Views::new(
                &ledger,
                &config,
                &repos,
                &judges,
                mechanisms,
                &background,
                &webhooks,
                &windows,
            ),
        };
        Ok(Self {
            api,
            checkouts,
            bases,
            ledger,
            config,
            paths,
            doors,
            repos,
            judges,
            launchpad,
            reaper,
            reconciler,
            webhooks,
            windows,
            background,
        })
    }

    /// Checks that every repository can be used and makes its mirror. One whose base asks for what the host does not
    /// do is named in the log; the others are served all the same, and every new task of it is refused.
    ///
    /// # Errors
    /// With the repository and the remedy.
    pub async fn check_repositories(&self) -> anyhow::Result<()> {
        for repo in self.repos.all() {
            if let Err(error) = repo.prepare().await {
                if !matches!(repo.config.forge, ForgePlace::On(_)) {
                    return Err(error);
                }
                // Its tasks wait for it, and those of other repositories go on meanwhile.
                repo.mirror.init().await?;
                let error = format!("{error:#}");
                tracing::warn!(repo = repo.name, error, "the forge cannot be used now");
                continue;
            }
            let base = match repo.base_tip().await {
                Ok(base) => base,
                Err(error) => {
                    // Whoever begins a task is told; a forge that is down keeps no host from starting.
                    let error = format!("{error:#}");
                    tracing::warn!(repo = repo.name, error, "the base cannot be looked at");
                    continue;
                }
            };
            if let Some(unfit) = repo.unfit(&base).await? {
                tracing::error!(
                    repo = repo.name,
                    error = %unfit,
                    "no task of it can begin: {}",
                    unfit.remedy()
                );
            }
        }
        Ok(())
    }

    /// Ends when the configuration has other repositories than the host was opened with: it is to be shut down then and
    /// opened anew.
    pub async fn repositories_changed(&self) {
        self.config.repositories_changed().await;
    }

    /// Where the host keeps its files.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Recovers what a dead host left, then starts the background tasks.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(&self) -> anyhow::Result<Running> {
        let ledger = self.ledger.clone();
        let attended = Attended::default();
        let reaper = Reaper {
            ledger: ledger.clone(),
            config: self.config.clone(),
            attended: attended.clone(),
            status: self.reaper.clone(),
        };
        self.checkouts.sweep().await?;
        recover(&ledger, &self.repos).await?;
        follow_bases(&ledger, &self.repos).await?;
        reaper.reclaim_leases().await?;
        let steps = Steps::new(
            &ledger,
            &self.config,
            &self.repos,
            &self.doors,
            &self.judges,
            &self.launchpad,
            &self.bases,
            &self.reconciler,
        );
        let attendant = Attendant {
            ledger: ledger.clone(),
            config: self.config.clone(),
            steps,
            attended,
        };
        let tasks = background::definitions(self, attendant, reaper);
        Ok(Running {
            driver: Driver::start(&ledger, &self.background, tasks),
            ledger,
        })
    }
}

/// Whether a host could not be opened because somebody else has its database now.
pub fn is_locked(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<StoreError>();
    cause.is_some_and(|cause| matches!(cause, StoreError::LockedByAnotherHost { .. }))
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

/// Has every task land on what is the base of its repository now: a branch that was renamed would be waited for for
/// ever. Whether the task was judged on it is asked before anything lands.
async fn follow_bases(ledger: &Ledger, repos: &Repos) -> anyhow::Result<()> {
    for repo in repos.all() {
        let (name, base) = (RepoName::new(repo.name.clone())?, repo.config.base.clone());
        let moved = ledger
            .write(move |tx| Box::pin(async move { tx.follow_base(&name, &base).await }))
            .await?;
        if moved > 0 {
            let base = &repo.config.base;
            tracing::warn!(
                repo = repo.name,
                base,
                count = moved,
                "tasks under way land on another base from now on"
            );
        }
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

/// A started host. Dropping it does not stop it; [`Running::shut_down`] does.
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
