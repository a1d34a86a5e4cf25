//! How the base of each repository stood when it was tested, by its tree and by what was run.

use orch_domain::commit_test::{Inability, TestState};
use orch_domain::id::{ObjectId, RepoName, UnixMs};
use orch_domain::words::Word;
use sqlx::sqlite::SqliteRow;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Results that are kept of each repository, the latest ones.
const KEPT_MAX: u32 = 50;

/// How a base stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseTestRow {
    /// Its tree.
    pub tree: ObjectId,
    /// Digest of what was run.
    pub ci: String,
    /// The commit that was tested.
    pub sha: ObjectId,
    /// How it stood; never asked for.
    pub state: TestState,
    /// Why it could not be tested, if it could not.
    pub inability: Option<Inability>,
    /// How the command ended that ended last.
    pub exit_code: i32,
    /// Which tests failed, as whoever reads them has written it.
    pub failed: String,
    /// The end of what it printed.
    pub output: String,
    /// When.
    pub tested_ms: UnixMs,
}

impl Tx {
    /// Keeps how a base stood; the oldest results of the repository go.
    pub async fn put_base_test(
        &mut self,
        repo: &RepoName,
        row: &BaseTestRow,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO base_tests (repo, tree, ci, sha, state, inability, exit_code, failed, output, tested_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (repo, tree, ci) DO UPDATE SET sha = excluded.sha, state = excluded.state, \
             inability = excluded.inability, exit_code = excluded.exit_code, failed = excluded.failed, \
             output = excluded.output, tested_ms = excluded.tested_ms",
        )
        .bind(repo.as_str())
        .bind(row.tree.as_str())
        .bind(&row.ci)
        .bind(row.sha.as_str())
        .bind(row.state.as_str())
        .bind(row.inability.map(Inability::as_str))
        .bind(row.exit_code)
        .bind(&row.failed)
        .bind(&row.output)
        .bind(row.tested_ms)
        .execute(&mut self.conn)
        .await
        .doing("keep how a base stood")?;
        sqlx::query(
            "DELETE FROM base_tests WHERE repo = ?1 AND rowid NOT IN \
             (SELECT rowid FROM base_tests WHERE repo = ?1 ORDER BY tested_ms DESC LIMIT +?2)",
        )
        .bind(repo.as_str())
        .bind(KEPT_MAX)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("sweep how bases stood")
    }

    /// How the base with this tree stood in what has this digest; none if it was not tested so.
    pub async fn base_test(
        &mut self,
        repo: &RepoName,
        tree: &ObjectId,
        ci: &str,
    ) -> Result<Option<BaseTestRow>, StoreError> {
        let row = sqlx::query(
            "SELECT tree, ci, sha, state, inability, exit_code, failed, output, tested_ms FROM base_tests \
             WHERE repo = ? AND tree = ? AND ci = ?",
        )
        .bind(repo.as_str())
        .bind(tree.as_str())
        .bind(ci)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read how a base stood")?;
        row.map(|row| base_test(&row)).transpose()
    }

    /// The latest base of a repository that was tested.
    pub async fn latest_base_test(
        &mut self,
        repo: &RepoName,
    ) -> Result<Option<BaseTestRow>, StoreError> {
        let row = sqlx::query(
            "SELECT tree, ci, sha, state, inability, exit_code, failed, output, tested_ms FROM base_tests \
             WHERE repo = ? ORDER BY tested_ms DESC LIMIT 1",
        )
        .bind(repo.as_str())
        .fetch_optional(&mut self.conn)
        .await
        .doing("read how a base stood")?;
        row.map(|row| base_test(&row)).transpose()
    }

    /// Whether nothing of a repository is at work or waiting for a worker.
    pub async fn is_idle(&mut self, repo: &RepoName) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT NOT EXISTS (SELECT 1 FROM jobs WHERE repo = ? AND state IN ('ready', 'running'))",
        )
        .bind(repo.as_str())
        .fetch_one(&mut self.conn)
        .await
        .doing("look for work of a repository")?;
        get(&row, 0)
    }

    /// Forgets every base of a repository: somebody asks how it stands now.
    pub async fn forget_base_tests(&mut self, repo: &RepoName) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM base_tests WHERE repo = ?")
            .bind(repo.as_str())
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("forget how bases stood")
    }
}

fn base_test(row: &SqliteRow) -> Result<BaseTestRow, StoreError> {
    let (tree, sha): (String, String) = (get(row, 0)?, get(row, 2)?);
    let state: String = get(row, 3)?;
    let inability: Option<String> = get(row, 4)?;
    let id = |text: &str| {
        let parsed = ObjectId::new(text).ok();
        known(parsed, "base_tests", &tree, text, "id of an object")
    };
    let parsed = |text: &String| {
        let parsed = Inability::parse(text);
        known(parsed, "base_tests", &tree, text, Inability::WHAT)
    };
    Ok(BaseTestRow {
        tree: id(&tree)?,
        ci: get(row, 1)?,
        sha: id(&sha)?,
        state: known(
            TestState::parse(&state),
            "base_tests",
            &tree,
            &state,
            "state of a test",
        )?,
        inability: inability.as_ref().map(parsed).transpose()?,
        exit_code: get(row, 5)?,
        failed: get(row, 6)?,
        output: get(row, 7)?,
        tested_ms: get(row, 8)?,
    })
}
