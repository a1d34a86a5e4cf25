//! Commits that the host tests or has tested: its own word on them, whatever a forge shows.

use orch_domain::commit_test::TestState;
use orch_domain::id::{ObjectId, RepoName, UnixMs};
use orch_domain::names::JobName;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

impl Tx {
    /// Writes down that the test of a commit is asked for.
    pub async fn ask_test(
        &mut self,
        repo: &RepoName,
        commit: &ObjectId,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        self.set_test(repo, commit, TestState::Asked, now).await
    }

    /// Writes down that the test of a commit, which was lost, is asked for again; answers which time that is. None if
    /// it is answered, or was asked for again `most` times.
    pub async fn ask_test_again(
        &mut self,
        repo: &RepoName,
        commit: &ObjectId,
        most: u32,
        now: UnixMs,
    ) -> Result<Option<u32>, StoreError> {
        let row = sqlx::query(
            "UPDATE commit_tests SET asked_again = asked_again + 1, updated_ms = ? \
             WHERE repo = ? AND sha = ? AND state = 'asked' AND asked_again < ? RETURNING asked_again",
        )
        .bind(now)
        .bind(repo.as_str())
        .bind(commit.as_str())
        .bind(most)
        .fetch_optional(&mut self.conn)
        .await
        .doing("ask for a test again")?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// Writes down how the test of a commit ended.
    pub async fn end_test(
        &mut self,
        repo: &RepoName,
        commit: &ObjectId,
        state: TestState,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        self.set_test(repo, commit, state, now).await
    }

    async fn set_test(
        &mut self,
        repo: &RepoName,
        commit: &ObjectId,
        state: TestState,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO commit_tests (repo, sha, state, updated_ms) VALUES (?, ?, ?, ?) ON CONFLICT (repo, sha) \
             DO UPDATE SET state = excluded.state, asked_again = 0, updated_ms = excluded.updated_ms",
        )
        .bind(repo.as_str())
        .bind(commit.as_str())
        .bind(state.as_str())
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("note a test")
    }

    /// How the test of a commit stands; none if it was never asked for.
    pub async fn test_state(
        &mut self,
        repo: &RepoName,
        commit: &ObjectId,
    ) -> Result<Option<TestState>, StoreError> {
        let row = sqlx::query("SELECT state FROM commit_tests WHERE repo = ? AND sha = ?")
            .bind(repo.as_str())
            .bind(commit.as_str())
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a test")?;
        let Some(row) = row else { return Ok(None) };
        let state: String = get(&row, 0)?;
        known(
            TestState::parse(&state),
            "commit_tests",
            commit,
            &state,
            "state of a test",
        )
        .map(Some)
    }

    /// Whether the test of a commit was asked for before `before_ms`, is not answered, and nobody is at it.
    pub async fn is_untested(
        &mut self,
        repo: &RepoName,
        commit: &ObjectId,
        before_ms: UnixMs,
    ) -> Result<bool, StoreError> {
        let job = JobName::Ci {
            repo: repo.clone(),
            commit: commit.clone(),
        };
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM commit_tests WHERE repo = ? AND sha = ? AND state = 'asked' \
             AND updated_ms < ?) AND NOT EXISTS (SELECT 1 FROM jobs WHERE unique_key = ? \
             AND state IN ('scheduled', 'ready', 'running'))",
        )
        .bind(repo.as_str())
        .bind(commit.as_str())
        .bind(before_ms)
        .bind(job.to_string())
        .fetch_one(&mut self.conn)
        .await
        .doing("look for a commit's test")?;
        get(&row, 0)
    }
}
