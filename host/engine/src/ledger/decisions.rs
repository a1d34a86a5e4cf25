//! What people decide about a task, written in one transaction, wherever they say it: a command or the tracker.

use orch_domain::commit_test::TestState;
use orch_domain::event::EventKind;
use orch_domain::id::TaskId;
use orch_domain::issue::TrackerState;
use orch_domain::person::{Caller, PersonRole};
use orch_domain::pipeline::{REVIEW_GATE, Step};
use orch_domain::stage::Stage;
use orch_domain::task::{BlockReason, Status};
use orch_domain::transition::Event;
use orch_store::{EvidenceRow, TaskRecord, Tx};

use super::apply::{Applied, By, apply, pipeline_of};
use super::ci_request::ask_ci;
use super::evidence::{REBASE_ASKED, Said, StoredApproval, review_row};
use super::issues::want_issue;
use super::unwritten::Unwritten;
use orch_config::HostConfig;

/// A decision; who takes it is in [`By`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// What the task waits for is approved.
    Approve,
    /// It is rejected; the comment reaches the next run verbatim.
    Reject(String),
    /// The code is good, or has to change; the comment reaches the next run verbatim.
    Review {
        /// Which of both.
        said: Said,
        /// What to change; may be empty if it is good.
        comment: String,
    },
    /// The task goes on after a block.
    Resume {
        /// Where; none means where it stopped.
        stage: Option<Stage>,
        /// Rework rounds to add.
        rounds: u32,
        /// Whether its own commits are to be moved onto the base, which was rewritten.
        rebase: bool,
    },
    /// The task is stopped.
    Stop,
}

impl Decision {
    /// What whoever takes it has to be at least.
    pub(crate) fn least(&self) -> PersonRole {
        match self {
            Self::Approve | Self::Reject(_) | Self::Review { .. } => PersonRole::Approver,
            Self::Resume { .. } | Self::Stop => PersonRole::Operator,
        }
    }
}

/// Why a decision is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAllowed {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// Whether `who` may not take the decision, and why not.
pub(crate) fn refusal(
    config: &HostConfig,
    decision: &Decision,
    who: &Caller,
) -> Option<NotAllowed> {
    let (person, role, least) = (&who.person, who.role, decision.least());
    if !who.may(least) {
        return Some(NotAllowed {
            what: format!("`{person}` is `{role}`, and this takes `{least}`"),
            remedy: format!("ask somebody who is `{least}`; `orch doctor` shows who may do what"),
        });
    }
    if *decision == Decision::Stop || !config.keeps_from_deciding(person) {
        return None;
    }
    Some(NotAllowed {
        what: format!("`{person}` is not among `approvers` in orch.yaml"),
        remedy: format!("name `{person}` under `people` in orch.yaml, with a role"),
    })
}

/// Carries a decision out.
pub(crate) async fn decide(
    tx: &mut Tx,
    id: TaskId,
    decision: &Decision,
    config: &HostConfig,
    by: &By,
) -> Result<Applied, Unwritten> {
    let who = by.actor.clone();
    let event = match decision {
        Decision::Approve => return approve(tx, id, "", config, by).await,
        Decision::Review { said, comment } => {
            return review(tx, id, *said, comment, config, by).await;
        }
        Decision::Reject(comment) => Event::Rejected {
            by: who,
            comment: comment.clone(),
        },
        Decision::Resume {
            stage,
            rounds,
            rebase,
        } => {
            if *rebase {
                ask_rebase(tx, id, by).await?;
            }
            // Whoever resumes says that it may go on without what was stopped.
            tx.drop_stopped_dependencies(id).await?;
            try_again(tx, id, by).await?;
            Event::Resumed {
                stage: *stage,
                rounds: *rounds,
                rebase: *rebase,
                by: who,
            }
        }
        Decision::Stop => Event::StopRequested { by: who },
    };
    apply(tx, id, &event, by).await
}

/// A person's word that the commits of the present head are to be moved. It is of that head alone, and so it is used up
/// by the move.
async fn ask_rebase(tx: &mut Tx, id: TaskId, by: &By) -> Result<(), Unwritten> {
    if let Some(head) = tx.task(id).await?.task.head {
        let row = EvidenceRow {
            name: REBASE_ASKED.to_owned(),
            sha: head.to_string(),
            obtained_ms: by.now,
            content: serde_json::json!({"by": by.actor}).to_string(),
        };
        tx.put_evidence(id, &row).await?;
    }
    Ok(())
}

