//! Lanes and repositories that are held back.

use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::page::{Page, PageRequest};

/// Everything that is held back now.
pub const LIST: Endpoint<0, PageRequest, Page<PauseView>> = Endpoint::get("/pauses");
/// Holds a lane or repository back.
pub const PAUSE: Endpoint<0, PauseRequest, Message> =
    Endpoint::post(PersonRole::Operator, "/pauses");
/// Lets it go on.
pub const UNPAUSE: Endpoint<0, UnpauseRequest, Message> =
    Endpoint::post(PersonRole::Operator, "/pauses/release");

/// What is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct PauseView {
    pub scope: String,
    pub until_ms: Option<i64>,
    pub reason: String,
    pub by: String,
    pub since_ms: i64,
}

/// What to hold back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// `lane:agents`, `lane:gates`, `lane:effects`, each with `@REPOSITORY` for one repository alone,
    /// `repo:REPOSITORY`, or `deploy:REPOSITORY` for its deploys.
    pub scope: String,
    /// For how long, such as `30m` or `2h`; without it until somebody ends it.
    #[serde(default, rename = "for")]
    pub period: Option<String>,
    /// What is shown as the reason; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// What to let go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnpauseRequest {
    /// As it was paused.
    pub scope: String,
    /// Why; must be said of `deploy:REPOSITORY`.
    #[serde(default)]
    pub reason: String,
}
