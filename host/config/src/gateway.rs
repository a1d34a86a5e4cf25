//! What an operator may say of the model gateway of an agent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::webhooks::SecretFrom;

/// Whose form of requests an agent speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelApi {
    /// `/v1/messages`.
    Anthropic,
    /// `/v1/chat/completions` and `/v1/responses`.
    Openai,
}

impl ModelApi {
    /// Where its maker serves it.
    pub fn maker(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::Openai => "https://api.openai.com",
        }
    }

    /// Variables by which programs find it and log in: the first says where, the second is the key.
    pub fn variables(self) -> [&'static str; 2] {
        match self {
            Self::Anthropic => ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"],
            Self::Openai => ["OPENAI_BASE_URL", "OPENAI_API_KEY"],
        }
    }
}

/// What a model costs, dollars for a million tokens; nothing said means that nobody counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelPrice {
    /// Tokens that it reads.
    pub input: Option<f64>,
    /// Tokens that it writes.
    pub output: Option<f64>,
    /// Tokens that it reads from the cache; as `input` if not given.
    pub cache_read: Option<f64>,
    /// Tokens that are written into the cache; twice `input` if not given.
    pub cache_write: Option<f64>,
}

impl ModelPrice {
    /// Every price that is said.
    pub(crate) fn all(&self) -> [Option<f64>; 4] {
        [self.input, self.output, self.cache_read, self.cache_write]
    }

    /// Input and output, if it has a price.
    pub fn known(&self) -> Option<(f64, f64)> {
        Some((self.input?, self.output?))
    }
}

/// The model gateway of an agent.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// Which form it speaks; that of the driver if not given.
    pub api: Option<ModelApi>,
    /// Where the key is. The agent never sees it.
    pub key: SecretFrom,
    /// Where requests go; to the maker of the form if not given.
    pub upstream: Option<String>,
    /// Models that may be asked, by name or by how their names begin (`claude-sonnet-*`), with their prices.
    pub models: BTreeMap<String, ModelPrice>,
}

impl GatewayConfig {
    /// Whether a model may be asked.
    pub(crate) fn lists(&self, model: &str) -> bool {
        self.models.keys().any(|name| match name.strip_suffix('*') {
            Some(begin) => model.starts_with(begin),
            None => name == model,
        })
    }
}
