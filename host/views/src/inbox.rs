//! What waits for a person? By risk and age, with what is asked, about what, and what can be done.

use orch_domain::risk::Tier;
use orch_domain::stage::Stage;
use orch_domain::waiting::{Risk, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::page::{Page, PageRequest};
use crate::task::{RemedyView, TaskStatus};

/// What waits for a person, the most pressing first.
pub const INBOX: Endpoint<0, PageRequest, Page<InboxItem>> = Endpoint::get("/inbox");

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InboxItem {
    /// What is asked of the person.
    pub wanted: Wanted,
    /// What is at stake.
    pub risk: Risk,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
    /// The same as text.
    pub since: String,
    /// When the waiting ends by itself, Unix milliseconds; none if it does not.
    pub deadline_ms: Option<i64>,
    /// The task; none if it is about the host.
    pub task: Option<InboxTask>,
    /// The alert, if that is what is to be seen.
    pub alert: Option<i64>,
    /// What is asked, in words.
    pub text: String,
    /// What can be done, the likeliest first.
    pub choices: Vec<RemedyView>,
    /// What the gates last said of it, the latest first.
    pub evidence: Vec<EvidenceView>,
}

/// The task that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct InboxTask {
    pub work_item: String,
    pub repo: String,
    pub title: String,
    pub stage: Stage,
    /// The gate, approval or work that it stands at.
    pub step: String,
    pub status: TaskStatus,
    /// The commit that it is about, if there is one.
    pub head: Option<String>,
    /// What a decision is bound to, once a gate has judged it.
    pub code_tree: Option<String>,
    /// How risky its change is, as a gate was last asked about it; none before development.
    pub risk: Option<Tier>,
}

/// What a gate said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceView {
    /// Number of the evaluation.
    pub evaluation: i64,
    /// The gate's entry.
    pub entry: String,
    /// What it came to.
    pub decision: orch_domain::verdict::EvaluationOutcome,
    /// In one line.
    pub summary: String,
    /// The commit that it judged.
    pub head_sha: String,
}
