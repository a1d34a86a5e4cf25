//! Alerts: what people have to see, until somebody acknowledges it.

use orch_domain::notice::{Level, NoticeName};
use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::page::{ListRequest, Page};

/// Most alerts that are acknowledged at once.
pub const ACKNOWLEDGED_MAX: usize = 500;

/// Alerts, newest first.
pub const LIST: Endpoint<0, ListRequest, Page<AlertView>> = Endpoint::get("/alerts");
/// Acknowledges alerts.
pub const ACKNOWLEDGE: Endpoint<0, AcknowledgeRequest, Message> =
    Endpoint::post(PersonRole::Operator, "/alerts/acknowledge");

/// An alert. Those that are alike are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct AlertView {
    pub id: i64,
    pub kind: NoticeName,
    pub level: Level,
    /// Whether nothing goes on, or nothing gets better, until a person acts.
    pub needs_person: bool,
    /// None if it is about the host.
    pub repo: Option<String>,
    /// None if it is about no task.
    pub work_item: Option<String>,
    /// What the latest of them says.
    pub text: String,
    /// How often it came.
    pub count: u64,
    pub first_ms: i64,
    pub first: String,
    pub last_ms: i64,
    pub last: String,
    /// Who has seen it; none while it is open.
    pub acknowledged_by: Option<String>,
    pub acknowledged_ms: Option<i64>,
}

/// Which alerts somebody has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// Their numbers, 1 to [`ACKNOWLEDGED_MAX`] of them.
    pub ids: Vec<i64>,
}
