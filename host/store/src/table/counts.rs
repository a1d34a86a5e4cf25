//! How many rows the tables that grow have.

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCount {
    /// Name of the table.
    pub table: String,
    /// How many rows it has.
    pub rows: i64,
}

impl Tx {
    /// Counts the rows of every table that grows with work.
    pub async fn row_counts(&mut self) -> Result<Vec<RowCount>, StoreError> {
        let rows = sqlx::query(
            "SELECT 'tasks', count(*) FROM tasks \
             UNION ALL SELECT 'jobs', count(*) FROM jobs \
             UNION ALL SELECT 'runs', count(*) FROM runs \
             UNION ALL SELECT 'events', count(*) FROM events \
             UNION ALL SELECT 'alerts', count(*) FROM alerts \
             UNION ALL SELECT 'outbox', count(*) FROM outbox \
             UNION ALL SELECT 'deliveries', count(*) FROM deliveries \
             UNION ALL SELECT 'issue_moves', count(*) FROM issue_moves \
             UNION ALL SELECT 'evaluations', count(*) FROM evaluations \
             UNION ALL SELECT 'recordings', count(*) FROM recordings \
             UNION ALL SELECT 'evidence', count(*) FROM evidence \
             UNION ALL SELECT 'merge_batches', count(*) FROM merge_batches \
             UNION ALL SELECT 'gate_memory_staged', count(*) FROM gate_memory_staged",
        )
        .fetch_all(&mut self.conn)
        .await
        .doing("count rows")?;
        rows.iter()
            .map(|row| {
                Ok(RowCount {
                    table: get(row, 0)?,
                    rows: get(row, 1)?,
                })
            })
            .collect()
    }
}
