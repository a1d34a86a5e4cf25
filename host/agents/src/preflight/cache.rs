//! What is known of each agent, for how long, and who asks: one check at a time per agent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Answer, Settings, Subject, check};

/// Answers per agent name. A name stands for one subject; whoever changes an agent's configuration resets it.
///
/// Grows with the number of names, which are those of the configuration.
#[derive(Debug)]
pub struct Cache {
    settings: Settings,
    agents: Mutex<BTreeMap<String, Arc<Agent>>>,
}

/// What the last check of an agent said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The answer.
    pub answer: Answer,
    /// When it was asked, Unix milliseconds.
    pub asked_ms: i64,
}

#[derive(Debug, Default)]
struct Agent {
    /// Held by the caller that checks.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Checks begun so far; also the number of the last one.
    begun: u64,
    /// Number of the last check that ended; one whose caller gave up never does.
    ended: u64,
    /// Resets so far.
    resets: u64,
    last: Option<Last>,
}

#[derive(Debug, Clone)]
struct Last {
    known: Known,
    /// Number of the check.
    number: u64,
    /// Resets when it began: a check that began before a reset does not count after it.
    resets: u64,
}

impl Cache {
    /// Nothing known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            agents: Mutex::default(),
        }
    }

    /// Whether the agent `name` is able to start at `now_ms` (Unix milliseconds): what is known, if it is
    /// fresh, and a check otherwise. Callers that come while a check is under way share its answer.
    ///
    /// # Errors
    /// [`Failure`](super::Failure).
    pub async fn look(&self, name: &str, subject: &Subject, now_ms: i64) -> Answer {
        let agent = self.agent(name);
        let ended = lock(&agent.state).ended;
        let _turn = agent.turn.lock().await;
        if let Some(last) = lock(&agent.state).current()
            && (last.number > ended || self.is_fresh(&last.known, now_ms))
        {
            return last.known.answer.clone();
        }
        self.ask(&agent, subject, now_ms).await
    }

    /// The same without regard to what is known, for the probe of a half-open breaker and for people who have
    /// just repaired something. Shares only a check that began after this call; the answer is kept.
    ///
    /// # Errors
    /// [`Failure`](super::Failure).
    pub async fn forced(&self, name: &str, subject: &Subject, now_ms: i64) -> Answer {
        let agent = self.agent(name);
        let begun = lock(&agent.state).begun;
        let _turn = agent.turn.lock().await;
        if let Some(last) = lock(&agent.state).current()
            && last.number > begun
        {
            return last.known.answer.clone();
        }
        self.ask(&agent, subject, now_ms).await
    }

    /// Forgets what is known of `name`, also what a check under way is about to say. For a run whose log says
    /// that the login is missing ([`has_auth_marker`](super::has_auth_marker)).
    pub fn reset(&self, name: &str) {
        let agent = self.agent(name);
        let mut state = lock(&agent.state);
        state.resets += 1;
        state.last = None;
    }

    /// What the last check of `name` said, fresh or not, without a check; for display.
    pub fn known(&self, name: &str) -> Option<Known> {
        let agent = self.agent(name);
        let state = lock(&agent.state);
        state.current().map(|last| last.known.clone())
    }

    fn agent(&self, name: &str) -> Arc<Agent> {
        Arc::clone(lock(&self.agents).entry(name.to_owned()).or_default())
    }

    /// Checks and keeps the answer. The caller has the turn.
    async fn ask(&self, agent: &Agent, subject: &Subject, now_ms: i64) -> Answer {
        let (number, resets) = {
            let mut state = lock(&agent.state);
            state.begun += 1;
            (state.begun, state.resets)
        };
        let answer = check(subject, &self.settings, now_ms).await;
        let mut state = lock(&agent.state);
        state.ended = number;
        state.last = Some(Last {
            known: Known {
                answer: answer.clone(),
                asked_ms: now_ms,
            },
            number,
            resets,
        });
        answer
    }

    /// A clock that was set back makes an answer old as well: its age counts in both directions.
    fn is_fresh(&self, known: &Known, now_ms: i64) -> bool {
        let (ttl_ms, is_valid) = match &known.answer {
            Ok(passed) => {
                let margin = now_ms.saturating_add(i64::from(self.settings.expiry_skew_ms));
                let is_valid = passed.expires_ms.is_none_or(|expires| expires > margin);
                (self.settings.passed_ttl_ms, is_valid)
            }
            Err(_) => (self.settings.failed_ttl_ms, true),
        };
        is_valid && now_ms.abs_diff(known.asked_ms) < u64::from(ttl_ms)
    }
}

impl State {
    /// The last answer, unless a reset came after its check began.
    fn current(&self) -> Option<&Last> {
        self.last.as_ref().filter(|last| last.resets == self.resets)
    }
}

/// Nothing panics while it holds one of these locks, and what they guard is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
