//! Runs of agents: an index of the run folders, which hold the truth.

use orch_domain::id::{JobId, RepoName, RunId, TaskId, UnixMs};
use orch_domain::outcome::RunEnding;
use orch_domain::stage::{RunRole, Stage};
use sqlx::sqlite::SqliteRow;

use super::costs::Tokens;
use super::{get, maybe_word, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A run about to be launched.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its job.
    pub job: JobId,
    /// Its task.
    pub task: TaskId,
    /// What it works as.
    pub role: RunRole,
    /// Name of the agent.
    pub agent: String,
    /// Stage that the task was in when it was launched.
    pub stage: Stage,
    /// Attempt of the stage.
    pub attempt: u32,
    /// Run folder.
    pub folder: String,
    /// Dollars that it may cost; they count until it says what it did cost.
    pub reserved_usd: f64,
}

/// A run as stored.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Row id.
    pub id: RunId,
    /// Its job.
    pub job: JobId,
    /// Its task.
    pub task: TaskId,
    /// What it works as.
    pub role: RunRole,
    /// Name of the agent.
    pub agent: String,
    /// Stage that the task was in when it was launched.
    pub stage: Stage,
    /// Attempt of the stage.
    pub attempt: u32,
    /// Run folder.
    pub folder: String,
    /// How often a restarted host attached to it.
    pub attached: i64,
    /// How it ended, once its result is taken in.
    pub outcome: Option<RunEnding>,
    /// The outcome with its details.
    pub detail: Option<String>,
    /// True exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// Cost in dollars.
    pub cost_usd: Option<f64>,
    /// Tokens, if it said.
    pub tokens: Option<Tokens>,
    /// When it was launched.
    pub started_ms: UnixMs,
    /// When its result was taken in.
    pub finished_ms: Option<UnixMs>,
}

/// Where a run's folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolderRow {
    /// Row id.
    pub id: RunId,
    /// The folder.
    pub folder: String,
    /// When its result was taken in; none while it is not.
    pub taken_in_ms: Option<UnixMs>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// How it ended.
    pub outcome: RunEnding,
    /// The outcome with its details.
    pub detail: String,
    /// True exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// Cost in dollars.
    pub cost_usd: Option<f64>,
    /// Tokens, if it said.
    pub tokens: Option<Tokens>,
}

impl RunEnd {
    /// The end of a run of which nothing else is known.
    pub fn of(outcome: RunEnding, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            detail: detail.into(),
            exit_code: None,
            cost_usd: None,
            tokens: None,
        }
    }
}

pub(super) const COLUMNS: &str = "id, job_id, task_id, role, agent, stage, attempt, folder, attached, outcome, detail, \
    exit_code, cost_usd, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, started_ms, finished_ms";

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // `rest` is always a literal of this file.
    sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM runs {rest}"))
}

