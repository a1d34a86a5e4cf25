//! What did a run use of its model, as far as it can be believed?

use serde::{Deserialize, Serialize};

/// Most tokens of one class that one run is believed to have used: some thousand times the longest runs.
pub const TOKENS_MAX: u64 = 1_000_000_000_000;

/// Tokens that a run used, by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Read by the model, neither from nor into the provider's cache.
    pub input_tokens: u64,
    /// Written by the model.
    pub output_tokens: u64,
    /// Read from the provider's cache.
    pub cache_read_input_tokens: u64,
    /// Written into the provider's cache.
    pub cache_creation_input_tokens: u64,
}

impl Usage {
    /// Class by class; what does not fit stays at the largest number.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let Self {
            input_tokens,
            output_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
        } = other;
        Self {
            input_tokens: self.input_tokens.saturating_add(input_tokens),
            output_tokens: self.output_tokens.saturating_add(output_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .saturating_add(cache_read_input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .saturating_add(cache_creation_input_tokens),
        }
    }

    /// Tokens of every class.
    pub fn total(self) -> u64 {
        self.input_tokens
            .saturating_add(self.output_tokens)
            .saturating_add(self.cache_read_input_tokens)
            .saturating_add(self.cache_creation_input_tokens)
    }

    /// Itself, if no class of it is more than can be.
    pub(crate) fn believed(self) -> Option<Self> {
        let classes = [
            self.input_tokens,
            self.output_tokens,
            self.cache_read_input_tokens,
            self.cache_creation_input_tokens,
        ];
        let is_believed = classes.iter().all(|tokens| *tokens <= TOKENS_MAX);
        is_believed.then_some(self)
    }

    /// Whether no model was asked at all.
    pub fn is_zero(self) -> bool {
        self.total() == 0
    }
}
