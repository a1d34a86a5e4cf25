//! What is read for many tasks at once: what gates last said, what was spent, and what happened anywhere.

use orch_domain::id::{EvaluationId, TaskId};
use orch_domain::risk::Tier;
use orch_domain::verdict::EvaluationOutcome;

use super::{evaluations, get, tasks, word};
use crate::error::{Context, StoreError};
use crate::table::tasks::TaskRecord;
use crate::tx::Tx;

/// What an entry of a task's pipeline last came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lamp {
    /// The task.
    pub task: TaskId,
    /// The evaluation.
    pub evaluation: EvaluationId,
    /// The entry.
    pub entry: String,
    /// What it came to.
    pub decision: EvaluationOutcome,
}

/// Something that happened, without its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// The event's row id; rises.
    pub event: i64,
    /// The work item of its task; none if it is about the host.
    pub work_item: Option<String>,
}

impl Tx {
    /// What each entry last came to, of every task under way, in the order in which the entries judged.
    pub async fn lamps(&mut self) -> Result<Vec<Lamp>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.id, e.task_id, e.entry, e.decision FROM evaluations e WHERE e.id IN (SELECT max(l.id) \
             FROM evaluations l JOIN tasks t ON t.id = l.task_id WHERE t.stage NOT IN ('done', 'cancelled') \
             GROUP BY l.task_id, l.entry) ORDER BY e.id",
        )
        .fetch_all(&mut self.conn)
        .await
        .doing("read what gates last said")?;
        rows.iter()
            .map(|row| {
                let id: i64 = get(row, "id")?;
                Ok(Lamp {
                    task: TaskId(get(row, "task_id")?),
                    evaluation: EvaluationId(id),
                    entry: get(row, "entry")?,
                    decision: word(row, "decision", "evaluations", id)?,
                })
            })
            .collect()
    }

    /// How risky the change of every task under way is, as a gate was last asked about it.
    pub async fn tiers_under_way(&mut self) -> Result<Vec<(TaskId, Tier)>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.id, e.task_id, e.risk FROM evaluations e WHERE e.id IN (SELECT max(l.id) FROM evaluations l \
             JOIN tasks t ON t.id = l.task_id WHERE t.stage NOT IN ('done', 'cancelled') AND l.risk IS NOT NULL \
             GROUP BY l.task_id)",
        )
        .fetch_all(&mut self.conn)
        .await
        .doing("read how risky changes are")?;
        let mut tiers = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(recorded) = evaluations::risk(row, get(row, "id")?)? {
                tiers.push((TaskId(get(row, "task_id")?), recorded.risk.tier));
            }
        }
        Ok(tiers)
    }

    /// Which agent worked last on every task under way.
    pub async fn agents_under_way(&mut self) -> Result<Vec<(TaskId, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.task_id, r.agent FROM runs r WHERE r.id IN (SELECT max(l.id) FROM runs l \
             JOIN tasks t ON t.id = l.task_id WHERE t.stage NOT IN ('done', 'cancelled') AND l.role NOT IN ('deploy-hook', 'rollback-hook') \
             GROUP BY l.task_id)",
        )
        .fetch_all(&mut self.conn)
        .await
        .doing("read who works on tasks")?;
        rows.iter()
            .map(|row| Ok((TaskId(get(row, "task_id")?), get(row, "agent")?)))
            .collect()
    }

    /// What the runs of every task under way are known to have cost, dollars.
    pub async fn spent_under_way(&mut self) -> Result<Vec<(TaskId, f64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.task_id, coalesce(sum(r.cost_usd), 0.0) AS usd FROM runs r JOIN tasks t ON t.id = r.task_id \
             WHERE t.stage NOT IN ('done', 'cancelled') GROUP BY r.task_id",
        )
        .fetch_all(&mut self.conn)
        .await
        .doing("add up what tasks cost")?;
        rows.iter()
            .map(|row| Ok((TaskId(get(row, "task_id")?), get(row, "usd")?)))
            .collect()
    }

    /// Tasks that have ended and were no drill, the newest first, at most `most`.
    pub async fn ended_tasks(&mut self, most: u32) -> Result<Vec<TaskRecord>, StoreError> {
        let rows = sqlx::query(tasks::select(
            "WHERE stage IN ('done', 'cancelled') \
             AND NOT EXISTS (SELECT 1 FROM drill_cases WHERE drill_cases.task_id = tasks.id) \
             ORDER BY id DESC LIMIT +?",
        ))
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list ended tasks")?;
        rows.iter().map(tasks::record).collect()
    }

    /// How many events a task has.
    pub async fn count_events(&mut self, task: TaskId) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM events WHERE task_id = ?")
            .bind(task.0)
            .fetch_one(&mut self.conn)
            .await
            .doing("count events")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The number of the latest event; 0 if nothing has happened yet.
    pub async fn newest_event(&mut self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT coalesce(max(id), 0) FROM events")
            .fetch_one(&mut self.conn)
            .await
            .doing("read the latest event")?;
        get(&row, 0)
    }

    /// What happened behind `after`, oldest first, at most `most`.
    pub async fn happened(&mut self, after: i64, most: u32) -> Result<Vec<Happened>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.id, t.work_item FROM events e LEFT JOIN tasks t ON t.id = e.task_id WHERE e.id > ? \
             ORDER BY e.id LIMIT +?",
        )
        .bind(after)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("read what happened")?;
        rows.iter()
            .map(|row| {
                Ok(Happened {
                    event: get(row, 0)?,
                    work_item: get(row, 1)?,
                })
            })
            .collect()
    }
}
