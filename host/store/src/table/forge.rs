//! The local forge: pull requests and commit statuses.

use orch_domain::id::{ObjectId, TaskId, UnixMs};
use orch_domain::imports::CheckState;
use orch_domain::port::forge::PullRequestState;
use sqlx::sqlite::SqliteRow;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// What people call it by; rises over all repositories of the host.
    pub number: u64,
    /// Its branch.
    pub branch: String,
    /// Where it is in its life.
    pub state: PullRequestState,
}

impl PullRequest {
    /// The commit that landed.
    pub fn merged_commit(&self) -> Option<&ObjectId> {
        match &self.state {
            PullRequestState::Merged { commit } => Some(commit),
            PullRequestState::Open | PullRequestState::Closed => None,
        }
    }
}

/// A commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    /// Which check of the commit it is about.
    pub context: String,
    /// How that check stands.
    pub state: CheckState,
    /// One line.
    pub description: String,
    /// Where to read more.
    pub url: Option<String>,
    /// Who posted it; none for the host.
    pub reporter: Option<String>,
}

/// What marking a pull request as merged did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum MergeMark {
    /// It is merged now.
    Merged,
    /// It was merged before, with this commit.
    AlreadyMerged(String),
}

impl Tx {
    /// Opens the pull request of a branch, once; answers its number.
    pub async fn open_pull_request(
        &mut self,
        repo: &str,
        task: TaskId,
        branch: &str,
        base: &str,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        sqlx::query(
            "INSERT INTO pull_requests (repo, task_id, branch, base, state, created_ms) VALUES (?, ?, ?, ?, 'open', ?) \
             ON CONFLICT (repo, branch) DO NOTHING",
        )
        .bind(repo)
        .bind(task.0)
        .bind(branch)
        .bind(base)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("open a pull request")?;
        match self.pull_request(repo, branch).await? {
            Some(request) => Ok(request.number),
            None => Err(StoreError::NotFound {
                what: "pull request",
                id: branch.to_owned(),
            }),
        }
    }

    /// The pull request of a branch.
    pub async fn pull_request(
        &mut self,
        repo: &str,
        branch: &str,
    ) -> Result<Option<PullRequest>, StoreError> {
        let row = sqlx::query(
            "SELECT id, branch, state, merged_sha FROM pull_requests WHERE repo = ? AND branch = ?",
        )
        .bind(repo)
        .bind(branch)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read a pull request")?;
        row.as_ref().map(pull_request).transpose()
    }

    /// Whether the repository has a pull request of this number.
    pub async fn has_pull_request(&mut self, repo: &str, number: u64) -> Result<bool, StoreError> {
        let row =
            sqlx::query("SELECT EXISTS (SELECT 1 FROM pull_requests WHERE repo = ? AND id = ?)")
                .bind(repo)
                // No row has a number that does not fit.
                .bind(i64::try_from(number).unwrap_or(i64::MAX))
                .fetch_one(&mut self.conn)
                .await
                .doing("look for a pull request")?;
        get(&row, 0)
    }

    /// Pull requests of a task.
    pub async fn pull_requests(&mut self, task: TaskId) -> Result<Vec<PullRequest>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, branch, state, merged_sha FROM pull_requests WHERE task_id = ? ORDER BY id",
        )
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("list pull requests")?;
        rows.iter().map(pull_request).collect()
    }

    /// Closes the pull request of a branch if it is open.
    pub async fn close_pull_request(&mut self, repo: &str, branch: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE pull_requests SET state = 'closed' WHERE repo = ? AND branch = ? AND state = 'open'",
        )
        .bind(repo)
        .bind(branch)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("close a pull request")
    }

    /// Marks a pull request as merged, at most once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the branch has none.
    pub async fn mark_merged(
        &mut self,
        repo: &str,
        branch: &str,
        sha: &str,
        now: UnixMs,
    ) -> Result<MergeMark, StoreError> {
        let done = sqlx::query(
            "UPDATE pull_requests SET state = 'merged', merged_sha = ?, merged_ms = ? \
             WHERE repo = ? AND branch = ? AND state = 'open'",
        )
        .bind(sha)
        .bind(now)
        .bind(repo)
        .bind(branch)
        .execute(&mut self.conn)
        .await
        .doing("mark a pull request as merged")?;
        if done.rows_affected() == 1 {
            return Ok(MergeMark::Merged);
        }
        let present = self.pull_request(repo, branch).await?;
        match present.as_ref().and_then(PullRequest::merged_commit) {
            Some(commit) => Ok(MergeMark::AlreadyMerged(commit.to_string())),
            None => Err(StoreError::NotFound {
                what: "open pull request",
                id: branch.to_owned(),
            }),
        }
    }

    /// Sets a commit status.
    pub async fn set_status(
        &mut self,
        repo: &str,
        sha: &str,
        status: &StatusRow,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO commit_statuses (repo, sha, context, state, description, url, reporter, updated_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (repo, sha, context) DO UPDATE SET state = excluded.state, \
             description = excluded.description, url = excluded.url, reporter = excluded.reporter, \
             updated_ms = excluded.updated_ms",
        )
        .bind(repo)
        .bind(sha)
        .bind(&status.context)
        .bind(status.state.as_str())
        .bind(&status.description)
        .bind(&status.url)
        .bind(&status.reporter)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("set a commit status")
    }

    /// Statuses of a commit.
    pub async fn statuses(&mut self, repo: &str, sha: &str) -> Result<Vec<StatusRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT context, state, description, url, reporter FROM commit_statuses WHERE repo = ? AND sha = ? \
             ORDER BY context",
        )
        .bind(repo)
        .bind(sha)
        .fetch_all(&mut self.conn)
        .await
        .doing("read commit statuses")?;
        rows.iter()
            .map(|row| {
                let state: String = get(row, 1)?;
                Ok(StatusRow {
                    context: get(row, 0)?,
                    state: known(
                        CheckState::parse(&state),
                        "commit_statuses",
                        sha,
                        &state,
                        "check state",
                    )?,
                    description: get(row, 2)?,
                    url: get(row, 3)?,
                    reporter: get(row, 4)?,
                })
            })
            .collect()
    }
}

fn pull_request(row: &SqliteRow) -> Result<PullRequest, StoreError> {
    let (id, state, sha): (i64, String, Option<String>) =
        (get(row, 0)?, get(row, 2)?, get(row, 3)?);
    let commit = sha.clone().and_then(|sha| ObjectId::new(sha).ok());
    let parsed = match (state.as_str(), commit) {
        ("open", None) => Some(PullRequestState::Open),
        ("closed", None) => Some(PullRequestState::Closed),
        ("merged", Some(commit)) => Some(PullRequestState::Merged { commit }),
        (_, _) => None,
    };
    let shown = format!("{state} {}", sha.unwrap_or_default());
    Ok(PullRequest {
        number: u64::try_from(id).unwrap_or_default(),
        branch: get(row, 1)?,
        state: known(
            parsed,
            "pull_requests",
            id,
            shown.trim_end(),
            "state of a pull request",
        )?,
    })
}
