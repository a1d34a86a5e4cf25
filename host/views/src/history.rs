//! What happened to a task, event by event: who moved it from where to where, and why.

use orch_domain::event::EventKind;
use orch_domain::person::Channel;
use orch_domain::stage::Stage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::page::{Page, PageRequest};

/// What happened to a task, oldest first.
pub const HISTORY: Endpoint<1, PageRequest, Page<HappenedView>> =
    Endpoint::get("/tasks/{item}/history");

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HappenedView {
    /// Number of the event; rises.
    pub id: i64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The same as text.
    pub at: String,
    /// What.
    pub kind: EventKind,
    /// Who caused it: a part of the host, or a person.
    pub actor: String,
    /// On which way a person asked; none for what the host did itself.
    pub channel: Option<Channel>,
    /// Where the task was; none of what moves no task.
    pub from: Option<PlaceView>,
    /// Where it was after.
    pub to: Option<PlaceView>,
    /// Its details, as they were recorded; texts in them are others' and are to be shown as text.
    pub detail: serde_json::Value,
}

/// A place in a task's pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaceView {
    /// The stage.
    pub stage: Stage,
    /// The step; empty if the pipeline does not have it any more.
    pub step: String,
}
