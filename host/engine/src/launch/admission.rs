//! Whether an agent may start now: preflight and circuit breaker, asked before every launch.
//!
//! A refusal is no failure of the task: its job is put off, nothing is used up, and a person is told once.

use std::path::PathBuf;

use orch_agents::breaker::{Admit, Key, Reason, Signal};
use orch_agents::logins::Login;
use orch_agents::preflight::{self, Credential, Failure, Subject, login_mark};
use orch_domain::id::{TaskId, UnixMs};
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::notice::NoticeKind;
use orch_domain::outcome::RunOutcome;
use orch_process::resolve_program;

use super::cage::Cage;
use super::{Launchpad, Refusal, room};
use crate::ledger::admission::{key_of, name_key};
use crate::ledger::budget::{ASK_AGAIN_MS, Overdrawn, over_budget};
use orch_config::{AgentConfig, Driver};

/// What a person is told of when a login was refused.
const LOGIN: &str = "login";

/// Who would start.
pub(crate) struct Candidate<'a> {
    /// Name of the agent.
    pub(crate) name: &'a str,
    pub(crate) agent: &'a AgentConfig,
    /// The whole environment of the run.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) home: PathBuf,
    /// What its run is confined by; none if the operator has switched that off.
    pub(crate) cage: Option<Cage>,
}

impl Launchpad {
    /// Whether the host itself has what a run of this task needs: room and money. A person is told once.
    pub(crate) async fn affords(
        &self,
        task: TaskId,
        item: &str,
    ) -> anyhow::Result<Option<Refusal>> {
        if let Err(full) = room::has_room(&self.paths, &self.config.now()) {
            let why = PutOff::new(PutOffKind::Disk, full);
            return Ok(Some(self.refused("the disk", "disk", why).await));
        }
        self.admission.forget_told("the disk");
        let (budgets, now) = (self.config.now().budgets.clone(), self.ledger.now());
        let asked = self
            .ledger
            .read(move |tx| Box::pin(async move { over_budget(tx, task, &budgets, now).await }));
        let Some(overdrawn) = asked.await? else {
            self.admission.forget_told(item);
            return Ok(None);
        };
        Ok(Some(self.overdrawn(task, item, overdrawn).await))
    }

    /// A refusal for want of money; a person is told once.
    pub(crate) async fn overdrawn(
        &self,
        task: TaskId,
        item: &str,
        overdrawn: Overdrawn,
    ) -> Refusal {
        let Overdrawn { reason, until_ms } = overdrawn;
        self.tell(Some(task), item, "budget", &reason).await;
        let why = PutOff::new(PutOffKind::Budget, reason);
        Refusal { until_ms, why }
    }

    /// Asks for a start. Whoever is admitted reports by [`Launchpad::run_reported`].
    pub(crate) async fn admit(&self, who: &Candidate<'_>) -> Result<(), Refusal> {
        let now = self.ledger.now();
        let admission = &self.admission;
        let key = key_of(who.agent);
        self.logged_in(who, &key, now).await?;
        let probes = match admission.with_breakers(|b| b.admit(&key, now)) {
            Admit::Yes => false,
            Admit::Probe => true,
            Admit::No { until_ms, reason } => {
                let text = format!("agent `{}`: {reason}", who.name);
                if reason == Reason::Failures {
                    self.tell(None, who.name, "breaker", &text).await;
                }
                return Err(Refusal {
                    until_ms,
                    why: PutOff::new(PutOffKind::Breaker, text),
                });
            }
        };
        let Err(failure) = self.preflight(who, probes).await else {
            self.admission.forget_told(who.name);
            return Ok(());
        };
        // The breaker asked for nothing that says anything of the provider.
        admission.with_breakers(|b| b.record(&key, Signal::Neutral, now));
        let reason = format!("agent `{}` cannot start: {failure}", who.name);
        let why = PutOff::new(PutOffKind::AgentUnavailable, reason);
        Err(self.refused(who.name, failure.marker(), why).await)
    }

