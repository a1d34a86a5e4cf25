//! Tasks: their state with its version, and the configuration they began with.

use std::collections::BTreeMap;

use orch_domain::id::{ObjectId, RepoName, TaskId, UnixMs, WorkItem};
use orch_domain::names::JobName;
use orch_domain::stage::Stage;
use orch_domain::task::{Status, Task};
use sqlx::sqlite::SqliteRow;

use super::{get, known, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A task to be accepted.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Name in the tracker.
    pub work_item: WorkItem,
    /// Repository that it changes.
    pub repo: RepoName,
    /// Title of the request.
    pub title: String,
    /// The request.
    pub body: String,
    /// Who asked.
    pub author: String,
    /// Branch of the change.
    pub branch: String,
    /// Branch it lands on.
    pub base_branch: String,
    /// Effective configuration, as text; stored once per digest.
    pub config: String,
    /// Digest of `config`.
    pub config_digest: String,
    /// Rework rounds.
    pub rework_rounds_max: u32,
}

/// A task with what does not change as it moves.
#[derive(Debug, Clone)]
pub struct TaskRecord {
    /// The state.
    pub task: Task,
    /// The request.
    pub body: String,
    /// Who asked.
    pub author: String,
    /// Branch of the change.
    pub branch: String,
    /// Branch it lands on.
    pub base_branch: String,
    /// Digest of the configuration.
    pub config_digest: String,
    /// Priority of its jobs, 1 (first) to 9.
    pub priority: i64,
    /// When it was accepted.
    pub created_ms: UnixMs,
    /// When it last moved.
    pub updated_ms: UnixMs,
    /// Whether it carries a change of a drill.
    pub is_drill: bool,
}

/// What a compare-and-swap of a task did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum CasOutcome {
    /// The task was as expected and is written.
    Applied,
    /// Somebody moved it meanwhile; nothing is written.
    Stale,
}

const COLUMNS: &str = "id, work_item, repo, title, body, author, branch, base_branch, config_digest, stage, step, \
    status, status_reason, status_detail, status_since_ms, status_deadline_ms, version, attempts, rework_rounds, \
    rework_rounds_max, early_rounds, infra_failures, overtaken, findings, rewrites_history, head, stop_requested, priority, created_ms, updated_ms, \
    EXISTS (SELECT 1 FROM drill_cases WHERE drill_cases.task_id = tasks.id) AS is_drill";

pub(super) fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // `rest` is always a literal of this crate.
    sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM tasks {rest}"))
}

