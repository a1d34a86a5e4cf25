//! What is judged: a commit of a task, and under which claim.

use orch_domain::id::ObjectId;
use orch_store::{ClaimedJob, TaskRecord};

use crate::ledger::repos::Repo;

/// The commit of a task that is judged, and under which claim.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) job: &'a ClaimedJob,
    pub(crate) record: &'a TaskRecord,
    pub(crate) repo: &'a Repo,
    pub(crate) head: &'a ObjectId,
    pub(crate) base: &'a ObjectId,
}
