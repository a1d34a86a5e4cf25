//! Tests that fail now and then on the base of a repository.

use std::collections::BTreeSet;

use orch_domain::id::{RepoName, UnixMs};

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Names that are kept of each repository, the latest ones. A repository with more has another trouble.
const KEPT_MAX: u32 = 200;
/// How long a test is known for it after it was last seen to fail now and then, milliseconds: 30 days.
const KNOWN_FOR_MS: i64 = 30 * 86_400_000;

impl Tx {
    /// Keeps names of tests that were seen to fail and not to fail on one commit.
    pub async fn put_flaky_tests(
        &mut self,
        repo: &RepoName,
        names: &[String],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        for name in names {
            sqlx::query(
                "INSERT INTO flaky_tests (repo, name, seen_ms) VALUES (?, ?, ?) \
                 ON CONFLICT (repo, name) DO UPDATE SET seen_ms = excluded.seen_ms",
            )
            .bind(repo.as_str())
            .bind(name)
            .bind(now)
            .execute(&mut self.conn)
            .await
            .doing("keep a test that fails now and then")?;
        }
        sqlx::query(
            "DELETE FROM flaky_tests WHERE repo = ?1 AND (seen_ms < ?2 OR rowid NOT IN \
             (SELECT rowid FROM flaky_tests WHERE repo = ?1 ORDER BY seen_ms DESC, name LIMIT +?3))",
        )
        .bind(repo.as_str())
        .bind(now - KNOWN_FOR_MS)
        .bind(KEPT_MAX)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("sweep tests that fail now and then")
    }

    /// Names of the tests of a repository that fail now and then.
    pub async fn flaky_tests(
        &mut self,
        repo: &RepoName,
        now: UnixMs,
    ) -> Result<BTreeSet<String>, StoreError> {
        let rows = sqlx::query("SELECT name FROM flaky_tests WHERE repo = ? AND seen_ms >= ?")
            .bind(repo.as_str())
            .bind(now - KNOWN_FOR_MS)
            .fetch_all(&mut self.conn)
            .await
            .doing("read which tests fail now and then")?;
        rows.iter().map(|row| get(row, 0)).collect()
    }
}
