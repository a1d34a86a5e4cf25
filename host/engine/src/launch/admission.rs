//! Whether an agent may start now: preflight and circuit breaker, asked before every launch.
//!
//! A refusal is no failure of the task: its job is put off, nothing is used up, and a person is told once.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use orch_agents::breaker::{self, Admit, Breakers, Key, Reason, Signal};
use orch_agents::preflight::{self, Credential, Failure, Subject};
use orch_domain::id::TaskId;
use orch_domain::outcome::RunOutcome;
use orch_process::resolve_program;

use super::{Launchpad, Refusal, room};
use crate::ledger::budget::{ASK_AGAIN_MS, Overdrawn, over_budget};
use orch_config::{AgentConfig, Driver};

/// What is known of the agents; lost with the host, which then looks anew.
#[derive(Debug)]
pub(crate) struct Admission {
    cache: preflight::Cache,
    breakers: Mutex<Breakers>,
    /// Refusals that a person was told of, by agent.
    told: Mutex<BTreeMap<String, &'static str>>,
}

/// Who would start.
pub(crate) struct Candidate<'a> {
    /// Name of the agent.
    pub(crate) name: &'a str,
    pub(crate) agent: &'a AgentConfig,
    /// The whole environment of the run.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) home: PathBuf,
}

impl Admission {
    pub(crate) fn new(settings: preflight::Settings) -> Self {
        Self {
            cache: preflight::Cache::new(settings),
            breakers: Mutex::new(Breakers::new(breaker::Settings::default())),
            told: Mutex::default(),
        }
    }

