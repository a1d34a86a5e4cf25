//! All words that the engine writes for people, and the JSON of events.

use orch_domain::id::{ObjectId, TaskId, WorkItem};
use orch_domain::task::Task;
use orch_domain::transition::{Event, Judgement, WorkFailure};
use serde_json::json;

/// Branch of a task's change; the reconciler asks the forge for what lies below `orch/`.
pub(crate) fn branch(work_item: &WorkItem, task: TaskId) -> String {
    format!("orch/{work_item}-{task}")
}

/// What an event looks like in the log of events.
pub(crate) fn event_data(event: &Event, before: &Task, after: &Task) -> String {
    let detail = match event {
        Event::Created | Event::JobLost | Event::Stopped => json!({}),
        Event::RunEnded { outcome, head } => {
            json!({"outcome": outcome.describe(), "head": head.as_ref().map(ToString::to_string)})
        }
        Event::GateJudged { entry, judgement } => {
            let (decision, detail) = judgement_words(judgement);
            json!({"entry": entry.as_str(), "decision": decision, "detail": detail})
        }
        Event::WorkDone { work, .. } => json!({"work": work.as_str()}),
        Event::WorkFailed { work, failure } => {
            let (kind, detail) = failure_words(failure);
            json!({"work": work.as_str(), "failure": kind, "detail": detail})
        }
        Event::Overtaken { detail } | Event::WaitedTooLong { detail } => json!({"detail": detail}),
        Event::ApprovalWeighed { is_needed, tier } => {
            json!({"needed": is_needed, "risk": tier, "head": head(before)})
        }
        Event::Approved { by } => json!({"by": by, "head": head(before)}),
        Event::StopRequested { by } => json!({"by": by}),
        Event::Halted { reason, detail } => {
            json!({"reason": reason.as_str(), "detail": detail})
        }
        Event::Rejected { by, comment } => {
            json!({"by": by, "comment": comment, "head": head(before)})
        }
        Event::ForeignPush { head } => json!({"head": head.as_str()}),
        Event::Rebased { head, onto } => json!({"head": head.as_str(), "onto": onto.as_str()}),
        Event::Resumed {
            stage,
            rounds,
            rebase,
            by,
        } => {
            let stage = stage.map(|s| s.to_string());
            json!({"stage": stage, "rounds": rounds, "rebase": rebase, "by": by})
        }
    };
    json!({
        "from": {"stage": before.stage.as_str(), "step": before.step},
        "to": {"stage": after.stage.as_str(), "step": after.step, "status": after.status.name()},
        "version": after.version,
        "detail": detail,
    })
    .to_string()
}

/// The commit that a decision is about.
fn head(task: &Task) -> Option<&str> {
    task.head.as_ref().map(ObjectId::as_str)
}

fn judgement_words(judgement: &Judgement) -> (&'static str, String) {
    match judgement {
        Judgement::Pass => ("pass", String::new()),
        Judgement::NotApplicable => ("not-applicable", String::new()),
        Judgement::Fail { findings, .. } => ("fail", findings.clone()),
        Judgement::Wait { reason, .. } => ("wait", reason.clone()),
        Judgement::Inconclusive { reason, detail } => {
            ("inconclusive", format!("{reason}: {detail}"))
        }
    }
}

fn failure_words(failure: &WorkFailure) -> (&'static str, &str) {
    match failure {
        WorkFailure::Rework { findings } => ("rework", findings),
        WorkFailure::Infra { detail } => ("infra", detail),
        WorkFailure::Wait { reason, .. } => ("wait", reason),
        WorkFailure::Stale { detail } => ("stale", detail),
        WorkFailure::Unknown { detail } => ("unknown", detail),
        WorkFailure::BaseRewritten { detail } => ("base-rewritten", detail),
        WorkFailure::BranchGone { detail } => ("branch-gone", detail),
        WorkFailure::Unapproved { detail } => ("unapproved", detail),
        WorkFailure::Config { detail } => ("config", detail),
    }
}

/// The request as the host writes it into the task's folder.
pub(crate) fn business_request(
    work_item: &WorkItem,
    title: &str,
    body: &str,
    author: &str,
) -> String {
    format!(
        "---\ntype: business-request\nwork_item_id: {}\ntitle: {}\nauthor: {}\n---\n\n{}\n",
        orch_frontmatter::render_scalar(work_item.as_str()),
        orch_frontmatter::render_scalar(title),
        orch_frontmatter::render_scalar(author),
        body.trim_end()
    )
}
