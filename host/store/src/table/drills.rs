//! Drills: what was asked for, and which task carries which bad change.

use orch_domain::drill::DrillClass;
use orch_domain::id::{DrillId, ObjectId, TaskId, UnixMs};
use sqlx::sqlite::SqliteRow;

use super::{get, known, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A drill to be begun.
#[derive(Debug, Clone)]
pub struct NewDrill {
    /// Repository.
    pub repo: String,
    /// Tip of the base of which the changes are made.
    pub base: ObjectId,
    /// Digest of the configuration that it goes by.
    pub config_digest: String,
    /// What is drawn for it follows from this.
    pub seed: String,
    /// Who asked.
    pub person: String,
}

/// A drill.
#[derive(Debug, Clone)]
pub struct DrillRow {
    /// Row id.
    pub id: DrillId,
    /// When it was asked for.
    pub asked_ms: UnixMs,
    /// What was asked for.
    pub new: NewDrill,
}

/// The change of one class.
#[derive(Debug, Clone)]
pub struct DrillCase {
    /// What is wrong with it.
    pub class: DrillClass,
    /// The task that carries it; none if no such change can be made.
    pub task: Option<TaskId>,
    /// What is changed and where, or why nothing can be.
    pub note: String,
}

const COLUMNS: &str = "id, repo, base_sha, config_digest, seed, person, asked_ms";

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // `rest` is always a literal of this file.
    sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM drills {rest}"))
}

impl Tx {
    /// Begins a drill.
    pub async fn insert_drill(
        &mut self,
        new: &NewDrill,
        now: UnixMs,
    ) -> Result<DrillId, StoreError> {
        let done = sqlx::query(
            "INSERT INTO drills (repo, base_sha, config_digest, seed, person, asked_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&new.repo)
        .bind(new.base.as_str())
        .bind(&new.config_digest)
        .bind(&new.seed)
        .bind(&new.person)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("begin a drill")?;
        Ok(DrillId(done.last_insert_rowid()))
    }

    /// Adds the change of one class to a drill.
    pub async fn insert_drill_case(
        &mut self,
        drill: DrillId,
        case: &DrillCase,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO drill_cases (drill_id, class, task_id, note) VALUES (?, ?, ?, ?)")
            .bind(drill.0)
            .bind(case.class.as_str())
            .bind(case.task.map(|task| task.0))
            .bind(&case.note)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("add a change to a drill")
    }

    /// The drill that a task carries a change of, with its class; none if the task is work.
    pub async fn drill_of(
        &mut self,
        task: TaskId,
    ) -> Result<Option<(DrillRow, DrillClass)>, StoreError> {
        let row = sqlx::query("SELECT drill_id, class FROM drill_cases WHERE task_id = ?")
            .bind(task.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("look for a task's drill")?;
        let Some(row) = row else {
            return Ok(None);
        };
        let drill = DrillId(get(&row, "drill_id")?);
        let class = word(&row, "class", "drill_cases", drill)?;
        Ok(Some((self.drill(drill).await?, class)))
    }

    /// The drill with this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn drill(&mut self, id: DrillId) -> Result<DrillRow, StoreError> {
        let row = sqlx::query(select("WHERE id = ?"))
            .bind(id.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a drill")?;
        match row {
            Some(row) => drill(&row),
            None => Err(StoreError::NotFound {
                what: "drill",
                id: id.to_string(),
            }),
        }
    }

    /// Drills before `before`, the newest first, at most `most`.
    pub async fn drills(
        &mut self,
        before: Option<i64>,
        most: u32,
    ) -> Result<Vec<DrillRow>, StoreError> {
        let rows = sqlx::query(select("WHERE id < ? ORDER BY id DESC LIMIT +?"))
            .bind(before.unwrap_or(i64::MAX))
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list drills")?;
        rows.iter().map(drill).collect()
    }

    /// The latest drill of every repository, by the repository's name.
    pub async fn latest_drills(&mut self) -> Result<Vec<DrillRow>, StoreError> {
        let rows = sqlx::query(select(
            "WHERE id IN (SELECT max(id) FROM drills GROUP BY repo) ORDER BY repo",
        ))
        .fetch_all(&mut self.conn)
        .await
        .doing("list the latest drills")?;
        rows.iter().map(drill).collect()
    }

    /// How many drills there were.
    pub async fn count_drills(&mut self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM drills")
            .fetch_one(&mut self.conn)
            .await
            .doing("count drills")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The changes of a drill.
    pub async fn drill_cases(&mut self, drill: DrillId) -> Result<Vec<DrillCase>, StoreError> {
        let rows = sqlx::query("SELECT class, task_id, note FROM drill_cases WHERE drill_id = ?")
            .bind(drill.0)
            .fetch_all(&mut self.conn)
            .await
            .doing("read the changes of a drill")?;
        rows.iter()
            .map(|row| {
                let task: Option<i64> = get(row, "task_id")?;
                Ok(DrillCase {
                    class: word(row, "class", "drill_cases", drill)?,
                    task: task.map(TaskId),
                    note: get(row, "note")?,
                })
            })
            .collect()
    }

    /// A drill of the repository whose changes are still under way.
    pub async fn drill_under_way(&mut self, repo: &str) -> Result<Option<DrillId>, StoreError> {
        let row = sqlx::query(
            "SELECT c.drill_id FROM drill_cases c JOIN tasks t ON t.id = c.task_id \
             WHERE t.repo = ? AND t.stage NOT IN ('done', 'cancelled') LIMIT 1",
        )
        .bind(repo)
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for a drill under way")?;
        row.map(|row| Ok(DrillId(get(&row, 0)?))).transpose()
    }
}

fn drill(row: &SqliteRow) -> Result<DrillRow, StoreError> {
    let id: i64 = get(row, "id")?;
    let base: String = get(row, "base_sha")?;
    Ok(DrillRow {
        id: DrillId(id),
        asked_ms: get(row, "asked_ms")?,
        new: NewDrill {
            repo: get(row, "repo")?,
            base: known(
                ObjectId::new(base.clone()).ok(),
                "drills",
                id,
                &base,
                "commit",
            )?,
            config_digest: get(row, "config_digest")?,
            seed: get(row, "seed")?,
            person: get(row, "person")?,
        },
    })
}
