//! Connections of judged processes to the network: what was asked for, and what became of it.

use orch_domain::id::{RepoName, RunId, TaskId, UnixMs};
use orch_domain::reach::Reached;

use super::{get, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Rows that are kept of one run, what comes after them is counted nowhere; and the latest of a repository that belong to
/// no run.
const ROWS_MAX: i64 = 5000;

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// A run.
    Run(RunId),
    /// What sets a repository up, or a hook of it.
    Repository {
        /// The repository.
        repo: RepoName,
        /// For which task; none for a base.
        task: Option<TaskId>,
    },
}

/// A connection that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Host, as it was asked for.
    pub host: String,
    /// Port; 0 if none could be read.
    pub port: u16,
    /// What became of it.
    pub reached: Reached,
    /// Bytes that were sent.
    pub sent: u64,
    /// Bytes that were received.
    pub received: u64,
}

/// What was refused to a task, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The run; none if it was a hook, or what sets up.
    pub run: Option<RunId>,
    /// Host, as it was asked for.
    pub host: String,
    /// Port; 0 if none could be read.
    pub port: u16,
    /// Why.
    pub why: Reached,
    /// How often.
    pub count: i64,
}

/// What went over the network for a task, to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The run; none if it was a hook, or what sets up.
    pub run: Option<RunId>,
    /// Host, as it was asked for.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Connections that came to it.
    pub count: i64,
    /// Bytes that were sent.
    pub sent: i64,
    /// Bytes that were received.
    pub received: i64,
}

impl Tx {
    /// Keeps connections: of a run the first, of a repository the latest, up to a number of rows.
    pub async fn insert_connections(
        &mut self,
        asker: &Asker,
        rows: &[ConnectionRow],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let (run, task, repo) = match asker {
            Asker::Run(run) => (Some(run.0), None, None),
            Asker::Repository { repo, task } => {
                (None, task.map(|task| task.0), Some(repo.as_str()))
            }
        };
        for row in rows {
            sqlx::query(
                "INSERT INTO connections (run_id, task_id, repo, at_ms, host, port, reached, sent_bytes, received_bytes) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 \
                 WHERE ?1 IS NULL OR (SELECT count(*) FROM connections WHERE run_id = ?1) < ?10",
            )
            .bind(run)
            .bind(task)
            .bind(repo)
            .bind(now)
            .bind(&row.host)
            .bind(row.port)
            .bind(row.reached.as_str())
            .bind(i64::try_from(row.sent).unwrap_or(i64::MAX))
            .bind(i64::try_from(row.received).unwrap_or(i64::MAX))
            .bind(ROWS_MAX)
            .execute(&mut self.conn)
            .await
            .doing("keep a connection")?;
        }
        if repo.is_some() {
            sqlx::query(
                "DELETE FROM connections WHERE repo = ?1 AND id <= (SELECT id FROM connections WHERE repo = ?1 \
                 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )
            .bind(repo)
            .bind(ROWS_MAX)
            .execute(&mut self.conn)
            .await
            .doing("drop the oldest connections of a repository")?;
        }
        Ok(())
    }

    /// What went over the network for a task, where most was sent to first, at most `most`. A connection counts when it has
    /// ended; one that was cut has sent what it could.
    pub async fn traffic(&mut self, task: TaskId, most: u32) -> Result<Vec<Traffic>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.run_id, c.host, c.port, count(*) AS times, sum(c.sent_bytes) AS sent, \
             sum(c.received_bytes) AS received FROM connections c \
             WHERE (c.task_id = ?1 OR c.run_id IN (SELECT id FROM runs WHERE task_id = ?1)) \
             AND (c.sent_bytes > 0 OR c.received_bytes > 0) \
             GROUP BY c.run_id, c.host, c.port ORDER BY sent DESC, received DESC, c.run_id, c.host LIMIT +?2",
        )
        .bind(task.0)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list what a task sent")?;
        rows.iter()
            .map(|row| {
                let run: Option<i64> = get(row, "run_id")?;
                Ok(Traffic {
                    run: run.map(RunId),
                    host: get(row, "host")?,
                    port: get(row, "port")?,
                    count: get(row, "times")?,
                    sent: get(row, "sent")?,
                    received: get(row, "received")?,
                })
            })
            .collect()
    }

    /// What was refused to a task, the latest first, at most `most`.
    pub async fn denials(&mut self, task: TaskId, most: u32) -> Result<Vec<Denial>, StoreError> {
        let rows = sqlx::query(
            "SELECT max(c.id) AS latest, c.run_id, c.host, c.port, c.reached, count(*) AS times FROM connections c \
             WHERE (c.task_id = ?1 OR c.run_id IN (SELECT id FROM runs WHERE task_id = ?1)) \
             AND c.reached NOT IN ('allowed', 'unreachable') \
             GROUP BY c.run_id, c.host, c.port, c.reached ORDER BY latest DESC LIMIT +?2",
        )
        .bind(task.0)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list what was refused to a task")?;
        rows.iter()
            .map(|row| {
                let latest: i64 = get(row, "latest")?;
                let run: Option<i64> = get(row, "run_id")?;
                Ok(Denial {
                    run: run.map(RunId),
                    host: get(row, "host")?,
                    port: get(row, "port")?,
                    why: word(row, "reached", "connections", latest)?,
                    count: get(row, "times")?,
                })
            })
            .collect()
    }
}
