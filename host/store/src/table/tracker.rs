//! The local tracker: an issue per task, its moves and its comments.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::issue::TrackerState;
use orch_domain::port::HOST_ACTOR;
use orch_domain::port::tracker::Position;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A comment on an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentRow {
    /// Who wrote it.
    pub author: String,
    /// Its text, in Markdown.
    pub body: String,
    /// When it was written.
    pub at_ms: UnixMs,
}

/// A move of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRow {
    /// Rises with every move of any issue.
    pub position: Position,
    /// Whose issue.
    pub task: TaskId,
    /// Where it was moved to.
    pub state: TrackerState,
    /// By whom.
    pub actor: String,
    /// When it was moved.
    pub at_ms: UnixMs,
    /// Whether somebody other than the host moved the issue again since.
    pub is_past: bool,
}

/// An issue as it stands in the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRow {
    /// Its task.
    pub task: TaskId,
    /// Work item of its task.
    pub work_item: String,
    /// Its title.
    pub title: String,
    /// Where it was moved to last.
    pub state: TrackerState,
    /// By whom.
    pub actor: String,
    /// When, Unix milliseconds.
    pub at_ms: UnixMs,
}

impl Tx {
    /// Writes down that `actor` moved the task's issue. Moving it to where it is already is no move.
    pub async fn move_issue(
        &mut self,
        task: TaskId,
        state: TrackerState,
        actor: &str,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_moves (task_id, state, actor, at_ms) SELECT ?1, ?2, ?3, ?4 WHERE ?2 IS NOT \
             (SELECT state FROM issue_moves WHERE task_id = ?1 ORDER BY id DESC LIMIT 1)",
        )
        .bind(task.0)
        .bind(state.as_str())
        .bind(actor)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("move an issue")
    }

    /// Writes down that the host moved the task's issue, once per `key`. Moving it to where it is already is no move.
    /// Answers the position of the latest move of any issue then.
    pub async fn move_issue_once(
        &mut self,
        task: TaskId,
        state: TrackerState,
        key: &str,
        now: UnixMs,
    ) -> Result<Position, StoreError> {
        sqlx::query(
            "INSERT INTO issue_moves (task_id, state, actor, at_ms, key) SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?2 IS NOT \
             (SELECT state FROM issue_moves WHERE task_id = ?1 ORDER BY id DESC LIMIT 1) \
             ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING",
        )
        .bind(task.0)
        .bind(state.as_str())
        .bind(HOST_ACTOR)
        .bind(now)
        .bind(key)
        .execute(&mut self.conn)
        .await
        .doing("move an issue")?;
        let row = sqlx::query("SELECT coalesce(max(id), 0) FROM issue_moves")
            .fetch_one(&mut self.conn)
            .await
            .doing("read the latest move")?;
        get(&row, 0)
    }

    /// Where the task's issue was moved to last, by whomever; none if it was never moved.
    pub async fn tracker_state(
        &mut self,
        task: TaskId,
    ) -> Result<Option<TrackerState>, StoreError> {
        let row = sqlx::query(
            "SELECT state, id FROM issue_moves WHERE task_id = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(task.0)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read where an issue is")?;
        let Some(row) = row else { return Ok(None) };
        let (state, id): (String, i64) = (get(&row, 0)?, get(&row, 1)?);
        known(
            TrackerState::parse(&state),
            "issue_moves",
            id,
            &state,
            "issue state",
        )
        .map(Some)
    }

    /// Moves of issues after `position`, oldest first.
    pub async fn issue_moves(
        &mut self,
        position: Position,
        most: u32,
    ) -> Result<Vec<MoveRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, task_id, state, actor, at_ms, EXISTS (SELECT 1 FROM issue_moves later \
             WHERE later.task_id = m.task_id AND later.id > m.id AND later.actor <> ?) \
             FROM issue_moves m WHERE id > ? ORDER BY id LIMIT +?",
        )
        .bind(HOST_ACTOR)
        .bind(position)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("read moves of issues")?;
        rows.iter()
            .map(|row| {
                let (id, state): (i64, String) = (get(row, 0)?, get(row, 2)?);
                Ok(MoveRow {
                    position: id,
                    task: TaskId(get(row, 1)?),
                    state: known(
                        TrackerState::parse(&state),
                        "issue_moves",
                        id,
                        &state,
                        "issue state",
                    )?,
                    actor: get(row, 3)?,
                    at_ms: get(row, 4)?,
                    is_past: get(row, 5)?,
                })
            })
            .collect()
    }

    /// Issues of tasks before `before` as they stand, those of tasks under way only unless `all`, newest first.
    pub async fn issues(
        &mut self,
        all: bool,
        before: Option<TaskId>,
        most: u32,
    ) -> Result<Vec<IssueRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.work_item, t.title, coalesce(m.state, i.state), coalesce(m.actor, ?), \
             coalesce(m.at_ms, i.updated_ms), t.id FROM issues i JOIN tasks t ON t.id = i.task_id LEFT JOIN issue_moves m \
             ON m.id = (SELECT max(id) FROM issue_moves WHERE task_id = i.task_id) \
             WHERE (? OR t.stage NOT IN ('done', 'cancelled')) AND t.id < ? ORDER BY t.id DESC LIMIT +?",
        )
        .bind(HOST_ACTOR)
        .bind(all)
        .bind(before.map_or(i64::MAX, |id| id.0))
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list issues")?;
        rows.iter()
            .map(|row| {
                let (work_item, state): (String, String) = (get(row, 0)?, get(row, 2)?);
                let known = known(
                    TrackerState::parse(&state),
                    "issues",
                    &work_item,
                    &state,
                    "issue state",
                )?;
                Ok(IssueRow {
                    task: TaskId(get(row, 5)?),
                    work_item,
                    title: get(row, 1)?,
                    state: known,
                    actor: get(row, 3)?,
                    at_ms: get(row, 4)?,
                })
            })
            .collect()
    }

    /// How many issues there are; those of tasks under way only unless `all`.
    pub async fn count_issues(&mut self, all: bool) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM issues i JOIN tasks t ON t.id = i.task_id \
             WHERE ? OR t.stage NOT IN ('done', 'cancelled')",
        )
        .bind(all)
        .fetch_one(&mut self.conn)
        .await
        .doing("count issues")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Adds a comment, once per `external_id`.
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
