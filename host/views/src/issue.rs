//! The local tracker's issues, and moving them.

use orch_domain::issue::TrackerState;
use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::page::{ListRequest, Page};

/// Issues, newest first.
pub const LIST: Endpoint<0, ListRequest, Page<IssueView>> = Endpoint::get("/issues");
/// Moves an issue.
pub const MOVE: Endpoint<1, MoveRequest, Message> =
    Endpoint::post(PersonRole::Operator, "/issues/{item}/move");

/// An issue in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct IssueView {
    pub work_item: String,
    pub title: String,
    pub state: TrackerState,
    /// Who moved it there; `orch` for the host.
    pub moved_by: String,
    pub moved: String,
}

/// Where an issue goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveRequest {
    /// The state.
    pub state: String,
}
