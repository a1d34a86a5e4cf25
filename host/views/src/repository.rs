//! Repositories: which are registered, what their pipelines are, how their bases stand.

use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;
use crate::page::{Page, PageRequest};

/// The pipeline of a repository as it is in force, and what of it can never work.
pub const PIPELINE: Endpoint<1, Nothing, PipelineView> =
    Endpoint::get("/repositories/{name}/pipeline");

/// Every repository with how its base stood.
pub const LIST: Endpoint<0, PageRequest, Page<RepositoryView>> = Endpoint::get("/repositories");
/// Tests the base of a repository now; answers at the end of the tests.
pub const CHECK: Endpoint<1, Nothing, BaseView> =
    Endpoint::post(PersonRole::Operator, "/repositories/{name}/check");

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepositoryView {
    /// Its name here.
    pub name: String,
    /// The bare repository.
    pub path: String,
    /// Base branch.
    pub base: String,
    /// Where the base comes from and goes to.
    pub upstream: Option<String>,
    /// How the base stood when it was tested last: `passed`, `failed` or `unable`.
    pub base_state: Option<String>,
    /// The commit that was tested then.
    pub tested: Option<String>,
}

/// How a base stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaseView {
    /// The repository.
    pub repo: String,
    /// Base branch.
    pub base: String,
    /// Its commit.
    pub commit: String,
    /// `passed`, `failed` or `unable`; none if the repository says that nothing is tested.
    pub state: Option<String>,
    /// Why it could not be tested, as a kind.
    pub inability: Option<String>,
    /// Why no task can begin, with what would help.
    pub problem: Option<String>,
    /// The end of what the tests printed.
    pub output: String,
}

/// The pipeline of a repository as it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineView {
    /// The repository.
    pub repo: String,
    /// Commit of its base.
    pub base: String,
    /// Digest of everything that applies to a task which begins now.
    pub configuration: String,
    /// Every step, in order.
    pub steps: Vec<StepView>,
    /// What keeps every task from coming to its end.
    pub problems: Vec<PipelineProblem>,
}

/// A step of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepView {
    /// Its stage.
    pub stage: String,
    /// As it is written in configuration.
    pub step: String,
    /// What it does; empty for an entry that the host does not know.
    pub does: String,
    /// File of the gate, if it is one.
    pub gate: Option<String>,
    /// How much its verdict counts, if it is a gate.
    pub mode: Option<String>,
    /// Where it comes from.
    pub from: String,
    /// Where else something is said of it.
    pub changed_by: Vec<String>,
}

/// Something because of which no task can come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineProblem {
    /// Where in the pipeline.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What would mend it.
    pub remedy: String,
}
