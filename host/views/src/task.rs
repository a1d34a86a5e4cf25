//! Tasks: in one line, with everything that belongs to them, and what people ask of them.

use orch_domain::batch::{BatchState, Part, WhyDissolved};
use orch_domain::confined::HeldBy;
use orch_domain::outcome::RunEnding;
use orch_domain::person::{Channel, PersonRole};
use orch_domain::pipeline::Mode;
use orch_domain::reach::Reached;
use orch_domain::release::ReleaseState;
use orch_domain::remedy::First;
use orch_domain::risk::{Risk, Tier};
use orch_domain::stage::{RunRole, Stage};
use orch_domain::verdict::{EvaluationOutcome, InconclusiveReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::costs::{CostView, TokensView};
use crate::endpoint::Endpoint;
use crate::message::Nothing;
use crate::page::{ListRequest, Page};
use crate::run::ActivityView;

/// Tasks, newest first.
pub const LIST: Endpoint<0, ListRequest, Page<TaskLine>> = Endpoint::get("/tasks");
/// Begins a task.
pub const NEW: Endpoint<0, NewRequest, Done> = Endpoint::post(PersonRole::Operator, "/tasks");
/// A task with everything that belongs to it.
pub const SHOW: Endpoint<1, Nothing, TaskView> = Endpoint::get("/tasks/{item}");
/// What a task waits for.
pub const WHY: Endpoint<1, Nothing, WhyView> = Endpoint::get("/tasks/{item}/why");
/// Approves what a task waits for.
pub const APPROVE: Endpoint<1, ApproveRequest, Done> =
    Endpoint::post(PersonRole::Approver, "/tasks/{item}/approve");
/// Says what a person thinks of the code that waits for a review.
pub const REVIEW: Endpoint<1, ReviewRequest, Done> =
    Endpoint::post(PersonRole::Approver, "/tasks/{item}/review");
/// Rejects what a task waits for.
pub const REJECT: Endpoint<1, RejectRequest, Done> =
    Endpoint::post(PersonRole::Approver, "/tasks/{item}/reject");
/// Takes a task out of a block.
pub const RESUME: Endpoint<1, ResumeRequest, Done> =
    Endpoint::post(PersonRole::Operator, "/tasks/{item}/resume");
/// Tests its commit again, whatever came of it before.
pub const RERUN_CI: Endpoint<1, Nothing, Done> =
    Endpoint::post(PersonRole::Operator, "/tasks/{item}/ci");
/// Stops a task.
pub const STOP: Endpoint<1, Nothing, Done> =
    Endpoint::post(PersonRole::Operator, "/tasks/{item}/stop");
/// Says how urgent a task is.
pub const PRIORITY: Endpoint<1, PriorityRequest, Done> =
    Endpoint::post(PersonRole::Operator, "/tasks/{item}/priority");

/// What a task does, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStatus {
    /// A job for its step is queued or running.
    Active,
    /// Its step asked to wait.
    Waiting,
    /// A person has to approve.
    AwaitingApproval,
    /// A person has to say more.
    NeedsInput,
    /// A person has to resume it.
    Blocked,
    /// It is being stopped.
    Stopping,
    /// It is done or was stopped.
    Ended,
}

impl TaskStatus {
    /// Its name on the wire and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::AwaitingApproval => "awaiting-approval",
            Self::NeedsInput => "needs-input",
            Self::Blocked => "blocked",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }
}

/// A task in one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct TaskLine {
    pub work_item: String,
    pub repo: String,
    pub title: String,
    pub stage: Stage,
    pub step: String,
    pub status: TaskStatus,
    pub attempt: u32,
    pub rework_rounds: u32,
    pub priority: i64,
    pub updated: String,
    /// Whether it is a drill: a change that is known to be bad and never lands.
    #[serde(default)]
    pub is_drill: bool,
    /// What its agent does now; none while no agent works on it.
    pub activity: Option<ActivityView>,
}

