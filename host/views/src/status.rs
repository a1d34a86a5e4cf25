//! Commit statuses that somebody outside of the host posts.

use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Message;

/// Longest name of a context, bytes.
pub const CONTEXT_BYTES_MAX: usize = 200;
/// Longest description, bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 1_000;
/// Longest address, bytes.
pub const URL_BYTES_MAX: usize = 2_000;

/// Says how a check of a commit stands.
pub const SET: Endpoint<0, StatusRequest, Message> =
    Endpoint::post(PersonRole::Operator, "/statuses");

/// How a check of a commit stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// Work item, whose present commit is meant, or the whole id of a commit.
    pub of: String,
    /// Repository of the commit; needed only if several have it.
    #[serde(default)]
    pub repo: Option<String>,
    /// Name of the check, as `required_contexts` has it.
    pub context: String,
    /// How it stands.
    pub state: StatusState,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// Where to read more.
    #[serde(default)]
    pub url: Option<String>,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are those of every forge")]
pub enum StatusState {
    Success,
    Failure,
    Pending,
}

impl StatusState {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Pending];

    /// Its name on the wire and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Pending => "pending",
        }
    }
}