    /// A refusal that stands until somebody mends something; a person is told once.
    pub(crate) async fn refused(&self, name: &str, marker: &'static str, why: PutOff) -> Refusal {
        self.tell(None, name, marker, &why.reason).await;
        Refusal {
            until_ms: self.ledger.now() + ASK_AGAIN_MS,
            why,
        }
    }

    /// Whether nothing is known against the login of the account. A person is told once for all agents that share it.
    async fn logged_in(&self, who: &Candidate<'_>, key: &Key, now: UnixMs) -> Result<(), Refusal> {
        let account = format!("the login of {}:{}", key.program, key.account);
        let admission = &self.admission;
        if !admission.with_logins(|logins| logins.is_refused(key)) {
            admission.forget_told(&account);
            return Ok(());
        }
        let subject = Subject {
            program: who.agent.program.clone(),
            home: who.home.clone(),
            env: who.env.clone(),
            credential: Credential::None,
            confinement: None,
        };
        // A disk that does not answer says nothing for the login, and is asked again.
        let answer = login_mark(&subject, who.agent.credential_env.as_deref()).await;
        let login = answer.map(|mark| admission.with_logins(|logins| logins.ask(key, mark, now)));
        let said = match login {
            Ok(Login::Usable) => return Ok(()),
            Ok(Login::Refused { said, .. }) => said,
            Err(failure) => failure.to_string(),
        };
        let reason = format!(
            "agent `{}` is logged out ({said}); log it in again, or change its key: every task that uses this login \
             waits until then",
            who.name
        );
        if admission.is_news(&account, LOGIN) {
            let notice = format!("login:{}:{}:{now}", key.program, key.account);
            self.announce_refusal(None, notice, who.name, LOGIN, &reason)
                .await;
        }
        Err(Refusal {
            until_ms: now + ASK_AGAIN_MS,
            why: PutOff::new(PutOffKind::AgentUnavailable, reason),
        })
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
            confinement: who.cage.as_ref().map(Cage::parts),
        };
        let (cache, name, now) = (
            self.admission.cache(),
            name_key(who.name, who.agent),
            self.ledger.now(),
        );
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
        let key = key_of(agent);
        admission.with_breakers(|b| b.record(&key, Signal::of(outcome), now));
        if let RunOutcome::AuthRequired(said) = outcome {
            admission.with_logins(|logins| logins.refused(&key, said, now));
        }
        let ended_well = matches!(outcome, RunOutcome::Completed | RunOutcome::NoChange);
        if ended_well {
            admission.with_logins(|logins| logins.accepted(&key));
        }
        if !ended_well && preflight::has_auth_marker(log) {
            // The login that preflight believed in is none.
            admission.cache().reset(&name_key(name, agent));
        }
    }

    /// Takes in what the provider said to a run that goes on.
    pub(crate) fn provider_said(&self, agent: &AgentConfig, signal: Signal) {
        let (key, now) = (key_of(agent), self.ledger.now());
        self.admission
            .with_breakers(|b| b.record(&key, signal, now));
    }

    /// Tells a person of a refusal, if it is news.
    async fn tell(&self, task: Option<TaskId>, name: &str, marker: &'static str, reason: &str) {
        if !self.admission.is_news(name, marker) {
            return;
        }
        let key = format!("preflight:{name}:{marker}:{}", self.ledger.now());
        self.announce_refusal(task, key, name, marker, reason).await;
    }

    async fn announce_refusal(
        &self,
        task: Option<TaskId>,
        key: String,
        name: &str,
        marker: &'static str,
        reason: &str,
    ) {
        let kind = NoticeKind::LaunchRefused {
            of: name.to_owned(),
            check: marker.to_owned(),
            reason: reason.to_owned(),
        };
        if let Err(error) = self.ledger.announce(task, key, kind).await {
            tracing::error!(error = %error, reason, "a notice cannot be written");
        }
    }
}
