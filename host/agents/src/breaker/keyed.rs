//! Which breaker is whose: one per command line and account.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Admit, Breaker, Settings, Signal, Snapshot};

/// What shares the fate of a breaker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The command line: name or path of the program.
    pub program: String,
    /// The account: a name for what it logs in with, such as its home or the variable that carries its key.
    /// Never the secret itself; it is shown.
    pub account: String,
}

/// How the breaker of a key stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedSnapshot {
    /// The key.
    pub key: Key,
    /// Its breaker.
    pub breaker: Snapshot,
}

/// The breakers of all keys. Grows with the number of keys, which are those of the configuration. The caller
/// serialises access.
#[derive(Debug, Clone)]
pub struct Breakers {
    settings: Settings,
    by_key: BTreeMap<Key, Breaker>,
}

impl Breakers {
    /// All closed.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            by_key: BTreeMap::new(),
        }
    }

    /// See [`Breaker::admit`].
    pub fn admit(&mut self, key: &Key, now_ms: i64) -> Admit {
        self.of(key).admit(now_ms)
    }

    /// See [`Breaker::record`].
    pub fn record(&mut self, key: &Key, signal: Signal, now_ms: i64) {
        self.of(key).record(signal, now_ms);
    }

    /// Closes the breaker of `key` and forgets its rate limit; for a person who knows better.
    pub fn reset(&mut self, key: &Key) {
        self.by_key.remove(key);
    }

    /// How each stands that was ever asked or told, by key. See [`Breaker::snapshot`].
    pub fn snapshot(&self, now_ms: i64) -> Vec<KeyedSnapshot> {
        self.by_key
            .iter()
            .map(|(key, breaker)| KeyedSnapshot {
                key: key.clone(),
                breaker: breaker.snapshot(now_ms),
            })
            .collect()
    }

    fn of(&mut self, key: &Key) -> &mut Breaker {
        self.by_key
            .entry(key.clone())
            .or_insert_with(|| Breaker::new(self.settings))
    }
}