impl Tx {
    /// Tasks under way whose branch was last recorded at a commit, oldest first, at most `most`.
    pub async fn tasks_at(
        &mut self,
        repo: &str,
        head: &ObjectId,
        most: u32,
    ) -> Result<Vec<TaskId>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM tasks WHERE repo = ? AND head = ? AND stage NOT IN ('done', 'cancelled') \
             ORDER BY id LIMIT +?",
        )
        .bind(repo)
        .bind(head.as_str())
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("look for the tasks of a commit")?;
        rows.iter().map(|row| Ok(TaskId(get(row, 0)?))).collect()
    }

    /// Accepts a task.
    ///
    /// # Errors
    /// [`StoreError::ItemIsLive`] while a task of that name is worked on in the repository;
    /// [`StoreError::ItemHasTwin`] if the name differs from another one in its case only.
    pub async fn insert_task(&mut self, new: NewTask, now: UnixMs) -> Result<Task, StoreError> {
        if let Some(twin) = self.twin_of_item(&new.repo, &new.work_item).await? {
            return Err(StoreError::ItemHasTwin {
                work_item: new.work_item.to_string(),
                twin,
                repo: new.repo.to_string(),
            });
        }
        sqlx::query("INSERT INTO configs (digest, text) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(&new.config_digest)
            .bind(&new.config)
            .execute(&mut self.conn)
            .await
            .doing("store a configuration")?;
        let inserted = sqlx::query(
            "INSERT INTO tasks (work_item, repo, title, body, author, branch, base_branch, config_digest, stage, step, \
             status, version, attempts, rework_rounds, rework_rounds_max, early_rounds, infra_failures, \
             stop_requested, created_ms, updated_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'created', 0, 'active', 0, '{}', 0, ?, 0, 0, 0, ?, ?)",
        )
        .bind(new.work_item.as_str())
        .bind(new.repo.as_str())
        .bind(&new.title)
        .bind(&new.body)
        .bind(&new.author)
        .bind(&new.branch)
        .bind(&new.base_branch)
        .bind(&new.config_digest)
        .bind(new.rework_rounds_max)
        .bind(now)
        .bind(now)
        .execute(&mut self.conn)
        .await;
        match inserted {
            Ok(done) => {
                let id = TaskId(done.last_insert_rowid());
                self.skip_item(&new.repo, &new.work_item).await?;
                Ok(Task::new(
                    id,
                    new.work_item,
                    new.repo,
                    new.title,
                    new.rework_rounds_max,
                ))
            }
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(StoreError::ItemIsLive {
                    work_item: new.work_item.to_string(),
                    repo: new.repo.to_string(),
                })
            }
            Err(error) => Err(error).doing("accept a task"),
        }
    }

    /// The task with this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn task(&mut self, id: TaskId) -> Result<TaskRecord, StoreError> {
        let row = sqlx::query(select("WHERE id = ?"))
            .bind(id.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a task")?;
        match row {
            Some(row) => record(&row),
            None => Err(StoreError::NotFound {
                what: "task",
                id: id.to_string(),
            }),
        }
    }

    /// The configuration text with this digest.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn config(&mut self, digest: &str) -> Result<String, StoreError> {
        let row = sqlx::query("SELECT text FROM configs WHERE digest = ?")
            .bind(digest)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a configuration")?;
        match row {
            Some(row) => get(&row, 0),
            None => Err(StoreError::NotFound {
                what: "configuration",
                id: digest.to_owned(),
            }),
        }
    }

    /// Writes `task` if its row still has `expected_version`. The branch moves only by [`Tx::set_branch`].
    pub async fn update_task(
        &mut self,
        task: &Task,
        expected: i64,
        now: UnixMs,
    ) -> Result<CasOutcome, StoreError> {
        let (reason, detail, since, deadline) = status_columns(&task.status);
        let attempts: BTreeMap<&str, u32> = task
            .attempts
            .iter()
            .map(|(s, n)| (s.as_str(), *n))
            .collect();
        let attempts = serde_json::to_string(&attempts).unwrap_or_else(|_| "{}".to_owned());
        let done = sqlx::query(
            "UPDATE tasks SET stage = ?, step = ?, status = ?, status_reason = ?, status_detail = ?, \
             status_since_ms = ?, status_deadline_ms = ?, version = ?, attempts = ?, rework_rounds = ?, \
             rework_rounds_max = ?, early_rounds = ?, infra_failures = ?, overtaken = ?, findings = ?, rewrites_history = ?, head = ?, \
             stop_requested = ?, updated_ms = ? WHERE id = ? AND version = ?",
        )
        .bind(task.stage.as_str())
        .bind(task.step)
        .bind(task.status.name())
        .bind(reason)
        .bind(detail)
        .bind(since)
        .bind(deadline)
        .bind(task.version)
        .bind(attempts)
        .bind(task.rework_rounds)
        .bind(task.rework_rounds_max)
        .bind(task.early_rounds)
        .bind(task.infra_failures)
        .bind(task.overtaken)
        .bind(task.findings.as_deref())
        .bind(task.rewrites_history)
        .bind(task.head.as_ref().map(ObjectId::as_str))
        .bind(task.stop_requested)
        .bind(now)
        .bind(task.id.0)
        .bind(expected)
        .execute(&mut self.conn)
        .await
        .doing("move a task")?;
        Ok(if done.rows_affected() == 1 {
            CasOutcome::Applied
        } else {
            CasOutcome::Stale
        })
    }

    /// Gives the task another branch, after the old one landed.
    pub async fn set_branch(&mut self, id: TaskId, branch: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE tasks SET branch = ? WHERE id = ?")
            .bind(branch)
            .bind(id.0)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("set a branch")
    }

    /// Has the tasks of a repository that are under way land on this branch, which is its base now; answers how many
    /// were to land on another one.
    pub async fn follow_base(&mut self, repo: &RepoName, base: &str) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE tasks SET base_branch = ? WHERE repo = ? AND base_branch <> ? \
             AND stage NOT IN ('done', 'cancelled')",
        )
        .bind(base)
        .bind(repo.as_str())
        .bind(base)
        .execute(&mut self.conn)
        .await
        .doing("follow another base")?;
        Ok(done.rows_affected())
    }

    /// Says how urgent a task is; its job that waits for a worker moves with it, and what waiting had earned it is
    /// forgotten.
    ///
    /// # Errors
    /// When the database does not answer, or refuses what is not between 1 and 9.
    pub async fn set_priority(&mut self, id: TaskId, priority: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE tasks SET priority = ? WHERE id = ?")
            .bind(priority)
            .bind(id.0)
            .execute(&mut self.conn)
            .await
            .doing("set a task's priority")?;
        sqlx::query(
            "UPDATE jobs SET priority = ?, aged_by = 0, aged_ms = NULL WHERE unique_key = ? AND kind <> 'stop' \
             AND state IN ('scheduled', 'ready')",
        )
        .bind(priority)
        .bind(JobName::Step(id).to_string())
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("move a task's job")
    }
}

