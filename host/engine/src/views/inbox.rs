//! What waits for a person, by risk and age.

use std::collections::BTreeMap;

use orch_domain::id::TaskId;
use orch_domain::names::ItemRef;
use orch_domain::notice::Subject;
use orch_domain::risk::Tier;
use orch_domain::waiting::{Risk, Waiting, Wanted, pressure, waiting};
use orch_store::{AlertRow, Evaluation, TaskRecord, Tx};
use orch_views::inbox::{EvidenceView, InboxItem, InboxTask};
use orch_views::page::{Page, PageRequest};
use orch_views::task::RemedyView;

use super::tasks::{Pipelines, pipelines, step_name, why};
use super::{pages, remedies};
use crate::commands::{CommandError, status_of};
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;
use crate::ledger::unwritten::Unwritten;

/// Tasks and alerts that are looked through, those that wait longest.
const LOOKED_MAX: u32 = 1_000;
/// What the gates last said of a task that is shown with it.
const EVIDENCE_MAX: u32 = 3;

/// Shows what waits for persons. Clones are the same.
#[derive(Debug, Clone)]
pub struct InboxViews {
    pub(crate) ledger: Ledger,
}

/// Something that waits, before it is put into words.
enum Entry {
    Task(Box<TaskRecord>, Waiting, Option<Tier>),
    Alert(Box<AlertRow>),
}

impl Entry {
    fn risk(&self) -> Risk {
        match self {
            Self::Task(_, waiting, _) => waiting.risk,
            // It is about the host, and so about every task.
            Self::Alert(_) => Risk::High,
        }
    }

    fn since_ms(&self) -> i64 {
        match self {
            Self::Task(record, waiting, _) => waiting.since_ms.unwrap_or(record.updated_ms),
            Self::Alert(alert) => alert.first_ms,
        }
    }
}

impl InboxViews {
    /// What waits for a person, the most pressing first.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn list(&self, request: PageRequest) -> Result<Page<InboxItem>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let skip: usize = pages::after(request.after.as_deref())?.unwrap_or(0);
        let now = self.ledger.now();
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let records = tx.tasks_that_wait(LOOKED_MAX).await?;
                let pipelines = pipelines(tx, &records).await?;
                let tiers = tx.tiers_under_way().await?.into_iter().collect();
                let mut entries = entries(records, &pipelines, &tiers);
                let alerts = tx.alerts(false, None, LOOKED_MAX).await?;
                entries.extend(
                    alerts
                        .into_iter()
                        .filter(asks)
                        .map(|alert| Entry::Alert(Box::new(alert))),
                );
                // Stable: of two that press alike the one that is read first stays first.
                entries.sort_by_key(|entry| {
                    std::cmp::Reverse(pressure(entry.risk(), entry.since_ms(), now))
                });
                let page = Page::of_list(entries, skip, limit);
                let mut items = Vec::with_capacity(page.items.len());
                for entry in page.items {
                    items.push(item(tx, entry, &pipelines, now).await?);
                }
                Ok(Page {
                    items,
                    total: page.total,
                    next: page.next,
                })
            })
        });
        Ok(read.await?)
    }
}

fn entries(
    records: Vec<TaskRecord>,
    pipelines: &Pipelines,
    tiers: &BTreeMap<TaskId, Tier>,
) -> Vec<Entry> {
    let waits = |record: TaskRecord| {
        if record.is_drill {
            return None;
        }
        let mut waiting = waiting(&record.task, pipelines.get(&record.config_digest)?)?;
        let tier = tiers.get(&record.task.id).copied();
        if let Some(tier) = tier {
            waiting.risk = waiting.risk.raised(tier);
        }
        Some(Entry::Task(Box::new(record), waiting, tier))
    };
    records.into_iter().filter_map(waits).collect()
}

/// Whether an alert asks for a person by itself: one about a task is asked for by the task, while it waits.
fn asks(alert: &AlertRow) -> bool {
    alert.notice.kind.needs_person() && matches!(alert.notice.subject, Subject::Host)
}

async fn item(
    tx: &mut Tx,
    entry: Entry,
    pipelines: &Pipelines,
    now: i64,
) -> Result<InboxItem, Unwritten> {
    let (risk, since_ms) = (entry.risk(), entry.since_ms());
    let blank = InboxItem {
        wanted: Wanted::Attention,
        risk,
        since_ms,
        since: stamp(since_ms),
        deadline_ms: None,
        task: None,
        alert: None,
        text: String::new(),
        choices: Vec::new(),
        evidence: Vec::new(),
    };
    Ok(match entry {
        Entry::Alert(alert) => InboxItem {
            alert: Some(alert.id),
            text: orch_words::notice::text(&alert.notice),
            choices: vec![RemedyView {
                first: None,
                command: ["alerts", "ack", &alert.id.to_string()]
                    .map(str::to_owned)
                    .into(),
                effect: "note that it was seen; it comes again if it happens again".to_owned(),
            }],
            ..blank
        },
        Entry::Task(record, waiting, risk) => {
            let id = record.task.id;
            let step = step_name(&record, pipelines);
            let head = record.task.head.as_ref().map(ToString::to_string);
            let code_tree = match &head {
                Some(head) => tx.judged_tree(id, head).await?,
                None => None,
            };
            let (mut evidence, _) = tx.latest_evaluations(id, EVIDENCE_MAX).await?;
            evidence.reverse();
            let text = why(tx, &record, &step, now).await?;
            InboxItem {
                wanted: waiting.wanted,
                deadline_ms: waiting.deadline_ms,
                text,
                choices: choices(&record, pipelines),
                evidence: evidence.into_iter().map(said).collect(),
                task: Some(InboxTask {
                    work_item: record.task.work_item.to_string(),
                    repo: record.task.repo.to_string(),
                    title: record.task.title.clone(),
                    stage: record.task.stage,
                    step,
                    status: status_of(&record.task.status),
                    head,
                    code_tree,
                    risk,
                }),
                ..blank
            }
        }
    })
}

fn choices(record: &TaskRecord, pipelines: &Pipelines) -> Vec<RemedyView> {
    // Work items of two repositories may be alike: with the repository it is always the one that is meant.
    let name = format!("{}:{}", record.task.repo, record.task.work_item);
    let item: Option<ItemRef> = name.parse().ok();
    let pipeline = pipelines.get(&record.config_digest);
    match (pipeline, item) {
        (Some(pipeline), Some(item)) => remedies::views(record, pipeline, &item),
        (None, _) | (_, None) => Vec::new(),
    }
}

fn said(evaluation: Evaluation) -> EvidenceView {
    EvidenceView {
        evaluation: evaluation.id.0,
        entry: evaluation.entry,
        decision: evaluation.decision,
        summary: evaluation.summary,
        head_sha: evaluation.head_sha,
    }
}
