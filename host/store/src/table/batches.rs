//! Batches of tasks that land together: how they are stacked, what the tests said, and how far each came.

use orch_domain::batch::{BatchState, Part, Run, WhyDissolved};
use orch_domain::id::{BatchId, ObjectId, TaskId, UnixMs};
use orch_domain::stage::Stage;
use sqlx::sqlite::SqliteRow;

use super::tasks::{TaskRecord, record, select};
use super::{get, known, maybe_word, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A batch that begins.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Its repository.
    pub repo: String,
    /// The task that holds the merge lease.
    pub leader: TaskId,
    /// What it stands on.
    pub base: ObjectId,
    /// Its members, the lowest of the stack first.
    pub members: Vec<NewMember>,
}

/// A member of a batch that begins.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// The task.
    pub task: TaskId,
    /// The task's commit as it is.
    pub head: ObjectId,
    /// What its commits stand on in the stack.
    pub below: ObjectId,
    /// The last of its commits in the stack.
    pub tip: ObjectId,
}

/// A member of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchMember {
    /// The task.
    pub task: TaskId,
    /// The task's commit as it was when the batch began.
    pub head: ObjectId,
    /// What its commits stand on in the stack.
    pub below: ObjectId,
    /// The last of its commits in the stack: what lands.
    pub tip: ObjectId,
    /// What it is to the batch.
    pub part: Part,
}

/// A run of the tests on the first members of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRun {
    /// How many members stood in the commit, and whether the tests passed.
    pub run: Run,
    /// The commit.
    pub sha: ObjectId,
    /// How the command ended.
    pub exit_code: i32,
    /// The end of what it printed.
    pub output_tail: String,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}

/// A batch as stored, with its members and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: BatchId,
    /// The task that holds the merge lease for all.
    pub leader: TaskId,
    /// What it stands on.
    pub base: ObjectId,
    /// How far it has come.
    pub state: BatchState,
    /// Why it landed nothing, if it is dissolved.
    pub why: Option<WhyDissolved>,
    /// When its state last changed.
    pub moved_ms: UnixMs,
    /// The lowest of the stack first.
    pub members: Vec<BatchMember>,
    /// What the tests said, the fewest members first.
    pub runs: Vec<BatchRun>,
}

impl Batch {
    /// Its member that is this task.
    pub fn member(&self, task: TaskId) -> Option<&BatchMember> {
        self.members.iter().find(|member| member.task == task)
    }

    /// Those that land if it does, the lowest of the stack first.
    pub fn landing(&self) -> impl Iterator<Item = &BatchMember> {
        self.members.iter().filter(|member| member.part.is_in())
    }

    /// The run that was of exactly those that land, if it passed.
    pub fn pass(&self) -> Option<&BatchRun> {
        let count = self.landing().count();
        let mut runs = self.runs.iter();
        runs.find(|run| run.run.first == count && run.run.passed)
    }
}

