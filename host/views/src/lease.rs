//! Leases that are held: merges of repositories, transitions of tasks.

use orch_domain::job::JobKind;
use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::page::{Page, PageRequest};

/// Every lease that is held now.
pub const LIST: Endpoint<0, PageRequest, Page<LeaseView>> = Endpoint::get("/leases");
/// Frees a lease by force.
pub const RELEASE: Endpoint<0, ReleaseRequest, Message> =
    Endpoint::post(PersonRole::Operator, "/leases/release");
/// Frees the transition of a task by force.
pub const RELEASE_TRANSITION: Endpoint<0, TransitionRequest, Message> =
    Endpoint::post_by_query(PersonRole::Operator, "/transition-lease/release");

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseView {
    /// `merge:REPOSITORY` or `task:WORK-ITEM`.
    pub resource: String,
    /// Work item of the task that holds it.
    pub work_item: String,
    /// Rises with every acquisition or claim.
    pub epoch: i64,
    /// Job under which it is held.
    pub job: Option<i64>,
    /// What that job does; none for a merge lease.
    pub kind: Option<JobKind>,
    /// Process that holds it: boot, process id and start.
    pub owner: String,
    /// Since when, Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Until when unless it is renewed, Unix milliseconds.
    pub expires_ms: Option<i64>,
}

/// Which lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// As it is listed.
    pub resource: String,
}

/// Which task's transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransitionRequest {
    /// The task.
    pub work_item: String,
}
