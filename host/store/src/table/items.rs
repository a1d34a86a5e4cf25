//! How work items are numbered, and which task one means.

use orch_domain::id::{ItemPrefix, RepoName, WorkItem};
use orch_domain::names::ItemRef;

use super::get;
use super::tasks::{TaskRecord, record, select};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

impl Tx {
    /// Draws the next work item of a repository. Drawn in the write that accepts its task, it is never drawn twice;
    /// what that write does not commit was not drawn.
    pub async fn next_item(
        &mut self,
        repo: &RepoName,
        prefix: &ItemPrefix,
    ) -> Result<WorkItem, StoreError> {
        let row = sqlx::query(
            "INSERT INTO item_sequences (repo, prefix, last) VALUES (?, lower(?), 1) \
             ON CONFLICT (repo, prefix) DO UPDATE SET last = item_sequences.last + 1 RETURNING last",
        )
        .bind(repo.as_str())
        .bind(prefix.as_str())
        .fetch_one(&mut self.conn)
        .await
        .doing("draw the number of a work item")?;
        let number: i64 = get(&row, 0)?;
        Ok(prefix.numbered(number.unsigned_abs()))
    }

    /// Takes the number of a work item that somebody chose out of its sequence.
    pub(super) async fn skip_item(
        &mut self,
        repo: &RepoName,
        item: &WorkItem,
    ) -> Result<(), StoreError> {
        let Some((prefix, number)) = item.numbered() else {
            return Ok(());
        };
        sqlx::query(
            "INSERT INTO item_sequences (repo, prefix, last) VALUES (?, lower(?), ?) \
             ON CONFLICT (repo, prefix) DO UPDATE SET last = excluded.last WHERE item_sequences.last < excluded.last",
        )
        .bind(repo.as_str())
        .bind(prefix.as_str())
        .bind(i64::try_from(number).unwrap_or(i64::MAX))
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("take a number out of its sequence")
    }

    /// A work item of the repository that differs from this one in the case of its letters only: their folders and
    /// branches would be the same on some machines.
    pub(super) async fn twin_of_item(
        &mut self,
        repo: &RepoName,
        item: &WorkItem,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(
            "SELECT work_item FROM tasks WHERE lower(work_item) = lower(?) AND work_item <> ? AND repo = ? LIMIT 1",
        )
        .bind(item.as_str())
        .bind(item.as_str())
        .bind(repo.as_str())
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for a work item")?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// The latest task of this work item.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none; [`StoreError::AmbiguousItem`] if no repository is named and
    /// several have one.
    pub async fn task_of_item(&mut self, item: &ItemRef) -> Result<TaskRecord, StoreError> {
        let rows = sqlx::query(
            "SELECT repo, max(id) AS id FROM tasks WHERE lower(work_item) = lower(?1) AND work_item = ?1 \
             AND (?2 IS NULL OR repo = ?2) GROUP BY repo ORDER BY repo",
        )
        .bind(item.item.as_str())
        .bind(item.repo.as_ref().map(RepoName::as_str))
        .fetch_all(&mut self.conn)
        .await
        .doing("look for a work item")?;
        let latest = match &rows[..] {
            [] => {
                return Err(StoreError::NotFound {
                    what: "work item",
                    id: item.to_string(),
                });
            }
            [row] => get::<i64, _>(row, "id")?,
            several => {
                let repos: Result<Vec<String>, _> =
                    several.iter().map(|row| get(row, "repo")).collect();
                return Err(StoreError::AmbiguousItem {
                    work_item: item.item.to_string(),
                    repos: repos?,
                });
            }
        };
        let row = sqlx::query(select("WHERE id = ?"))
            .bind(latest)
            .fetch_one(&mut self.conn)
            .await
            .doing("read a task")?;
        record(&row)
    }
}
