//! Connections of runs to the network: what was asked for, and what became of it.

use orch_domain::id::{RunId, TaskId, UnixMs};
use orch_domain::reach::Reached;

use super::{get, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Rows that are kept of one run; what comes after them is counted nowhere.
const ROWS_MAX: i64 = 5000;

/// A connection that a run asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Host, as it was asked for.
    pub host: String,
    /// Port; 0 if none could be read.
    pub port: u16,
    /// What became of it.
    pub reached: Reached,
    /// Bytes that the run sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
}

/// What a run was refused, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The run.
    pub run: RunId,
    /// Host, as it was asked for.
    pub host: String,
    /// Port; 0 if none could be read.
    pub port: u16,
    /// Why.
    pub why: Reached,
    /// How often.
    pub count: i64,
}

impl Tx {
    /// Keeps connections of a run, up to a number of rows for each run.
    pub async fn insert_connections(
        &mut self,
        run: RunId,
        rows: &[ConnectionRow],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        for row in rows {
            sqlx::query(
                "INSERT INTO connections (run_id, at_ms, host, port, reached, sent_bytes, received_bytes) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
                 WHERE (SELECT count(*) FROM connections WHERE run_id = ?1) < ?8",
            )
            .bind(run.0)
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
        Ok(())
    }

    /// What the runs of a task were refused, the latest first, at most `most`.
    pub async fn denials(&mut self, task: TaskId, most: u32) -> Result<Vec<Denial>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.run_id, c.host, c.port, c.reached, count(*) AS times FROM connections c \
             JOIN runs r ON r.id = c.run_id WHERE r.task_id = ? AND c.reached NOT IN ('allowed', 'unreachable') \
             GROUP BY c.run_id, c.host, c.port, c.reached ORDER BY max(c.id) DESC LIMIT ?",
        )
        .bind(task.0)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list what runs were refused")?;
        rows.iter()
            .map(|row| {
                let run: i64 = get(row, "run_id")?;
                Ok(Denial {
                    run: RunId(run),
                    host: get(row, "host")?,
                    port: get(row, "port")?,
                    why: word(row, "reached", "connections", run)?,
                    count: get(row, "times")?,
                })
            })
            .collect()
    }
}