impl Tx {
    /// Agents' runs of the work item of a task that began since `since_ms`, for whichever of its tasks; those before a
    /// person took this one up again do not count.
    pub async fn recent_runs(&mut self, task: TaskId, since_ms: UnixMs) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM tasks own JOIN tasks t ON t.repo = own.repo AND t.work_item = own.work_item \
             JOIN runs r ON r.task_id = t.id WHERE own.id = ? AND r.role NOT IN ('deploy-hook', 'rollback-hook') \
             AND r.started_ms >= ? AND r.started_ms > coalesce( \
             (SELECT max(at_ms) FROM events WHERE task_id = own.id AND kind = 'resumed'), -1)",
        )
        .bind(task.0)
        .bind(since_ms)
        .fetch_one(&mut self.conn)
        .await
        .doing("count runs")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Records a run before it is launched.
    ///
    /// # Errors
    /// When the database does not answer, or the job already has an open run.
    pub async fn insert_run(&mut self, run: &NewRun, now: UnixMs) -> Result<RunId, StoreError> {
        let done = sqlx::query(
            "INSERT INTO runs (job_id, task_id, role, agent, stage, attempt, folder, state, reserved_usd, started_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, 'started', ?, ?)",
        )
        .bind(run.job.0)
        .bind(run.task.0)
        .bind(run.role.as_str())
        .bind(&run.agent)
        .bind(run.stage.as_str())
        .bind(run.attempt)
        .bind(&run.folder)
        .bind(run.reserved_usd)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("record a run")?;
        Ok(RunId(done.last_insert_rowid()))
    }

    /// Runs of a task whose results are not taken in.
    pub async fn open_runs(&mut self, task: TaskId) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query(select("WHERE task_id = ? AND state = 'started'"))
            .bind(task.0)
            .fetch_all(&mut self.conn)
            .await
            .doing("look for open runs")?;
        rows.iter().map(run_row).collect()
    }

    /// The work item whose deploy of a repository, or whose rollback, is under way, or whose deploy ended well and is not
    /// judged yet, but for the one of `own`.
    pub async fn deploy_under_way(
        &mut self,
        repo: &RepoName,
        own: TaskId,
    ) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT t.work_item FROM runs r JOIN tasks t ON t.id = r.task_id WHERE r.role IN (?, ?) AND t.repo = ? \
             AND t.id <> ? AND (r.state = 'started' OR (r.exit_code = 0 AND t.stage = 'deploy' \
             AND t.status IN ('active', 'waiting'))) ORDER BY r.id LIMIT 1",
        )
        .bind(RunRole::DeployHook.as_str())
        .bind(RunRole::RollbackHook.as_str())
        .bind(repo.as_str())
        .bind(own.0)
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for a deploy that is under way")
    }

    /// The work item of a task with an open run of one of these agents, if there is one.
    pub async fn busy_agent(&mut self, agents: &[String]) -> Result<Option<String>, StoreError> {
        let names = serde_json::to_string(agents).unwrap_or_default();
        sqlx::query_scalar(
            "SELECT t.work_item FROM runs r JOIN tasks t ON t.id = r.task_id WHERE r.state = 'started' \
             AND r.agent IN (SELECT value FROM json_each(?)) ORDER BY r.id LIMIT 1",
        )
        .bind(names)
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for open runs of agents")
    }

    /// Runs of a task, oldest first.
    pub async fn runs(&mut self, task: TaskId) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query(select("WHERE task_id = ? ORDER BY id"))
            .bind(task.0)
            .fetch_all(&mut self.conn)
            .await
            .doing("list runs")?;
        rows.iter().map(run_row).collect()
    }

    /// Folders of the runs after `after` in the order of their ids, at most `limit`.
    pub async fn run_folders(
        &mut self,
        after: RunId,
        limit: u32,
    ) -> Result<Vec<RunFolderRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, folder, CASE state WHEN 'finalised' THEN finished_ms END FROM runs WHERE id > ? \
             ORDER BY id LIMIT +?",
        )
        .bind(after.0)
        .bind(limit)
        .fetch_all(&mut self.conn)
        .await
        .doing("list run folders")?;
        rows.iter()
            .map(|row| {
                Ok(RunFolderRow {
                    id: RunId(get(row, 0)?),
                    folder: get(row, 1)?,
                    taken_in_ms: get(row, 2)?,
                })
            })
            .collect()
    }

    /// Counts that a restarted host attached to a run.
    pub async fn run_attached(&mut self, run: RunId) -> Result<(), StoreError> {
        sqlx::query("UPDATE runs SET attached = attached + 1 WHERE id = ?")
            .bind(run.0)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("count an attachment")
    }

    /// Takes in a run's result; says whether this call did it, so that it happens once.
    pub async fn finalise_run(
        &mut self,
        run: RunId,
        end: &RunEnd,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE runs SET state = 'finalised', outcome = ?, detail = ?, exit_code = ?, cost_usd = ?, \
             input_tokens = ?, output_tokens = ?, cache_read_tokens = ?, cache_write_tokens = ?, \
             finished_ms = ? WHERE id = ? AND state = 'started'",
        )
        .bind(end.outcome.as_str())
        .bind(&end.detail)
        .bind(end.exit_code)
        .bind(end.cost_usd)
        .bind(end.tokens.map(|t| t.input))
        .bind(end.tokens.map(|t| t.output))
        .bind(end.tokens.map(|t| t.cache_read))
        .bind(end.tokens.map(|t| t.cache_write))
        .bind(now)
        .bind(run.0)
        .execute(&mut self.conn)
        .await
        .doing("take in a run's result")?;
        Ok(done.rows_affected() == 1)
    }
}

pub(super) fn run_row(row: &SqliteRow) -> Result<RunRow, StoreError> {
    let input: Option<i64> = get(row, "input_tokens")?;
    let tokens = match input {
        Some(input) => Some(Tokens {
            input,
            output: get(row, "output_tokens")?,
            cache_read: get(row, "cache_read_tokens")?,
            cache_write: get(row, "cache_write_tokens")?,
        }),
        None => None,
    };
    let id: i64 = get(row, "id")?;
    Ok(RunRow {
        id: RunId(id),
        job: JobId(get(row, "job_id")?),
        task: TaskId(get(row, "task_id")?),
        role: word(row, "role", "runs", id)?,
        agent: get(row, "agent")?,
        stage: word(row, "stage", "runs", id)?,
        attempt: get(row, "attempt")?,
        folder: get(row, "folder")?,
        attached: get(row, "attached")?,
        outcome: maybe_word(row, "outcome", "runs", id)?,
        detail: get(row, "detail")?,
        exit_code: get(row, "exit_code")?,
        cost_usd: get(row, "cost_usd")?,
        tokens,
        started_ms: get(row, "started_ms")?,
        finished_ms: get(row, "finished_ms")?,
    })
}