/// A task with everything that belongs to it. Of each list the latest are shown; `totals` says how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct TaskView {
    #[serde(flatten)]
    pub line: TaskLine,
    pub why: String,
    /// What a person can do about it, the likeliest first; nothing if it waits for nobody.
    pub remedies: Vec<RemedyView>,
    pub branch: String,
    pub head: Option<String>,
    /// Tree of the head without the task's own folder, once a gate has judged it: what a decision is bound to.
    pub code_tree: Option<String>,
    /// How risky its change is, as a gate was last asked about it; none before development.
    pub risk: Option<Risk>,
    /// What persons decided, with who, on which way and when.
    pub decisions: Vec<DecisionView>,
    pub merged_commit: Option<String>,
    /// What it put into production last, if it ever did.
    pub production: Option<ProductionView>,
    /// The latest batch in which it was prepared, if it ever was in one.
    pub batch: Option<BatchView>,
    /// What its runs have cost so far, dollars.
    pub cost_usd: f64,
    /// Its runs added up by stage, dearest first.
    pub costs: Vec<CostView>,
    pub findings: Option<String>,
    pub stages: Vec<StageVisit>,
    pub verdicts: Vec<VerdictView>,
    pub runs: Vec<RunView>,
    /// What its runs, its set-up and its hooks asked of the network and were refused, the latest first.
    pub denied: Vec<DenialView>,
    /// What they sent and received over the network where it is proxied, where most was sent to first.
    pub traffic: Vec<TrafficView>,
    pub comments: Vec<String>,
    pub totals: TaskTotals,
}

/// Something that a task put into production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct ProductionView {
    pub commit: String,
    /// What production says of itself when it runs it.
    pub revision: String,
    pub state: ReleaseState,
    pub since_ms: i64,
    /// The commit that it was put back to, or is to be.
    pub put_back_to: Option<String>,
    /// How putting it back went.
    pub put_back: Option<ReleaseState>,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionView {
    /// What: `approved`, `rejected`, `resumed` or `stop-requested`.
    pub what: String,
    /// Who.
    pub person: String,
    /// On which way they asked; none of what was decided before that was written down.
    pub channel: Option<Channel>,
    /// When.
    pub at: String,
    /// The commit that it was about, if there was one.
    pub head: Option<String>,
}

/// A task's part in a batch that is tested and lands as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct BatchView {
    pub id: i64,
    pub state: BatchState,
    /// Why it landed nothing, if it did not.
    pub why: Option<WhyDissolved>,
    pub part: Part,
    /// From 1 on, the lowest of the stack first.
    pub position: u64,
    /// The tasks that it was formed of, the lowest of the stack first.
    pub members: Vec<String>,
    /// What it stands on.
    pub base: String,
    /// What lands of this task.
    pub tip: String,
    /// What the tests said, the fewest members first.
    pub runs: Vec<BatchRunView>,
}

/// A run of the tests on the first members of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct BatchRunView {
    /// How many members, the lowest of the stack first, stood in the tested commit.
    pub first: u64,
    pub commit: String,
    pub passed: bool,
    pub exit_code: i32,
    pub duration_ms: u64,
}

/// How many there are of what a [`TaskView`] lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the lists")]
pub struct TaskTotals {
    pub stages: u64,
    pub verdicts: u64,
    pub runs: u64,
    pub comments: u64,
    /// Remarks on its difference that the next run is to read.
    #[serde(default)]
    pub open_remarks: u64,
}

/// Something that a person can do about a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemedyView {
    /// What has to be done outside of the host before; none if nothing has.
    pub first: Option<Outside>,
    /// Arguments of the program `orch` that ask the host for it.
    pub command: Vec<String>,
    /// What comes of it, in words.
    pub effect: String,
}

/// What has to be done outside of the host before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outside {
    /// What.
    pub kind: First,
    /// The same in words.
    pub text: String,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyView {
    /// The task.
    pub work_item: String,
    /// What it waits for, since when, and what would move it.
    pub why: String,
    /// What a person can do about it, the likeliest first; nothing if it waits for nobody.
    pub remedies: Vec<RemedyView>,
    /// By what its latest run is or was held; none if nobody knows.
    pub held_by: Option<HeldBy>,
}

/// One stay in a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct StageVisit {
    pub stage: Stage,
    pub attempt: u32,
    pub entered_ms: i64,
    pub left_ms: Option<i64>,
}

