//! What did the roles and the host write down of a task? Artefacts: listed, and one at a time.

use orch_domain::stage::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;

/// The artefacts of a task.
pub const LIST: Endpoint<1, Nothing, ArtefactsView> = Endpoint::get("/tasks/{item}/artefacts");
/// One artefact of a task, as text.
pub const SHOW: Endpoint<1, ArtefactRequest, ArtefactView> =
    Endpoint::get("/tasks/{item}/artefact");

/// The artefacts of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtefactsView {
    /// The task.
    pub work_item: String,
    /// The commit that they are read of; none before the first.
    pub head: Option<String>,
    /// Them, in the order of their names, 500 at most.
    pub items: Vec<ArtefactLine>,
    /// How many there are.
    pub total: u64,
}

/// An artefact in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtefactLine {
    /// Its name inside of the task's folder; to be shown as text.
    pub name: String,
    /// The role whose it is; none for what the host writes.
    pub owner: Option<Role>,
    /// Its bytes.
    pub bytes: u64,
}

/// Which artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtefactRequest {
    /// Its name, as the list has it.
    pub name: String,
}

/// An artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtefactView {
    /// The task.
    pub work_item: String,
    /// Its name inside of the task's folder.
    pub name: String,
    /// The role whose it is; none for what the host writes.
    pub owner: Option<Role>,
    /// The commit that it is read of; none for what the host keeps itself.
    pub commit: Option<String>,
    /// Its text, as it was written by an agent or the host; to be shown as text.
    pub text: String,
}