fn status_columns(status: &Status) -> (Option<&str>, Option<&str>, Option<UnixMs>, Option<UnixMs>) {
    match status {
        Status::Active | Status::Stopping | Status::Ended => (None, None, None, None),
        Status::Waiting {
            reason,
            since_ms,
            deadline_ms,
        } => (None, Some(reason), Some(*since_ms), Some(*deadline_ms)),
        Status::AwaitingApproval { since_ms } => (None, None, Some(*since_ms), None),
        Status::NeedsInput { detail } => (None, Some(detail), None, None),
        Status::Blocked { reason, detail } => (Some(reason.as_str()), Some(detail), None, None),
    }
}

fn status(row: &SqliteRow, id: i64) -> Result<Status, StoreError> {
    let name: String = get(row, "status")?;
    let detail: Option<String> = get(row, "status_detail")?;
    let detail = detail.unwrap_or_default();
    let since_ms: Option<UnixMs> = get(row, "status_since_ms")?;
    let since_ms = since_ms.unwrap_or_default();
    let deadline_ms: Option<UnixMs> = get(row, "status_deadline_ms")?;
    Ok(match name.as_str() {
        "active" => Status::Active,
        "stopping" => Status::Stopping,
        "ended" => Status::Ended,
        "waiting" => Status::Waiting {
            reason: detail,
            since_ms,
            deadline_ms: deadline_ms.unwrap_or_default(),
        },
        "awaiting-approval" => Status::AwaitingApproval { since_ms },
        "needs-input" => Status::NeedsInput { detail },
        "blocked" => Status::Blocked {
            reason: word(row, "status_reason", "tasks", id)?,
            detail,
        },
        _ => return known(None, "tasks", id, &name, "status"),
    })
}

pub(super) fn record(row: &SqliteRow) -> Result<TaskRecord, StoreError> {
    let id: i64 = get(row, "id")?;
    let work_item: String = get(row, "work_item")?;
    let repo: String = get(row, "repo")?;
    let attempts: String = get(row, "attempts")?;
    let parsed: BTreeMap<String, u32> = known(
        serde_json::from_str(&attempts).ok(),
        "tasks",
        id,
        &attempts,
        "map",
    )?;
    let mut by_stage = BTreeMap::new();
    for (name, count) in parsed {
        by_stage.insert(
            known(Stage::parse(&name), "tasks", id, &name, "stage")?,
            count,
        );
    }
    let head: Option<String> = get(row, "head")?;
    let head = match head {
        Some(head) => Some(known(
            ObjectId::new(head.clone()).ok(),
            "tasks",
            id,
            &head,
            "commit",
        )?),
        None => None,
    };
    let task = Task {
        id: TaskId(id),
        work_item: known(
            WorkItem::new(work_item.clone()).ok(),
            "tasks",
            id,
            &work_item,
            "work item",
        )?,
        repo: known(
            RepoName::new(repo.clone()).ok(),
            "tasks",
            id,
            &repo,
            "repository",
        )?,
        title: get(row, "title")?,
        stage: word(row, "stage", "tasks", id)?,
        step: get(row, "step")?,
        status: status(row, id)?,
        version: get(row, "version")?,
        attempts: by_stage,
        rework_rounds: get(row, "rework_rounds")?,
        rework_rounds_max: get(row, "rework_rounds_max")?,
        early_rounds: get(row, "early_rounds")?,
        infra_failures: get(row, "infra_failures")?,
        overtaken: get(row, "overtaken")?,
        findings: get(row, "findings")?,
        rewrites_history: get(row, "rewrites_history")?,
        head,
        stop_requested: get(row, "stop_requested")?,
    };
    Ok(TaskRecord {
        task,
        body: get(row, "body")?,
        author: get(row, "author")?,
        branch: get(row, "branch")?,
        base_branch: get(row, "base_branch")?,
        config_digest: get(row, "config_digest")?,
        priority: get(row, "priority")?,
        created_ms: get(row, "created_ms")?,
        updated_ms: get(row, "updated_ms")?,
        is_drill: get(row, "is_drill")?,
    })
}
