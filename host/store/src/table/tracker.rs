//! The local tracker: an issue per task and its comments.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::transition::TrackerState;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A comment on an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentRow {
    /// Who wrote it.
    pub author: String,
    /// Markdown.
    pub body: String,
    /// When.
    pub at_ms: UnixMs,
}

impl Tx {
    /// Sets the state of the task's issue; makes the issue if there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set_issue_state(
        &mut self,
        task: TaskId,
        state: TrackerState,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issues (task_id, state, updated_ms) VALUES (?, ?, ?) \
             ON CONFLICT (task_id) DO UPDATE SET state = excluded.state, updated_ms = excluded.updated_ms",
        )
        .bind(task.0)
        .bind(state.as_str())
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("set an issue's state")
    }

    /// State of the task's issue.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
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

    /// Adds a comment, once per `external_id`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_comment(
        &mut self,
        task: TaskId,
        external_id: &str,
        author: &str,
        body: &str,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_comments (external_id, task_id, author, body, at_ms) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(external_id)
        .bind(task.0)
        .bind(author)
        .bind(body)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("add a comment")
    }

    /// Comments of the task's issue, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn comments(&mut self, task: TaskId) -> Result<Vec<CommentRow>, StoreError> {
        let rows = sqlx::query("SELECT author, body, at_ms FROM issue_comments WHERE task_id = ? ORDER BY at_ms, rowid")
            .bind(task.0)
            .fetch_all(&mut self.conn)
            .await
            .doing("list comments")?;
        rows.iter()
            .map(|row| {
                Ok(CommentRow {
                    author: get(row, 0)?,
                    body: get(row, 1)?,
                    at_ms: get(row, 2)?,
                })
            })
            .collect()
    }
}