    fn breakers<T>(&self, with: impl FnOnce(&mut Breakers) -> T) -> T {
        with(&mut self.breakers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Launchpad {
    /// Whether the host itself has what a run of this task needs: room and money. A person is told once.
    pub(crate) async fn affords(
        &self,
        task: TaskId,
        item: &str,
    ) -> anyhow::Result<Option<Refusal>> {
        if let Err(full) = room::has_room(&self.paths, &self.config.now()) {
            return Ok(Some(self.refused("the disk", "disk", full).await));
        }
        self.forget_told("the disk");
        let (budgets, now) = (self.config.now().budgets.clone(), self.ledger.now());
        let asked = self
            .ledger
            .read(move |tx| Box::pin(async move { over_budget(tx, task, &budgets, now).await }));
        let Some(overdrawn) = asked.await? else {
            self.forget_told(item);
            return Ok(None);
        };
        Ok(Some(self.overdrawn(item, overdrawn).await))
    }

    /// A refusal for want of money; a person is told once.
    pub(crate) async fn overdrawn(&self, item: &str, overdrawn: Overdrawn) -> Refusal {
        let Overdrawn { reason, until_ms } = overdrawn;
        self.tell(item, "budget", &format!("{item}: {reason}"))
            .await;
        Refusal { until_ms, reason }
    }

    /// Asks for a start. Whoever is admitted reports by [`Launchpad::run_reported`].
    pub(crate) async fn admit(&self, who: &Candidate<'_>) -> Result<(), Refusal> {
        let now = self.ledger.now();
        let admission = &self.admission;
        let key = key_of(who.agent);
        let probes = match admission.breakers(|b| b.admit(&key, now)) {
            Admit::Yes => false,
            Admit::Probe => true,
            Admit::No { until_ms, reason } => {
                let text = format!("agent `{}`: {reason}", who.name);
                if reason == Reason::Failures {
                    self.tell(who.name, "breaker", &text).await;
                }
                return Err(Refusal {
                    until_ms,
                    reason: text,
                });
            }
        };
        let Err(failure) = self.preflight(who, probes).await else {
            self.forget_told(who.name);
            return Ok(());
        };
        // The breaker asked for nothing that says anything of the provider.
        admission.breakers(|b| b.record(&key, Signal::Neutral, now));
        let reason = format!("agent `{}` cannot start: {failure}", who.name);
        Err(self.refused(who.name, failure.marker(), reason).await)
    }

    /// A refusal that stands until somebody mends something; a person is told once.
    pub(crate) async fn refused(
        &self,
        name: &str,
        marker: &'static str,
        reason: String,
    ) -> Refusal {
        self.tell(name, marker, &reason).await;
        Refusal {
            until_ms: self.ledger.now() + ASK_AGAIN_MS,
            reason,
        }
    }

    async fn preflight(&self, who: &Candidate<'_>, forced: bool) -> Result<(), Failure> {
        let config = self.config.now();
        if !config.preflight.enabled {
            return Ok(());
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let program =
            resolve_program(&who.agent.program, &path).map_err(|_| Failure::ProgramMissing {
                program: who.agent.program.clone(),
                searched: path,
            })?;
        let credential = match who.agent.driver {
            // Nobody knows what any other program makes of `--version`: it may begin to work.
            Driver::Command => return Ok(()),
            Driver::Claude if config.preflight.check_auth => {
                Credential::of_claude(&who.env, who.agent.credential_env.as_deref())
            }
            Driver::Claude => Credential::None,
        };
        let subject = Subject {
            program,
            home: who.home.clone(),
            env: who.env.clone(),
            credential,
        };
        let (cache, name, now) = (&self.admission.cache, cache_key(who), self.ledger.now());
        let answer = if forced {
            cache.forced(&name, &subject, now).await
        } else {
            cache.look(&name, &subject, now).await
        };
        answer.map(|_| ())
    }

    /// Takes in how a run of an agent ended, and what its log says of its login.
    pub(crate) fn run_reported(
        &self,
        name: &str,
        agent: &AgentConfig,
        outcome: &RunOutcome,
        log: &str,
    ) {
        let now = self.ledger.now();
        let admission = &self.admission;
        admission.breakers(|b| b.record(&key_of(agent), Signal::of(outcome), now));
        let ended_well = matches!(outcome, RunOutcome::Completed | RunOutcome::NoChange);
        if !ended_well && preflight::has_auth_marker(log) {
            // The login that preflight believed in is none.
            admission.cache.reset(&name_key(name, agent));
        }
    }

    /// Tells a person of a refusal, once until the agent starts again or is refused for another reason.
    async fn tell(&self, name: &str, marker: &'static str, reason: &str) {
        {
            let mut told = self
                .admission
                .told
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if told.insert(name.to_owned(), marker) == Some(marker) {
                return;
            }
        }
        let key = format!("preflight:{name}:{marker}:{}", self.ledger.now());
        if let Err(error) = self.ledger.alert(None, key, reason.to_owned()).await {
            tracing::error!(error = %error, reason, "an alert cannot be written");
        }
    }

    fn forget_told(&self, name: &str) {
        let told = &self.admission.told;
        told.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }

    /// What preflight last found of an agent; none if it was not asked yet.
    pub(crate) fn preflight_of(&self, name: &str, agent: &AgentConfig) -> Option<preflight::Known> {
        self.admission.cache.known(&name_key(name, agent))
    }

    /// The breakers as they stand.
    pub(crate) fn breakers(&self) -> Vec<breaker::KeyedSnapshot> {
        let now = self.ledger.now();
        self.admission.breakers(|b| b.snapshot(now))
    }
}

/// What shares the fate of a breaker: the program and what it logs in with.
fn key_of(agent: &AgentConfig) -> Key {
    let account = match (&agent.credential_env, &agent.home) {
        (Some(variable), _) => variable.clone(),
        (None, Some(home)) => home.display().to_string(),
        (None, None) => String::new(),
    };
    Key {
        program: agent.program.display().to_string(),
        account,
    }
}

fn cache_key(who: &Candidate<'_>) -> String {
    name_key(who.name, who.agent)
}

/// Name of the agent and what it is configured as: a changed agent is looked at anew.
fn name_key(name: &str, agent: &AgentConfig) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(agent)
        .unwrap_or_default()
        .hash(&mut hasher);
    format!("{name}:{:x}", hasher.finish())
}
