//! What is known of the agents: preflight, breakers, and which refusals a person was told of.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use orch_agents::breaker::{self, Breakers, Key, KeyedSnapshot};
use orch_agents::logins::Logins;
use orch_agents::preflight;
use orch_config::AgentConfig;
use orch_domain::id::UnixMs;

/// What is known of the agents; lost with the host, which then looks again. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Known>);

#[derive(Debug)]
struct Known {
    cache: preflight::Cache,
    breakers: Mutex<Breakers>,
    /// Accounts whose login was refused.
    logins: Mutex<Logins>,
    /// Refusals that a person was told of, by agent.
    told: Mutex<BTreeMap<String, &'static str>>,
}

impl Admission {
    pub(crate) fn new(settings: preflight::Settings) -> Self {
        Self(Arc::new(Known {
            cache: preflight::Cache::new(settings),
            breakers: Mutex::new(Breakers::new(breaker::Settings::default())),
            logins: Mutex::default(),
            told: Mutex::default(),
        }))
    }

    /// The answers of preflight.
    pub(crate) fn cache(&self) -> &preflight::Cache {
        &self.0.cache
    }

    pub(crate) fn with_breakers<T>(&self, with: impl FnOnce(&mut Breakers) -> T) -> T {
        with(
            &mut self
                .0
                .breakers
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(crate) fn with_logins<T>(&self, with: impl FnOnce(&mut Logins) -> T) -> T {
        with(&mut self.0.logins.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The breakers as they stand.
    pub(crate) fn breakers(&self, now: UnixMs) -> Vec<KeyedSnapshot> {
        self.with_breakers(|b| b.snapshot(now))
    }

    /// What preflight last found of an agent; none if it was not asked yet.
    pub(crate) fn preflight_of(&self, name: &str, agent: &AgentConfig) -> Option<preflight::Known> {
        self.0.cache.known(&name_key(name, agent))
    }

    /// Whether a person is to be told of this refusal: once until the agent starts again or is refused for another
    /// reason.
    pub(crate) fn is_news(&self, name: &str, marker: &'static str) -> bool {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(name.to_owned(), marker) != Some(marker)
    }

    /// What was refused is possible again.
    pub(crate) fn forget_told(&self, name: &str) {
        self.0
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }
}

/// What shares the fate of a breaker: the program and what it logs in with.
pub(crate) fn key_of(agent: &AgentConfig) -> Key {
    let of_gateway = agent.gateway.as_ref().map(|gateway| &gateway.key);
    let of_gateway = of_gateway.map(|key| match (&key.file, &key.env) {
        (Some(file), _) => file.display().to_string(),
        (None, variable) => variable.clone().unwrap_or_default(),
    });
    let account = match (of_gateway, &agent.credential_env, &agent.home) {
        (Some(key), _, _) => key,
        (None, Some(variable), _) => variable.clone(),
        (None, None, Some(home)) => home.display().to_string(),
        (None, None, None) => String::new(),
    };
    Key {
        program: agent.program.display().to_string(),
        account,
    }
}

/// Name of the agent and what it is configured as: a changed agent is looked at anew.
pub(crate) fn name_key(name: &str, agent: &AgentConfig) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(agent)
        .unwrap_or_default()
        .hash(&mut hasher);
    format!("{name}:{:x}", hasher.finish())
}
