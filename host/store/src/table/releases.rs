//! What was put into production, what is live, and what was healthy last.

use orch_domain::id::{ObjectId, ReleaseId, RepoName, TaskId, UnixMs};
use orch_domain::release::ReleaseState;
use sqlx::sqlite::SqliteRow;

use super::{get, known, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Releases of each repository that stay, however old: what was healthy last is among them.
const KEPT_MIN: u32 = 100;

/// Something that is put into production.
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// Its repository.
    pub repo: RepoName,
    /// The task that landed it.
    pub task: TaskId,
    /// What landed.
    pub commit: ObjectId,
    /// What production says of itself when it runs it.
    pub revision: String,
    /// Where it begins.
    pub state: ReleaseState,
    /// The release that it takes out of production.
    pub undoes: Option<ReleaseId>,
}

/// Something that was put into production, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Row id.
    pub id: ReleaseId,
    /// Its repository.
    pub repo: RepoName,
    /// The task that landed it; of one that takes another out of production, the other's task.
    pub task: TaskId,
    /// What landed.
    pub commit: ObjectId,
    /// What production says of itself when it runs it.
    pub revision: String,
    /// How it is.
    pub state: ReleaseState,
    /// The release that it takes out of production.
    pub undoes: Option<ReleaseId>,
    /// When it began.
    pub begun_ms: UnixMs,
    /// When its hook ended.
    pub ended_ms: Option<UnixMs>,
}

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // `rest` is always a literal of this file.
    sqlx::AssertSqlSafe(format!("SELECT * FROM releases {rest}"))
}

impl Tx {
    /// Writes down that something is put into production.
    ///
    /// # Errors
    /// When the database does not answer, or what it takes out was taken out before.
    pub async fn insert_release(
        &mut self,
        release: &NewRelease,
        now: UnixMs,
    ) -> Result<ReleaseId, StoreError> {
        let done = sqlx::query(
            "INSERT INTO releases (repo, task_id, commit_sha, revision, state, undoes, begun_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(release.repo.as_str())
        .bind(release.task.0)
        .bind(release.commit.as_str())
        .bind(&release.revision)
        .bind(release.state.as_str())
        .bind(release.undoes.map(|id| id.0))
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("note a release")?;
        Ok(ReleaseId(done.last_insert_rowid()))
    }

    /// Moves a release on, if it is where it was seen; says whether it was.
    pub async fn move_release(
        &mut self,
        id: ReleaseId,
        from: ReleaseState,
        to: ReleaseState,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let ended = (!to.is_under_way()).then_some(now);
        let done = sqlx::query(
            "UPDATE releases SET state = ?, ended_ms = coalesce(ended_ms, ?) WHERE id = ? AND state = ?",
        )
        .bind(to.as_str())
        .bind(ended)
        .bind(id.0)
        .bind(from.as_str())
        .execute(&mut self.conn)
        .await
        .doing("move a release on")?;
        Ok(done.rows_affected() == 1)
    }

    /// A release by its id.
    pub async fn release(&mut self, id: ReleaseId) -> Result<Option<Release>, StoreError> {
        self.one_release(sqlx::query(select("WHERE id = ?")).bind(id.0))
            .await
    }

    /// What a repository put into production last, whatever became of it.
    pub async fn latest_release(&mut self, repo: &RepoName) -> Result<Option<Release>, StoreError> {
        let query = sqlx::query(select("WHERE repo = ? ORDER BY id DESC LIMIT 1"));
        self.one_release(query.bind(repo.as_str())).await
    }

    /// What production runs, as far as it is known: what was put there last and ended well.
    pub async fn live_release(&mut self, repo: &RepoName) -> Result<Option<Release>, StoreError> {
        let query = sqlx::query(select(
            "WHERE repo = ? AND state IN ('live', 'healthy', 'degraded') ORDER BY id DESC LIMIT 1",
        ));
        self.one_release(query.bind(repo.as_str())).await
    }

    /// What was healthy last before a release, and is not the same thing.
    pub async fn healthy_before(
        &mut self,
        repo: &RepoName,
        before: ReleaseId,
    ) -> Result<Option<Release>, StoreError> {
        let query = sqlx::query(select(
            "WHERE repo = ?1 AND id < ?2 AND state = 'healthy' \
             AND revision <> (SELECT revision FROM releases WHERE id = ?2) ORDER BY id DESC LIMIT 1",
        ));
        self.one_release(query.bind(repo.as_str()).bind(before.0))
            .await
    }

    /// What takes, or took, something out of a repository's production last.
    pub async fn latest_rollback(
        &mut self,
        repo: &RepoName,
    ) -> Result<Option<Release>, StoreError> {
        let query = sqlx::query(select(
            "WHERE repo = ? AND undoes IS NOT NULL ORDER BY id DESC LIMIT 1",
        ));
        self.one_release(query.bind(repo.as_str())).await
    }

    /// What a task put into production last.
    pub async fn release_of(&mut self, task: TaskId) -> Result<Option<Release>, StoreError> {
        let query = sqlx::query(select(
            "WHERE task_id = ? AND undoes IS NULL ORDER BY id DESC LIMIT 1",
        ));
        self.one_release(query.bind(task.0)).await
    }

    /// What took a release out of production, or is to.
    pub async fn rollback_of(&mut self, id: ReleaseId) -> Result<Option<Release>, StoreError> {
        self.one_release(sqlx::query(select("WHERE undoes = ?")).bind(id.0))
            .await
    }

    /// Removes releases that began before `before_ms`, but for the latest of each repository, at most `limit`.
    pub async fn sweep_releases(
        &mut self,
        before_ms: UnixMs,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM releases WHERE id IN (SELECT id FROM releases r WHERE begun_ms < ?1 AND ?2 <= \
             (SELECT count(*) FROM releases n WHERE n.repo = r.repo AND n.id > r.id) ORDER BY id LIMIT +?3)",
        )
        .bind(before_ms)
        .bind(KEPT_MIN)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep releases")?;
        Ok(done.rows_affected())
    }

    async fn one_release(
        &mut self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Option<Release>, StoreError> {
        let row = query
            .fetch_optional(&mut self.conn)
            .await
            .doing("look for a release")?;
        row.as_ref().map(release).transpose()
    }
}

fn release(row: &SqliteRow) -> Result<Release, StoreError> {
    let id: i64 = get(row, "id")?;
    let (repo, sha): (String, String) = (get(row, "repo")?, get(row, "commit_sha")?);
    let undoes: Option<i64> = get(row, "undoes")?;
    Ok(Release {
        id: ReleaseId(id),
        repo: known(
            RepoName::new(repo.clone()).ok(),
            "releases",
            id,
            &repo,
            "name of a repository",
        )?,
        task: TaskId(get(row, "task_id")?),
        commit: known(
            ObjectId::new(sha.clone()).ok(),
            "releases",
            id,
            &sha,
            "git object id",
        )?,
        revision: get(row, "revision")?,
        state: word(row, "state", "releases", id)?,
        undoes: undoes.map(ReleaseId),
        begun_ms: get(row, "begun_ms")?,
        ended_ms: get(row, "ended_ms")?,
    })
}