impl Tx {
    /// Begins a batch. Whatever batch of the repository was open is over.
    pub async fn form_batch(&mut self, new: &NewBatch, now: UnixMs) -> Result<BatchId, StoreError> {
        sqlx::query(
            "UPDATE merge_batches SET state = 'dissolved', why = ?, moved_ms = ? \
             WHERE repo = ? AND state IN ('testing', 'passed', 'landing')",
        )
        .bind(WhyDissolved::Replaced.as_str())
        .bind(now)
        .bind(&new.repo)
        .execute(&mut self.conn)
        .await
        .doing("end the batch before")?;
        let done = sqlx::query(
            "INSERT INTO merge_batches (repo, leader, base_sha, state, formed_ms, moved_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&new.repo)
        .bind(new.leader.0)
        .bind(new.base.as_str())
        .bind(BatchState::Testing.as_str())
        .bind(now)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("begin a batch")?;
        let id = BatchId(done.last_insert_rowid());
        for (position, member) in (0_i64..).zip(&new.members) {
            sqlx::query(
                "INSERT INTO merge_batch_members (batch_id, position, task_id, head_sha, below_sha, tip_sha, part) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(id.0)
            .bind(position)
            .bind(member.task.0)
            .bind(member.head.as_str())
            .bind(member.below.as_str())
            .bind(member.tip.as_str())
            .bind(Part::In.as_str())
            .execute(&mut self.conn)
            .await
            .doing("take a task into a batch")?;
        }
        Ok(id)
    }

    /// The batch with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn batch(&mut self, id: BatchId) -> Result<Batch, StoreError> {
        let row = sqlx::query("SELECT * FROM merge_batches WHERE id = ?")
            .bind(id.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a batch")?;
        match row {
            Some(row) => self.whole_batch(&row).await,
            None => Err(StoreError::NotFound {
                what: "batch",
                id: id.to_string(),
            }),
        }
    }

    /// The batch of a repository that may still land, if there is one.
    pub async fn open_batch(&mut self, repo: &str) -> Result<Option<Batch>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM merge_batches WHERE repo = ? AND state IN ('testing', 'passed', 'landing')",
        )
        .bind(repo)
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for an open batch")?;
        match row {
            Some(row) => self.whole_batch(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether a batch of a repository was given up for this reason since then.
    pub async fn was_dissolved(
        &mut self,
        repo: &str,
        why: WhyDissolved,
        since_ms: UnixMs,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM merge_batches WHERE repo = ? AND why = ? AND moved_ms >= ?)",
        )
        .bind(repo)
        .bind(why.as_str())
        .bind(since_ms)
        .fetch_one(&mut self.conn)
        .await
        .doing("look for a batch that was given up")?;
        get(&row, 0)
    }

    /// The latest batch of a task, if it was ever in one.
    pub async fn latest_batch(&mut self, task: TaskId) -> Result<Option<Batch>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM merge_batches WHERE id = (SELECT max(batch_id) FROM merge_batch_members WHERE task_id = ?)",
        )
        .bind(task.0)
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for the batch of a task")?;
        match row {
            Some(row) => self.whole_batch(&row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn whole_batch(&mut self, row: &SqliteRow) -> Result<Batch, StoreError> {
        let id = BatchId(get(row, "id")?);
        let table = "merge_batches";
        let members =
            sqlx::query("SELECT * FROM merge_batch_members WHERE batch_id = ? ORDER BY position")
                .bind(id.0)
                .fetch_all(&mut self.conn)
                .await
                .doing("read the members of a batch")?;
        let runs = sqlx::query("SELECT * FROM merge_batch_runs WHERE batch_id = ? ORDER BY first")
            .bind(id.0)
            .fetch_all(&mut self.conn)
            .await
            .doing("read the runs of a batch")?;
        Ok(Batch {
            id,
            leader: TaskId(get(row, "leader")?),
            base: commit(row, "base_sha", table, id)?,
            state: word(row, "state", table, id)?,
            why: maybe_word(row, "why", table, id)?,
            moved_ms: get(row, "moved_ms")?,
            members: members
                .iter()
                .map(|row| member(row, id))
                .collect::<Result<_, _>>()?,
            runs: runs
                .iter()
                .map(|row| run(row, id))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Keeps what the tests said of the first members of a batch; the first word counts.
    pub async fn record_batch_run(
        &mut self,
        batch: BatchId,
        run: &BatchRun,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO merge_batch_runs (batch_id, first, sha, passed, exit_code, output_tail, duration_ms, ended_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(batch.0)
        .bind(i64::try_from(run.run.first).unwrap_or(i64::MAX))
        .bind(run.sha.as_str())
        .bind(run.run.passed)
        .bind(run.exit_code)
        .bind(&run.output_tail)
        .bind(i64::try_from(run.duration_ms).unwrap_or(i64::MAX))
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("keep a run of a batch")
    }

    /// Moves a batch on if it is where it was seen; says whether it was.
    pub async fn move_batch(
        &mut self,
        batch: BatchId,
        from: BatchState,
        to: BatchState,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE merge_batches SET state = ?, why = NULL, moved_ms = ? WHERE id = ? AND state = ?",
        )
        .bind(to.as_str())
        .bind(now)
        .bind(batch.0)
        .bind(from.as_str())
        .execute(&mut self.conn)
        .await
        .doing("move a batch on")?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends a batch that landed nothing; says whether it was still open.
    pub async fn dissolve_batch(
        &mut self,
        batch: BatchId,
        why: WhyDissolved,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE merge_batches SET state = 'dissolved', why = ?, moved_ms = ? \
             WHERE id = ? AND state IN ('testing', 'passed', 'landing')",
        )
        .bind(why.as_str())
        .bind(now)
        .bind(batch.0)
        .execute(&mut self.conn)
        .await
        .doing("dissolve a batch")?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes down what a member is to its batch; says whether it is a member.
    pub async fn set_part(
        &mut self,
        batch: BatchId,
        task: TaskId,
        part: Part,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE merge_batch_members SET part = ? WHERE batch_id = ? AND task_id = ?",
        )
        .bind(part.as_str())
        .bind(batch.0)
        .bind(task.0)
        .execute(&mut self.conn)
        .await
        .doing("note the part of a member")?;
        Ok(done.rows_affected() == 1)
    }

    /// Tasks of a repository that are on their way to production on one base, the oldest first.
    pub async fn before_landing(
        &mut self,
        repo: &str,
        base_branch: &str,
        limit: u32,
    ) -> Result<Vec<TaskRecord>, StoreError> {
        let rows = sqlx::query(select(
            // The first term is that of the index of live tasks.
            "WHERE stage NOT IN ('done', 'cancelled') AND repo = ? AND stage = ? \
             AND status IN ('active', 'waiting') AND base_branch = ? ORDER BY id LIMIT +?",
        ))
        .bind(repo)
        .bind(Stage::DeployStaging.as_str())
        .bind(base_branch)
        .bind(limit)
        .fetch_all(&mut self.conn)
        .await
        .doing("list who waits to land")?;
        rows.iter().map(record).collect()
    }

    /// Removes batches that ended before `before_ms`, at most `limit`, with their members and runs.
    pub async fn sweep_batches(
        &mut self,
        before_ms: UnixMs,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM merge_batches WHERE id IN (SELECT id FROM merge_batches \
             WHERE state IN ('landed', 'dissolved') AND moved_ms < ? ORDER BY id LIMIT +?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep batches")?;
        Ok(done.rows_affected())
    }
}

fn commit(
    row: &SqliteRow,
    column: &str,
    table: &'static str,
    id: BatchId,
) -> Result<ObjectId, StoreError> {
    let text: String = get(row, column)?;
    let parsed = ObjectId::new(text.clone()).ok();
    known(parsed, table, id, &text, "git object id")
}

fn member(row: &SqliteRow, id: BatchId) -> Result<BatchMember, StoreError> {
    let table = "merge_batch_members";
    Ok(BatchMember {
        task: TaskId(get(row, "task_id")?),
        head: commit(row, "head_sha", table, id)?,
        below: commit(row, "below_sha", table, id)?,
        tip: commit(row, "tip_sha", table, id)?,
        part: word(row, "part", table, id)?,
    })
}

fn run(row: &SqliteRow, id: BatchId) -> Result<BatchRun, StoreError> {
    let first: i64 = get(row, "first")?;
    let duration: i64 = get(row, "duration_ms")?;
    Ok(BatchRun {
        run: Run {
            first: usize::try_from(first).unwrap_or(usize::MAX),
            passed: get(row, "passed")?,
        },
        sha: commit(row, "sha", "merge_batch_runs", id)?,
        exit_code: get(row, "exit_code")?,
        output_tail: get(row, "output_tail")?,
        duration_ms: u64::try_from(duration).unwrap_or(0),
    })
}
