//! Accounts whose login a provider refused: nobody sends work into them until the login has changed.
//!
//! Preflight cannot see that a login was revoked where it was given. What a run said of it is remembered here, by
//! account, so that one run finds it out and not one of each task. Lost with the host, which then finds it out again.

use std::collections::BTreeMap;

use crate::breaker::Key;
use crate::preflight::LoginMark;

/// How often one run tries a login that looks as it did when it was refused, milliseconds: it may have been given
/// back where nobody here can see it.
pub const PROBE_MS: i64 = 10 * 60_000;

/// A login that was refused.
#[derive(Debug)]
struct Refused {
    /// What it looked like; none until somebody has looked.
    mark: Option<LoginMark>,
    /// When the next run may try it as it is, Unix milliseconds.
    probe_ms: i64,
    /// What the run said.
    said: String,
}

/// Whether a run may start with a login.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Login {
    /// It may: nothing is known against it, it has changed, or it is time to try.
    Usable,
    /// It is the one that was refused.
    Refused {
        /// When it is tried again at the latest, Unix milliseconds.
        until_ms: i64,
        /// What the run said that found it out.
        said: String,
    },
}

/// What is known of the accounts' logins.
#[derive(Debug, Default)]
pub struct Logins(BTreeMap<Key, Refused>);

impl Logins {
    /// A run ended because its login was refused.
    pub fn refused(&mut self, key: &Key, said: &str, now: i64) {
        let refused = Refused {
            mark: None,
            probe_ms: now.saturating_add(PROBE_MS),
            said: said.to_owned(),
        };
        self.0.insert(key.clone(), refused);
    }

    /// A run got on with its login.
    pub fn accepted(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Whether something is known against the account's login.
    pub fn is_refused(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    /// Whether a run may start with a login that looks like `mark`. Whoever is let in to try it is one; the next one
    /// is let in a while later.
    pub fn ask(&mut self, key: &Key, mark: LoginMark, now: i64) -> Login {
        let Some(refused) = self.0.get_mut(key) else {
            return Login::Usable;
        };
        if *refused.mark.get_or_insert(mark) != mark {
            self.0.remove(key);
            return Login::Usable;
        }
        if now >= refused.probe_ms {
            refused.probe_ms = now.saturating_add(PROBE_MS);
            return Login::Usable;
        }
        Login::Refused {
            until_ms: refused.probe_ms,
            said: refused.said.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::{Credential, Subject, login_mark};

    fn key(account: &str) -> Key {
        Key {
            program: "claude".to_owned(),
            account: account.to_owned(),
        }
    }

    async fn mark(secret: &str) -> LoginMark {
        let subject = Subject {
            program: "claude".into(),
            home: "/nonexistent".into(),
            env: vec![("KEY".to_owned(), secret.to_owned())],
            credential: Credential::None,
            confinement: None,
        };
        login_mark(&subject, Some("KEY")).await.unwrap()
    }

    #[tokio::test]
    async fn refused_login_is_used_again_once_it_changed_and_others_are_not_held() {
        let (old, new) = (mark("old").await, mark("new").await);
        let mut logins = Logins::default();
        logins.refused(&key("a"), "revoked", 0);
        let held = Login::Refused {
            until_ms: PROBE_MS,
            said: "revoked".to_owned(),
        };
        assert_eq!(logins.ask(&key("a"), old, 1), held);
        assert_eq!(logins.ask(&key("b"), old, 1), Login::Usable);
        assert_eq!(logins.ask(&key("a"), new, 2), Login::Usable);
        assert!(!logins.is_refused(&key("a")));
    }

    #[tokio::test]
    async fn one_run_at_a_time_tries_a_login_that_looks_the_same() {
        let old = mark("old").await;
        let mut logins = Logins::default();
        logins.refused(&key("a"), "revoked", 0);
        assert_ne!(logins.ask(&key("a"), old, PROBE_MS - 1), Login::Usable);
        assert_eq!(logins.ask(&key("a"), old, PROBE_MS), Login::Usable);
        assert_ne!(logins.ask(&key("a"), old, PROBE_MS), Login::Usable);
        logins.accepted(&key("a"));
        assert_eq!(logins.ask(&key("a"), old, PROBE_MS), Login::Usable);
    }
}
