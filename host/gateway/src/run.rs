//! What of a run does every request need, and what is told of it?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::StatusCode;
use hyper::header::HeaderMap;
use orch_domain::reach::Reached;
use tokio::sync::mpsc;

use crate::account::Account;
use crate::ask::NAME_MAX;
use crate::refusal::{Answer, refuse};
use crate::{Call, Policy, Price, Told};

/// Longest wait that is believed of a provider, seconds.
const AFTER_S_MAX: u64 = 24 * 3600;

/// What of a run every request needs.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) policy: Policy,
    pub(crate) account: Arc<Account>,
    pub(crate) client: reqwest::Client,
    tell: mpsc::Sender<Told>,
    /// Whether the provider failed when it was last asked.
    failing: AtomicBool,
    overdrawn: AtomicBool,
}

impl Run {
    pub(crate) fn new(
        policy: Policy,
        account: Account,
        client: reqwest::Client,
        tell: mpsc::Sender<Told>,
    ) -> Self {
        Self {
            policy,
            account: Arc::new(account),
            client,
            tell,
            failing: AtomicBool::new(false),
            overdrawn: AtomicBool::new(false),
        }
    }

    /// A run that does more than is written down loses the last of it.
    pub(crate) fn tell(&self, told: Told) {
        if self.tell.try_send(told).is_err() {
            tracing::debug!("a word of a model gateway is lost: too many at once");
        }
    }

    /// Tells it once if nothing is left of the money.
    pub(crate) fn look_at_account(&self) {
        if self.account.is_overdrawn() && !self.overdrawn.swap(true, Ordering::Relaxed) {
            self.tell(Told::Overdrawn);
        }
    }

    pub(crate) fn refuse(&self, what: &str, why: Reached, detail: &str) -> Answer {
        self.tell(Told::Call(Call {
            what: what.chars().take(NAME_MAX).collect(),
            reached: why,
            sent: 0,
            received: 0,
        }));
        let status = match why {
            Reached::OverBudget => StatusCode::PAYMENT_REQUIRED,
            Reached::TooMuch => StatusCode::PAYLOAD_TOO_LARGE,
            Reached::Unreachable => StatusCode::BAD_GATEWAY,
            _ => StatusCode::FORBIDDEN,
        };
        let rule = why.as_str();
        let text = format!("{what} is not asked ({rule}): {detail}");
        refuse(self.policy.api, status, &text)
    }

    pub(crate) fn price(&self, model: &str) -> Option<Price> {
        let fits = |name: &str| match name.strip_suffix('*') {
            Some(begin) => model.starts_with(begin),
            None => name == model,
        };
        // The longest name that fits says the most of the model.
        let mut listed: Vec<_> = self
            .policy
            .models
            .iter()
            .filter(|(name, _)| fits(name))
            .collect();
        listed.sort_by_key(|(name, _)| (!name.ends_with('*'), name.len()));
        listed.last().map(|(_, price)| **price)
    }

    /// What the state of an answer says of the provider.
    pub(crate) fn heard(&self, status: StatusCode, headers: &HeaderMap) {
        match status.as_u16() {
            429 => {
                let after = headers
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok());
                let after_s = after.and_then(|text| text.trim().parse::<u64>().ok());
                self.tell(Told::RateLimited {
                    after_s: after_s.map(|seconds| seconds.min(AFTER_S_MAX)),
                });
            }
            500.. => self.failed(),
            _ => self.failing.store(false, Ordering::Relaxed),
        }
    }

    /// Told once until it answers again: one outage is one, however often a run asks meanwhile.
    pub(crate) fn failed(&self) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            self.tell(Told::Failed);
        }
    }
}
