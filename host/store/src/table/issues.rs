//! Where the host wants the issues of its tasks, and how far it has dealt with what people did in their trackers.

use orch_domain::id::{DoorName, IssueId, TaskId, UnixMs};
use orch_domain::issue::TrackerState;
use orch_domain::port::tracker::{IssueAt, Position};

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Name of the tracker that keeps the issues of tasks which began on this host, in tables of this store.
pub const OWN_TRACKER: &str = "local";

impl Tx {
    /// Which issue belongs to a task. A task that began on this host has one in its own tracker, under its own number.
    pub async fn issue_at(&mut self, task: TaskId) -> Result<IssueAt, StoreError> {
        let row = sqlx::query("SELECT tracker, issue FROM issues WHERE task_id = ?")
            .bind(task.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("look for a task's issue")?;
        let (tracker, issue) = match row {
            Some(row) => (get(&row, 0)?, get(&row, 1)?),
            None => (OWN_TRACKER.to_owned(), task.to_string()),
        };
        Ok(IssueAt {
            tracker: known(
                DoorName::new(tracker.clone()).ok(),
                "issues",
                task,
                &tracker,
                "name of a tracker",
            )?,
            issue: known(
                IssueId::new(issue.clone()).ok(),
                "issues",
                task,
                &issue,
                "issue id",
            )?,
        })
    }

    /// The task that an issue belongs to: the latest, if it had several one after another.
    pub async fn task_of_issue(&mut self, at: &IssueAt) -> Result<Option<TaskId>, StoreError> {
        let row = sqlx::query(
            "SELECT task_id FROM issues WHERE tracker = ? AND issue = ? ORDER BY task_id DESC LIMIT 1",
        )
        .bind(at.tracker.as_str())
        .bind(at.issue.as_str())
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for the task of an issue")?;
        row.map(|row| get(&row, 0).map(TaskId)).transpose()
    }

    /// Says where the host wants the task's issue. That people see it is for a message to bring about.
    pub async fn set_issue_state(
        &mut self,
        task: TaskId,
        state: TrackerState,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issues (task_id, tracker, issue, state, updated_ms, shown_at) VALUES (?, ?, ?, ?, ?, NULL) \
             ON CONFLICT (task_id) DO UPDATE SET state = excluded.state, updated_ms = excluded.updated_ms, \
             shown_at = CASE WHEN issues.state = excluded.state THEN issues.shown_at END",
        )
        .bind(task.0)
        .bind(OWN_TRACKER)
        .bind(task.to_string())
        .bind(state.as_str())
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("set an issue's state")
    }

    /// Notes that people see the task's issue in a state from a position on, if the host still wants it there.
    pub async fn issue_shown(
        &mut self,
        task: TaskId,
        state: TrackerState,
        from: Position,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET shown_at = ? WHERE task_id = ? AND state = ?")
            .bind(from)
            .bind(task.0)
            .bind(state.as_str())
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("note where an issue stands")
    }

    /// From which position on people see the task's issue where the host wants it; none if they do not see it yet.
    pub async fn issue_shown_at(&mut self, task: TaskId) -> Result<Option<Position>, StoreError> {
        let row = sqlx::query("SELECT shown_at FROM issues WHERE task_id = ?")
            .bind(task.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read where an issue stands")?;
        row.map_or(Ok(None), |row| get(&row, 0))
    }

    /// Where the host wants the task's issue.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it wants it nowhere.
    pub async fn issue_state(&mut self, task: TaskId) -> Result<TrackerState, StoreError> {
        let row = sqlx::query("SELECT state FROM issues WHERE task_id = ?")
            .bind(task.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read an issue")?;
        let Some(row) = row else {
            return Err(StoreError::NotFound {
                what: "issue of task",
                id: task.to_string(),
            });
        };
        let state: String = get(&row, 0)?;
        known(
            TrackerState::parse(&state),
            "issues",
            task,
            &state,
            "issue state",
        )
    }

    /// How far a source has been dealt with; 0 at the beginning.
    pub async fn source_position(&mut self, source: &str) -> Result<Position, StoreError> {
        let row =
            sqlx::query("SELECT coalesce(max(position), 0) FROM source_positions WHERE source = ?")
                .bind(source)
                .fetch_one(&mut self.conn)
                .await
                .doing("read the position of a source")?;
        get(&row, 0)
    }

    /// Says that a source has been dealt with up to `position`; false if it was before, so that nothing is dealt
    /// with twice.
    pub async fn advance_source(
        &mut self,
        source: &str,
        position: Position,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO source_positions (source, position) VALUES (?, ?) ON CONFLICT (source) \
             DO UPDATE SET position = excluded.position WHERE excluded.position > source_positions.position",
        )
        .bind(source)
        .bind(position)
        .execute(&mut self.conn)
        .await
        .doing("advance a source")?;
        Ok(done.rows_affected() == 1)
    }
}