/// What the machine was at fault for is tried again, because whoever resumes says that it was mended.
async fn try_again(tx: &mut Tx, id: TaskId, by: &By) -> Result<(), Unwritten> {
    let record = tx.task(id).await?;
    let task = &record.task;
    let Status::Blocked { reason, .. } = &task.status else {
        return Ok(());
    };
    if *reason == BlockReason::BaseRed {
        tx.forget_base_tests(&task.repo).await?;
    }
    if let Some(head) = &task.head
        && tx.test_state(&task.repo, head).await? == Some(TestState::Unable)
    {
        ask_ci(tx, &task.repo, id, head, by.now).await?;
    }
    Ok(())
}

/// A review counts where the task waits for one: before, nobody knows which code it will be about.
async fn review(
    tx: &mut Tx,
    id: TaskId,
    said: Said,
    comment: &str,
    config: &HostConfig,
    by: &By,
) -> Result<Applied, Unwritten> {
    let record = tx.task(id).await?;
    let asked = asking_gate(tx, &record).await?;
    let (Some(REVIEW_GATE), Some(head)) = (asked.as_deref(), &record.task.head) else {
        let (item, status) = (&record.task.work_item, record.task.status.name());
        return Ok(Applied::Ignored(format!(
            "nothing of {item} waits for a review (it is `{status}`)"
        )));
    };
    match said {
        Said::Approved => approve(tx, id, comment, config, by).await,
        Said::ChangesRequested => {
            let row = review_row(&by.actor, said, comment, head, by.now);
            tx.put_evidence(id, &row).await?;
            let event = Event::Rejected {
                by: by.actor.clone(),
                comment: comment.to_owned(),
            };
            apply(tx, id, &event, by).await
        }
    }
}

async fn approve(
    tx: &mut Tx,
    id: TaskId,
    comment: &str,
    config: &HostConfig,
    by: &By,
) -> Result<Applied, Unwritten> {
    let record = tx.task(id).await?;
    let who = by.actor.clone();
    if matches!(record.task.status, Status::AwaitingApproval { .. }) {
        if let Some(head) = &record.task.head {
            let approval = StoredApproval {
                by: who.clone(),
                base: record.base_branch.clone(),
                hook: hook_of(config, record.task.repo.as_str()),
                not_asked: None,
            };
            tx.put_evidence(id, &approval.row(head, by.now)).await?;
        }
        return apply(tx, id, &Event::Approved { by: who }, by).await;
    }
    let Some(gate) = asking_gate(tx, &record).await? else {
        let (item, status) = (&record.task.work_item, record.task.status.name());
        return Ok(Applied::Ignored(format!(
            "nothing of {item} waits for approval (it is `{status}`)"
        )));
    };
    // In the host's name: what is said here is not to be read from the tracker once more.
    let key = format!("approved:{id}:{}", record.task.version);
    want_issue(tx, id, TrackerState::Approved, &key, by.now).await?;
    let data = serde_json::json!({"by": who, "comment": comment}).to_string();
    let head = record.task.head.as_ref().map(ToString::to_string);
    let event = serde_json::json!({"by": who, "head": head, "comment": comment}).to_string();
    // A gate that asks about code reads who approved which commit.
    let row = EvidenceRow {
        name: format!("approval/{gate}"),
        sha: head.unwrap_or_default(),
        obtained_ms: by.now,
        content: data,
    };
    tx.put_evidence(id, &row).await?;
    if gate == REVIEW_GATE
        && let Some(head) = &record.task.head
    {
        let row = review_row(&who, Said::Approved, comment, head, by.now);
        tx.put_evidence(id, &row).await?;
    }
    let signed = (who.as_str(), by.channel);
    tx.append_event_by(Some(id), EventKind::Approved, signed, &event, by.now)
        .await?;
    tx.acknowledge_alerts_of(id, &who, by.now).await?;
    // The gate reads the issue's state; it may look at once.
    tx.make_due(id, by.now).await?;
    Ok(Applied::Moved(Box::new(record.task)))
}

/// What would deploy a change of the repository.
fn hook_of(config: &HostConfig, repo: &str) -> Option<String> {
    let deploy = config.repositories.get(repo)?.deploy.as_ref()?;
    Some(deploy.hook.clone())
}

/// The gate that the task is at, if it waits for a person.
pub(crate) async fn asking_gate(
    tx: &mut Tx,
    record: &TaskRecord,
) -> Result<Option<String>, Unwritten> {
    let pipeline = pipeline_of(tx, record).await?;
    let task = &record.task;
    let waiting = matches!(task.status, Status::Waiting { .. } | Status::Active);
    Ok(match pipeline.step(task.stage, task.step) {
        Some(Step::Gate(id)) => {
            let entry = pipeline.entry(id).filter(|e| waiting && e.awaits_person);
            entry.map(|e| e.gate.clone())
        }
        Some(Step::Run(_) | Step::Work(_) | Step::Approval) | None => None,
    })
}
