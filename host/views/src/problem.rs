//! What does a refusal look like? A code that programs match on, a text for people, and what would help.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why something was refused. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// The request makes no sense as it was given.
    Invalid,
    /// It has no valid token.
    Unauthorized,
    /// Whoever asks may not do this, or is nobody whom the host knows.
    Forbidden,
    /// Too many wrong tokens came from there, or more deliveries of webhooks than the host takes.
    TooMany,
    /// What it names is not there.
    NotFound,
    /// The address is there for something else: to look or to order.
    MethodNotAllowed,
    /// What it names is in no state for it.
    Conflict,
    /// It is larger than the host reads.
    TooLarge,
    /// A delivery of a webhook is not JSON.
    NotJson,
    /// The host itself failed.
    Host,
    /// The command failed before the host was asked, or beside it; no host answers so.
    Failed,
}

impl ProblemCode {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooMany => "too-many",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::NotJson => "not-json",
            Self::Host => "host",
            Self::Failed => "failed",
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Refusal")]
pub struct Problem {
    /// What programs match on.
    pub code: ProblemCode,
    /// What is wrong; safe to show.
    pub message: String,
    /// What would help, if anything would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A refusal as it crosses the wire and as `--json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// The refusal.
    pub error: Problem,
}