/// One judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct VerdictView {
    /// Number of the evaluation, for `orch gate replay`.
    pub evaluation: i64,
    pub entry: String,
    pub gate: String,
    pub version: String,
    pub digest: String,
    pub mode: Mode,
    pub stage: Stage,
    pub attempt: u32,
    pub decision: EvaluationOutcome,
    pub reason: Option<InconclusiveReason>,
    pub summary: String,
    pub head_sha: String,
    pub elapsed_us: i64,
    pub reused: bool,
    /// Tier of the change then; none before development.
    pub risk: Option<Tier>,
    /// Tier from which on the gate is asked, if that is why it was not.
    pub not_asked_below: Option<Tier>,
    pub at_ms: i64,
    pub frontmatter: String,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct RunView {
    pub id: i64,
    pub role: RunRole,
    pub agent: String,
    pub stage: Stage,
    pub attempt: u32,
    pub outcome: Option<RunEnding>,
    pub detail: Option<String>,
    pub exit_code: Option<i32>,
    pub cost_usd: Option<f64>,
    pub tokens: Option<TokensView>,
    pub reattached: i64,
    /// By what its process is or was held; none as long as nobody knows, and for hooks of the operator's own.
    pub held_by: Option<HeldBy>,
    pub folder: String,
    /// What its agent did last.
    pub activity: Option<ActivityView>,
    /// Bytes of its log.
    pub log_bytes: u64,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
}

/// What was asked of the network for a task and refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DenialView {
    /// The run; none if a hook asked, or what sets the repository up.
    pub run: Option<i64>,
    /// Host, as it was asked for.
    pub host: String,
    /// Port; 0 if none could be read.
    pub port: u16,
    /// Why.
    pub why: Reached,
    /// How often.
    pub count: i64,
}

/// What went over the network for a task, to one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficView {
    /// The run; none if a hook sent it, or what sets the repository up.
    pub run: Option<i64>,
    /// Host, as it was asked for.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Connections that have ended.
    pub count: i64,
    /// Bytes that were sent by them.
    pub sent_bytes: i64,
    /// Bytes that were received by them.
    pub received_bytes: i64,
}

/// A request for a new task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// Registered name of the repository that it changes.
    pub repo: String,
    /// One line.
    pub title: String,
    /// The request, Markdown.
    #[serde(default)]
    pub body: String,
    /// Work item id; the next number of the repository's prefix if there is none.
    #[serde(default)]
    pub id: Option<String>,
    /// Work items that have to be done first.
    #[serde(default)]
    pub after: Vec<String>,
    /// How urgent it is, 1 (first) to 9; 5 if not given.
    #[serde(default)]
    pub priority: Option<i64>,
}

/// An approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// What was looked at: the code tree or the commit that was shown, or its first digits. Refused if it is another by
    /// now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// A rejection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectRequest {
    /// What to change; reaches the next run verbatim.
    #[serde(default)]
    pub comment: String,
    /// What was looked at, as in [`ApproveRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// What a person thinks of a task's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// Whether it is good.
    pub verdict: ReviewVerdict,
    /// What to change; reaches the next run verbatim. Needed with [`ReviewVerdict::RequestChanges`].
    #[serde(default)]
    pub comment: String,
    /// What was looked at, as in [`ApproveRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// Whether code is good, as a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewVerdict {
    /// It is.
    Approve,
    /// It has to change.
    RequestChanges,
}

/// A way out of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// Stage to go on at; where it stopped if not given.
    #[serde(default)]
    pub stage: Option<String>,
    /// Rework rounds to add.
    #[serde(default)]
    pub rounds: u32,
    /// Whether its own commits are to be moved onto the base, which was rewritten; without what was taken out of it.
    #[serde(default)]
    pub rebase: bool,
}

/// How urgent a task is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityRequest {
    /// 1 (first) to 9.
    pub priority: i64,
}

/// What a command about a task came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// Work item.
    pub work_item: String,
    /// Stage it is in now.
    pub stage: Stage,
    /// Status it has now.
    pub status: TaskStatus,
    /// One line.
    pub message: String,
}
