//! What the reconciler compares with its sources: tasks under way with their jobs, commits that nobody tests.

use orch_domain::event::EventKind;
use orch_domain::id::{ObjectId, TaskId};
use orch_domain::job::{JobKind, JobState};
use orch_domain::names::JobName;

use super::tasks::{TaskRecord, record, select};
use super::{get, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A task under way and where the job for its current step is; none if it has none.
#[derive(Debug, Clone)]
pub struct UnderWay {
    /// The task.
    pub record: TaskRecord,
    /// Its live job.
    pub job: Option<JobState>,
}

impl Tx {
    /// Tasks after `after` that work, wait or are being stopped, by id, at most `most`: nobody else has to act
    /// for them to move.
    pub async fn under_way(
        &mut self,
        after: TaskId,
        most: u32,
    ) -> Result<Vec<UnderWay>, StoreError> {
        let rows = sqlx::query(select(
            "WHERE stage NOT IN ('done', 'cancelled') AND status IN ('active', 'waiting', 'stopping') AND id > ? \
             ORDER BY id LIMIT +?",
        ))
        .bind(after.0)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list tasks under way")?;
        let mut list = Vec::with_capacity(rows.len());
        for row in &rows {
            let record = record(row)?;
            let job = self.step_job(record.task.id).await?;
            list.push(UnderWay { record, job });
        }
        Ok(list)
    }

    /// State of the live job for a task's current step.
    pub async fn step_job(&mut self, task: TaskId) -> Result<Option<JobState>, StoreError> {
        let row = sqlx::query(
            "SELECT state, id FROM jobs WHERE unique_key = ? AND state IN ('scheduled', 'ready', 'running')",
        )
        .bind(JobName::Step(task).to_string())
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for a task's job")?;
        let Some(row) = row else { return Ok(None) };
        let id: i64 = get(&row, "id")?;
        word(&row, "state", "jobs", id).map(Some)
    }

    /// Whether a commit is the head of another task of the repository that is under way.
    pub async fn is_head_of_another(
        &mut self,
        repo: &str,
        commit: &ObjectId,
        task: TaskId,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE repo = ? AND head = ? AND id <> ? \
             AND stage NOT IN ('done', 'cancelled'))",
        )
        .bind(repo)
        .bind(commit.as_str())
        .bind(task.0)
        .fetch_one(&mut self.conn)
        .await
        .doing("look for other tasks at a commit")?;
        get(&row, 0)
    }

    /// How many live jobs of a kind there are.
    pub async fn count_live_jobs(&mut self, kind: JobKind) -> Result<i64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM jobs WHERE state IN ('scheduled', 'ready', 'running') AND kind = ?",
        )
        .bind(kind.as_str())
        .fetch_one(&mut self.conn)
        .await
        .doing("count live jobs")?;
        get(&row, 0)
    }

    /// What the latest event of a kind says of a task.
    pub async fn latest_event(
        &mut self,
        task: TaskId,
        kind: EventKind,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(
            "SELECT data FROM events WHERE task_id = ? AND kind = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(task.0)
        .bind(kind.as_str())
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for an event")?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// Data of the intents to move a task's branch to a prepared commit, the latest first, at most `limit`: those
    /// since its work was last pushed, by a run or by somebody else.
    pub async fn merge_intents(
        &mut self,
        task: TaskId,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT data FROM events WHERE task_id = ?1 AND kind = ?2 AND id > coalesce((SELECT max(id) FROM events \
             WHERE task_id = ?1 AND kind IN (?3, ?4)), 0) ORDER BY id DESC LIMIT +?5",
        )
        .bind(task.0)
        .bind(EventKind::MergeIntent.as_str())
        .bind(EventKind::PushIntent.as_str())
        .bind(EventKind::ForeignPush.as_str())
        .bind(limit)
        .fetch_all(&mut self.conn)
        .await
        .doing("look for intents")?;
        rows.iter().map(|row| get(row, 0)).collect()
    }
}
