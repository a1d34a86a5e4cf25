//! Every task under way at one look, with why each does not move.

use std::collections::BTreeMap;

use orch_domain::id::TaskId;
use orch_domain::job::JobState;
use orch_domain::pipeline::Pipeline;
use orch_domain::remedy::asks_person;
use orch_domain::risk::Tier;
use orch_domain::stage::Stage;
use orch_domain::task::Status;
use orch_store::{StoreError, TaskRecord, Tx};
use orch_views::board::{BoardView, CardView, ENDED_MAX, HeldBy, LIVE_MAX, LampView};

use super::{pauses, runs, tasks};
use crate::commands::CommandError;
use crate::ledger::Ledger;

/// Shows the board. Clones are the same.
#[derive(Debug, Clone)]
pub struct BoardViews {
    pub(crate) ledger: Ledger,
}

/// What is known of all tasks before each is looked at.
struct Known {
    pipelines: tasks::Pipelines,
    lamps: BTreeMap<TaskId, Vec<LampView>>,
    spent: BTreeMap<TaskId, f64>,
    tiers: BTreeMap<TaskId, Tier>,
    agents: BTreeMap<TaskId, String>,
    now: i64,
}

impl BoardViews {
    /// The board.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn show(&self) -> Result<BoardView, CommandError> {
        let now = self.ledger.now();
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let live = tx.task_tally().await?.live;
                let mut records = tx.task_page(false, None, LIVE_MAX).await?;
                // Drills are no work; they are shown with the gates.
                let shown = records.len();
                records.retain(|record| !record.is_drill);
                let live = live.saturating_sub((shown - records.len()) as u64);
                records.extend(tx.ended_tasks(ENDED_MAX).await?);
                let mut lamps: BTreeMap<TaskId, Vec<LampView>> = BTreeMap::new();
                for lamp in tx.lamps().await? {
                    lamps.entry(lamp.task).or_default().push(LampView {
                        evaluation: lamp.evaluation.0,
                        entry: lamp.entry,
                        decision: lamp.decision,
                    });
                }
                let mut known = Known {
                    pipelines: tasks::pipelines(tx, &records).await?,
                    lamps,
                    spent: tx.spent_under_way().await?.into_iter().collect(),
                    tiers: tx.tiers_under_way().await?.into_iter().collect(),
                    agents: tx.agents_under_way().await?.into_iter().collect(),
                    now,
                };
                let mut cards = Vec::with_capacity(records.len());
                for record in records {
                    cards.push((record.task.id, card(tx, record, &mut known).await?));
                }
                Ok((live, cards))
            })
        });
        let (live, cards) = read.await?;
        let mut now_doing = runs::activities(&self.ledger).await?;
        let with_activity = |(id, mut card): (TaskId, CardView)| {
            card.line.activity = now_doing.remove(&id);
            card
        };
        Ok(BoardView {
            now_ms: now,
            live,
            stages: Stage::ALL.to_vec(),
            cards: cards.into_iter().map(with_activity).collect(),
        })
    }
}

async fn card(tx: &mut Tx, record: TaskRecord, known: &mut Known) -> Result<CardView, StoreError> {
    let id = record.task.id;
    let line = tasks::line(&record, &known.pipelines);
    let pipeline = known.pipelines.get(&record.config_digest);
    Ok(CardView {
        why: tasks::why(tx, &record, &line.step, known.now).await?,
        held_by: held_by(tx, &record, pipeline, known.now).await?,
        moved_ms: record.updated_ms,
        rework_rounds_max: record.task.rework_rounds_max,
        lamps: known.lamps.remove(&id).unwrap_or_default(),
        cost_usd: known.spent.remove(&id).unwrap_or_default(),
        risk: known.tiers.remove(&id),
        agent: known.agents.remove(&id),
        person: record.author,
        line,
    })
}

/// What keeps a task where it is.
async fn held_by(
    tx: &mut Tx,
    record: &TaskRecord,
    pipeline: Option<&Pipeline>,
    now: i64,
) -> Result<HeldBy, StoreError> {
    let task = &record.task;
    match &task.status {
        Status::Ended => return Ok(HeldBy::End),
        Status::Stopping => return Ok(HeldBy::Stop),
        Status::AwaitingApproval { .. } | Status::NeedsInput { .. } | Status::Blocked { .. } => {
            return Ok(HeldBy::Person);
        }
        Status::Waiting { .. } | Status::Active => {}
    }
    let jobs = tx.live_jobs(task.id).await?;
    let Some(job) = jobs.first() else {
        return Ok(HeldBy::Outside);
    };
    if job.state == JobState::Running {
        return Ok(HeldBy::Nothing);
    }
    if let Status::Waiting { .. } = &task.status {
        let is_asked = pipeline.is_some_and(|pipeline| asks_person(task, pipeline));
        return Ok(if is_asked {
            HeldBy::Person
        } else {
            HeldBy::Outside
        });
    }
    let is_paused = pauses::held_back(tx, job, now).await?.is_some();
    Ok(if is_paused {
        HeldBy::Pause
    } else {
        HeldBy::Turn
    })
}
