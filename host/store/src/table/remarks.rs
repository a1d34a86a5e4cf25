//! What persons said of places in a task's difference, and which run was given it.

use orch_domain::id::{JobId, ObjectId, PersonName, RemarkId, RunId, TaskId, UnixMs};
use orch_domain::outcome::RunEnding;
use orch_domain::person::Channel;
use orch_domain::remark::{Place, RemarkState};
use sqlx::sqlite::SqliteRow;

use super::{get, known, maybe_word, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A remark to be kept.
#[derive(Debug, Clone)]
pub struct NewRemark {
    /// Its task.
    pub task: TaskId,
    /// What was compared with.
    pub base: ObjectId,
    /// What was compared: the commit that was seen.
    pub head: ObjectId,
    /// What it is about.
    pub place: Place,
    /// What was said.
    pub text: String,
    /// Who said it.
    pub person: PersonName,
    /// On which way.
    pub channel: Channel,
}

/// A remark as stored.
#[derive(Debug, Clone)]
pub struct RemarkRow {
    /// Row id.
    pub id: RemarkId,
    /// What was kept.
    pub new: NewRemark,
    /// When.
    pub at_ms: UnixMs,
    /// What became of it.
    pub state: RemarkState,
    /// The latest run that was given it, and the job of that run.
    pub run: Option<(RunId, JobId)>,
}

const SELECT: &str = "SELECT m.id, m.task_id, m.base_sha, m.head_sha, m.path, m.side, m.line, m.excerpt, m.text, \
    m.person, m.channel, m.at_ms, m.run_id, r.job_id, r.state AS run_state, r.outcome \
    FROM remarks m LEFT JOIN runs r ON r.id = m.run_id";

impl Tx {
    /// Keeps a remark.
    pub async fn insert_remark(
        &mut self,
        new: &NewRemark,
        now: UnixMs,
    ) -> Result<RemarkId, StoreError> {
        let done = sqlx::query(
            "INSERT INTO remarks (task_id, base_sha, head_sha, path, side, line, excerpt, text, person, channel, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.task.0)
        .bind(new.base.as_str())
        .bind(new.head.as_str())
        .bind(&new.place.path)
        .bind(new.place.side.as_str())
        .bind(new.place.line)
        .bind(&new.place.excerpt)
        .bind(&new.text)
        .bind(new.person.as_str())
        .bind(new.channel.as_str())
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("keep a remark")?;
        Ok(RemarkId(done.last_insert_rowid()))
    }

    /// The latest remarks of a task, at most `most`, oldest first, and how many there are.
    pub async fn latest_remarks(
        &mut self,
        task: TaskId,
        most: u32,
    ) -> Result<(Vec<RemarkRow>, u64), StoreError> {
        let sql = format!("{SELECT} WHERE m.task_id = ? ORDER BY m.id DESC LIMIT +?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(task.0)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list remarks")?;
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM remarks WHERE task_id = ?")
            .bind(task.0)
            .fetch_one(&mut self.conn)
            .await
            .doing("count remarks")?;
        let list: Result<Vec<RemarkRow>, StoreError> = rows.iter().rev().map(remark).collect();
        Ok((list?, total.unsigned_abs()))
    }

    /// The remarks of a task that the next run has to read, oldest first: those that no run had, and those whose run
    /// did not end well.
    pub async fn open_remarks(&mut self, task: TaskId) -> Result<Vec<RemarkRow>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE m.task_id = ? AND (m.run_id IS NULL OR (r.state = 'finalised' AND r.outcome <> ?)) ORDER BY m.id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(task.0)
            .bind(RunEnding::Completed.as_str())
            .fetch_all(&mut self.conn)
            .await
            .doing("look for open remarks")?;
        rows.iter().map(remark).collect()
    }

    /// Notes that a run was given remarks.
    pub async fn give_remarks(&mut self, run: RunId, ids: &[RemarkId]) -> Result<(), StoreError> {
        for id in ids {
            sqlx::query("UPDATE remarks SET run_id = ? WHERE id = ?")
                .bind(run.0)
                .bind(id.0)
                .execute(&mut self.conn)
                .await
                .doing("give remarks to a run")?;
        }
        Ok(())
    }
}

fn remark(row: &SqliteRow) -> Result<RemarkRow, StoreError> {
    let id: i64 = get(row, "id")?;
    let commit = |column: &str| {
        let text: String = get(row, column)?;
        known(
            ObjectId::new(text.clone()).ok(),
            "remarks",
            id,
            &text,
            "git object id",
        )
    };
    let person: String = get(row, "person")?;
    let run: Option<(i64, i64)> =
        get::<Option<i64>, _>(row, "run_id")?.zip(get::<Option<i64>, _>(row, "job_id")?);
    let run_state: Option<String> = get(row, "run_state")?;
    let outcome: Option<RunEnding> = maybe_word(row, "outcome", "runs", id)?;
    let state = match (run_state.as_deref(), outcome) {
        (Some("started"), _) => RemarkState::Given,
        (Some(_), Some(RunEnding::Completed)) => RemarkState::Read,
        (Some(_) | None, _) => RemarkState::Open,
    };
    Ok(RemarkRow {
        id: RemarkId(id),
        new: NewRemark {
            task: TaskId(get(row, "task_id")?),
            base: commit("base_sha")?,
            head: commit("head_sha")?,
            place: Place {
                path: get(row, "path")?,
                line: get(row, "line")?,
                side: word(row, "side", "remarks", id)?,
                excerpt: get(row, "excerpt")?,
            },
            text: get(row, "text")?,
            person: known(
                PersonName::new(person.clone()).ok(),
                "remarks",
                id,
                &person,
                "name of a person",
            )?,
            channel: word(row, "channel", "remarks", id)?,
        },
        at_ms: get(row, "at_ms")?,
        state,
        run: run.map(|(run, job)| (RunId(run), JobId(job))),
    })
}
