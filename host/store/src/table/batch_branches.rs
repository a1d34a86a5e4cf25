//! Branches of batches on forges: which there may be, and which nobody needs any more.

use orch_domain::id::{BatchId, ObjectId, UnixMs};
use sqlx::sqlite::SqliteRow;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A branch that the host pushed, or was about to, for the tests of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchBranch {
    /// Its repository.
    pub repo: String,
    /// Its name.
    pub branch: String,
    /// The batch that it is of.
    pub batch: BatchId,
    /// How many members, from the lowest on, stand in its commit.
    pub first: usize,
    /// The commit.
    pub sha: ObjectId,
    /// When it was about to be pushed first.
    pub pushed_ms: UnixMs,
}

impl Tx {
    /// Writes down that a branch is about to be pushed, and answers what is written of it: whoever pushes it again keeps
    /// the time of the first push.
    pub async fn note_batch_branch(
        &mut self,
        new: &BatchBranch,
    ) -> Result<BatchBranch, StoreError> {
        sqlx::query(
            "INSERT INTO batch_branches (repo, branch, batch_id, first, sha, pushed_ms) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (repo, branch) DO UPDATE SET batch_id = excluded.batch_id, first = excluded.first, \
             sha = excluded.sha, pushed_ms = excluded.pushed_ms WHERE sha <> excluded.sha",
        )
        .bind(&new.repo)
        .bind(&new.branch)
        .bind(new.batch.0)
        .bind(i64::try_from(new.first).unwrap_or(i64::MAX))
        .bind(new.sha.as_str())
        .bind(new.pushed_ms)
        .execute(&mut self.conn)
        .await
        .doing("note a branch of a batch")?;
        let row = sqlx::query("SELECT * FROM batch_branches WHERE repo = ? AND branch = ?")
            .bind(&new.repo)
            .bind(&new.branch)
            .fetch_one(&mut self.conn)
            .await
            .doing("read a branch of a batch")?;
        batch_branch(&row)
    }

    /// Branches whose batches are over, the oldest first, at most `limit`.
    pub async fn batch_branches_over(
        &mut self,
        limit: u32,
    ) -> Result<Vec<BatchBranch>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM batch_branches WHERE NOT EXISTS (SELECT 1 FROM merge_batches b WHERE b.id = batch_id \
             AND b.repo = batch_branches.repo AND b.state IN ('testing', 'passed', 'landing')) \
             ORDER BY pushed_ms, branch LIMIT +?",
        )
        .bind(limit)
        .fetch_all(&mut self.conn)
        .await
        .doing("list branches of batches that are over")?;
        rows.iter().map(batch_branch).collect()
    }

    /// Forgets a branch that is gone.
    pub async fn forget_batch_branch(&mut self, gone: &BatchBranch) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM batch_branches WHERE repo = ? AND branch = ? AND sha = ?")
            .bind(&gone.repo)
            .bind(&gone.branch)
            .bind(gone.sha.as_str())
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("forget a branch of a batch")
    }
}

fn batch_branch(row: &SqliteRow) -> Result<BatchBranch, StoreError> {
    let batch = BatchId(get(row, "batch_id")?);
    let first: i64 = get(row, "first")?;
    let text: String = get(row, "sha")?;
    let sha = ObjectId::new(text.clone()).ok();
    Ok(BatchBranch {
        repo: get(row, "repo")?,
        branch: get(row, "branch")?,
        batch,
        first: usize::try_from(first).unwrap_or(usize::MAX),
        sha: known(sha, "batch_branches", batch, &text, "git object id")?,
        pushed_ms: get(row, "pushed_ms")?,
    })
}
