//! The way of one run to its model: requests in the forms that agents speak, without a key, to which the host adds the
//! key on its own side.
//!
//! What is not listed is refused: calls, headers, models, tools that the provider would carry out itself. What a request
//! may cost at most is set aside before it is sent, and what it did cost is read from the answer; where the answer breaks
//! off, what was set aside is spent. The key is looked for in everything that comes back.
//!
//! Not here: whose run it is and what its models cost (the configuration), how a run gets to the socket (the sandbox and
//! its bridge), what becomes of a run that has no money left (the engine).

mod account;
mod answer;
mod api;
mod ask;
mod carried;
mod key;
mod refusal;
mod run;
mod serve;
mod trial;
mod usage;

use std::collections::BTreeMap;

use orch_domain::reach::Reached;
use serde::{Deserialize, Serialize};

pub use account::{Account, Spent};
pub use api::Api;
pub use key::Key;
pub use serve::Gateway;
pub use trial::{Asked, ask};

/// What a run may ask of its model, and of whom.
#[derive(Debug)]
pub struct Policy {
    /// Form of its requests.
    pub api: Api,
    /// Where they go: an address without a path's end, such as `https://api.anthropic.com`.
    pub upstream: String,
    /// What is added on the way.
    pub key: Key,
    /// Models by name, or by how their names begin and `*`.
    pub models: BTreeMap<String, Price>,
}

/// What a model costs, dollars for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Price {
    /// Tokens that it reads.
    pub input: f64,
    /// Tokens that it writes.
    pub output: f64,
    /// Tokens that it reads from the cache.
    pub cache_read: f64,
    /// Tokens that are written into the cache.
    pub cache_write: f64,
}

/// Tokens by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Read by the model, neither from nor into the cache.
    pub input: u64,
    /// Written by it.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Written into the cache.
    pub cache_write: u64,
}

impl Tokens {
    fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
        }
    }
}

impl Price {
    /// Dollars.
    #[expect(
        clippy::cast_precision_loss,
        reason = "what is lost of more tokens than any run has is less than a cent"
    )]
    pub fn of(&self, tokens: Tokens) -> f64 {
        let each = [
            (tokens.input, self.input),
            (tokens.output, self.output),
            (tokens.cache_read, self.cache_read),
            (tokens.cache_write, self.cache_write),
        ];
        each.iter()
            .map(|(count, usd)| *count as f64 * usd)
            .sum::<f64>()
            / 1e6
    }
}

/// A request of the run, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The model, or the call where no model was read; cut to what a name may have.
    pub what: String,
    /// What became of it.
    pub reached: Reached,
    /// Bytes that were sent.
    pub sent: u64,
    /// Bytes that came back.
    pub received: u64,
}

/// What whoever awaits the run is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A request ended.
    Call(Call),
    /// The provider asked to come back later.
    RateLimited {
        /// In how many seconds, if it said so.
        after_s: Option<u64>,
    },
    /// The provider failed, for the first time since it last answered.
    Failed,
    /// Nothing is left of the run's money.
    Overdrawn,
}
