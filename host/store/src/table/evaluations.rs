//! Gate evaluations: what was asked of which bytes, and what came of it.

use orch_domain::id::{EntryId, EvaluationId, ObjectId, TaskId, UnixMs};
use orch_domain::pipeline::Mode;
use orch_domain::risk::{RecordedRisk, Risk};
use orch_domain::stage::Stage;
use orch_domain::verdict::{EvaluationOutcome, InconclusiveReason};
use serde_json::json;
use sqlx::sqlite::SqliteRow;

use super::{get, known, maybe_word, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// What a pass must agree in to be used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReuseKey {
    /// Pipeline entry.
    pub entry: String,
    /// Digest of the gate's bytes.
    pub gate_digest: String,
    /// Digest of the settings.
    pub settings_digest: String,
    /// Tree without the task's folder.
    pub code_tree: String,
    /// Base commit.
    pub base_sha: String,
    /// Digest of the artefacts and their authors.
    pub artefacts_digest: String,
}

/// An evaluation to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvaluation {
    /// Its task.
    pub task: TaskId,
    /// What a reuse must agree in.
    pub key: ReuseKey,
    /// Gate component.
    pub gate: String,
    /// The gate's own version.
    pub gate_version: String,
    /// Mode of the entry.
    pub mode: Mode,
    /// Stage that the task was in when it was judged.
    pub stage: Stage,
    /// Attempt of the stage.
    pub attempt: u32,
    /// Head commit.
    pub head_sha: String,
    /// What it came to.
    pub decision: EvaluationOutcome,
    /// Reason of an inconclusive one.
    pub reason: Option<InconclusiveReason>,
    /// One line.
    pub summary: String,
    /// The rendered artefact, frontmatter included; empty if there is none.
    pub artefact: String,
    /// How long the gate took, microseconds.
    pub elapsed_us: i64,
    /// Host calls made.
    pub host_calls: i64,
    /// The evaluation whose pass was used again.
    pub reused_from: Option<EvaluationId>,
    /// How risky the change was; none before there is one.
    pub risk: Option<RecordedRisk>,
}

/// An evaluation as stored.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Row id.
    pub id: EvaluationId,
    /// Pipeline entry.
    pub entry: String,
    /// Gate component.
    pub gate: String,
    /// The gate's own version.
    pub gate_version: String,
    /// Digest of the gate's bytes.
    pub gate_digest: String,
    /// Mode of the entry.
    pub mode: Mode,
    /// Stage that the task was in when it was judged.
    pub stage: Stage,
    /// Attempt of the stage.
    pub attempt: u32,
    /// Head commit.
    pub head_sha: String,
    /// What it came to.
    pub decision: EvaluationOutcome,
    /// Reason of an inconclusive one.
    pub reason: Option<InconclusiveReason>,
    /// One line.
    pub summary: String,
    /// The rendered artefact.
    pub artefact: String,
    /// How long the gate took, microseconds.
    pub elapsed_us: i64,
    /// The evaluation whose pass was used again.
    pub reused_from: Option<EvaluationId>,
    /// How risky the change was, if it was looked at.
    pub risk: Option<RecordedRisk>,
    /// When it was recorded.
    pub at_ms: UnixMs,
}

impl Tx {
    /// Bases on which gates judged the task's change from development on, since it was last moved onto one, and those
    /// that were merged into its branch. A base that was rewritten while a gate waited has lost the one before.
    pub async fn judged_bases(&mut self, task: TaskId) -> Result<Vec<ObjectId>, StoreError> {
        let rows = sqlx::query(
            // What stood below a task in a batch need not have landed; the batch's base had.
            "SELECT DISTINCT coalesce((SELECT b.base_sha FROM merge_batch_members m JOIN merge_batches b ON b.id = m.batch_id \
             WHERE m.task_id = e.task_id AND m.below_sha = e.base_sha), base_sha) \
             FROM evaluations e \
             WHERE task_id = ?1 AND stage IN ('development', 'review', 'testing', 'deploy-staging') \
             AND at_ms > coalesce((SELECT at_ms FROM events WHERE task_id = ?1 AND kind = 'moved-onto' \
             ORDER BY id DESC LIMIT 1), -1) \
             UNION SELECT json_extract(data, '$.head') FROM events WHERE task_id = ?1 \
             AND kind IN ('base-merged', 'moved-onto') AND id >= coalesce((SELECT max(id) FROM events \
             WHERE task_id = ?1 AND kind = 'moved-onto'), 0)",
        )
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("read the bases that were judged on")?;
        rows.iter()
            .map(|row| {
                let base: String = get(row, 0)?;
                known(
                    ObjectId::new(base.clone()).ok(),
                    "evaluations",
                    task,
                    &base,
                    "commit",
                )
            })
            .collect()
    }

    /// Code tree of a commit of the task, if a gate has judged it: what people see of its head.
    pub async fn judged_tree(
        &mut self,
        task: TaskId,
        head: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(
            "SELECT code_tree FROM evaluations WHERE task_id = ? AND head_sha = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(task.0)
        .bind(head)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read the code tree of a commit")?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// The base on which a commit of a task was judged first, if it ever was: after its landing it is its own base.
    pub async fn judged_base(
        &mut self,
        task: TaskId,
        head: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(
            "SELECT base_sha FROM evaluations WHERE task_id = ? AND head_sha = ? ORDER BY id LIMIT 1",
        )
        .bind(task.0)
        .bind(head)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read the base on which a commit was judged")?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// How risky the task's change was when a gate last looked at it.
    pub async fn latest_risk(&mut self, task: TaskId) -> Result<Option<Risk>, StoreError> {
        let row = sqlx::query(
            "SELECT id, risk FROM evaluations WHERE task_id = ? AND risk IS NOT NULL ORDER BY id DESC LIMIT 1",
        )
        .bind(task.0)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read how risky a change is")?;
        let recorded = row.map(|row| risk(&row, get(&row, "id")?)).transpose()?;
        Ok(recorded.flatten().map(|recorded| recorded.risk))
    }

    /// Records an evaluation.
    pub async fn insert_evaluation(
        &mut self,
        new: &NewEvaluation,
        now: UnixMs,
    ) -> Result<EvaluationId, StoreError> {
        let done = sqlx::query(
            "INSERT INTO evaluations (task_id, entry, gate, gate_version, gate_digest, settings_digest, mode, stage, \
             attempt, head_sha, base_sha, code_tree, artefacts_digest, decision, reason, summary, artefact, \
             elapsed_us, host_calls, reused_from, risk, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.task.0)
        .bind(&new.key.entry)
        .bind(&new.gate)
        .bind(&new.gate_version)
        .bind(&new.key.gate_digest)
        .bind(&new.key.settings_digest)
        .bind(new.mode.as_str())
        .bind(new.stage.as_str())
        .bind(new.attempt)
        .bind(&new.head_sha)
        .bind(&new.key.base_sha)
        .bind(&new.key.code_tree)
        .bind(&new.key.artefacts_digest)
        .bind(new.decision.as_str())
        .bind(new.reason.map(InconclusiveReason::as_str))
        .bind(&new.summary)
        .bind(&new.artefact)
        .bind(new.elapsed_us)
        .bind(new.host_calls)
        .bind(new.reused_from.map(|e| e.0))
        .bind(new.risk.as_ref().map(|risk| json!(risk).to_string()))
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("record an evaluation")?;
        Ok(EvaluationId(done.last_insert_rowid()))
    }

    /// Keeps what the host answered during an evaluation.
    pub async fn put_recording(
        &mut self,
        evaluation: EvaluationId,
        content: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO recordings (evaluation_id, content) VALUES (?, ?)")
            .bind(evaluation.0)
            .bind(content)
            .execute(&mut self.conn)
            .await
            .doing("keep a recording")?;
        Ok(())
    }

    /// What the host answered during an evaluation, if it was kept.
    pub async fn recording(
        &mut self,
        evaluation: EvaluationId,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT content FROM recordings WHERE evaluation_id = ?")
            .bind(evaluation.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a recording")?;
        row.map(|row| get(&row, "content")).transpose()
    }

    /// The latest evaluations of a gate before `before` that have a recording, newest first, at most `most`.
    pub async fn recorded(
        &mut self,
        gate: &str,
        before: Option<EvaluationId>,
        most: u32,
    ) -> Result<Vec<EvaluationId>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.id FROM evaluations e JOIN recordings r ON r.evaluation_id = e.id WHERE e.gate = ? \
             AND e.id < ? ORDER BY e.id DESC LIMIT +?",
        )
        .bind(gate)
        .bind(before.map_or(i64::MAX, |id| id.0))
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list recordings")?;
        rows.iter()
            .map(|row| Ok(EvaluationId(get(row, "id")?)))
            .collect()
    }

    /// How many evaluations of a gate have a recording.
    pub async fn count_recorded(&mut self, gate: &str) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM evaluations e JOIN recordings r ON r.evaluation_id = e.id WHERE e.gate = ?",
        )
        .bind(gate)
        .fetch_one(&mut self.conn)
        .await
        .doing("count recordings")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// How an entry judged a commit of a task the last time; none if it never did.
    pub async fn latest_decision(
        &mut self,
        task: TaskId,
        entry: &EntryId,
        head: &ObjectId,
    ) -> Result<Option<EvaluationOutcome>, StoreError> {
        let row = sqlx::query(
            "SELECT decision FROM evaluations WHERE task_id = ? AND entry = ? AND head_sha = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(task.0)
        .bind(entry.as_str())
        .bind(head.as_str())
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for a decision")?;
        row.map(|row| word(&row, "decision", "evaluations", entry))
            .transpose()
    }

    /// How often a gate decided what, in its latest evaluations, at most `most`.
    pub async fn decisions_of(
        &mut self,
        gate: &str,
        most: u32,
    ) -> Result<Vec<(EvaluationOutcome, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT decision, count(*) FROM (SELECT decision FROM evaluations WHERE gate = ? ORDER BY id DESC LIMIT +?) \
             GROUP BY decision ORDER BY decision",
        )
        .bind(gate)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("count decisions")?;
        rows.iter()
            .map(|row| Ok((word(row, "decision", "evaluations", gate)?, get(row, 1)?)))
            .collect()
    }

    /// One evaluation with its work item.
    pub async fn evaluation(
        &mut self,
        id: EvaluationId,
    ) -> Result<Option<(Evaluation, String)>, StoreError> {
        let row = sqlx::query(
            "SELECT e.*, t.work_item FROM evaluations e JOIN tasks t ON t.id = e.task_id WHERE e.id = ?",
        )
        .bind(id.0)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read an evaluation")?;
        row.map(|row| Ok((evaluation(&row)?, get(&row, "work_item")?)))
            .transpose()
    }

    /// Removes recordings of evaluations before `before`, at most `most`; answers how many.
    pub async fn sweep_recordings(&mut self, before: UnixMs, most: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM recordings WHERE evaluation_id IN (SELECT r.evaluation_id FROM recordings r \
             JOIN evaluations e ON e.id = r.evaluation_id WHERE e.at_ms < ? LIMIT +?)",
        )
        .bind(before)
        .bind(most)
        .execute(&mut self.conn)
        .await
        .doing("remove old recordings")?;
        Ok(done.rows_affected())
    }

    /// The evaluations of the same task and entry just before and just after one.
    pub async fn evaluations_beside(
        &mut self,
        id: EvaluationId,
    ) -> Result<(Option<Evaluation>, Option<EvaluationId>), StoreError> {
        let before = sqlx::query(
            "SELECT b.* FROM evaluations e JOIN evaluations b ON b.task_id = e.task_id AND b.entry = e.entry \
             AND b.id < e.id WHERE e.id = ? ORDER BY b.id DESC LIMIT 1",
        )
        .bind(id.0)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read the evaluation before")?;
        let after = sqlx::query(
            "SELECT a.id FROM evaluations e JOIN evaluations a ON a.task_id = e.task_id AND a.entry = e.entry \
             AND a.id > e.id WHERE e.id = ? ORDER BY a.id LIMIT 1",
        )
        .bind(id.0)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read the evaluation after")?;
        let before = before.as_ref().map(evaluation).transpose()?;
        let after = after.map(|row| get(&row, 0)).transpose()?;
        Ok((before, after.map(EvaluationId)))
    }

    /// The latest pass of this task that agrees in everything a reuse must agree in.
    pub async fn reusable_pass(
        &mut self,
        task: TaskId,
        key: &ReuseKey,
    ) -> Result<Option<Evaluation>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM evaluations WHERE task_id = ? AND entry = ? AND gate_digest = ? AND settings_digest = ? \
             AND code_tree = ? AND base_sha = ? AND artefacts_digest = ? AND decision = 'pass' \
             ORDER BY id DESC LIMIT 1",
        )
        .bind(task.0)
        .bind(&key.entry)
        .bind(&key.gate_digest)
        .bind(&key.settings_digest)
        .bind(&key.code_tree)
        .bind(&key.base_sha)
        .bind(&key.artefacts_digest)
        .fetch_optional(&mut self.conn)
        .await
        .doing("look for a pass to use again")?;
        row.as_ref().map(evaluation).transpose()
    }
}

pub(super) fn evaluation(row: &SqliteRow) -> Result<Evaluation, StoreError> {
    let id: i64 = get(row, "id")?;
    let reused: Option<i64> = get(row, "reused_from")?;
    Ok(Evaluation {
        id: EvaluationId(id),
        entry: get(row, "entry")?,
        gate: get(row, "gate")?,
        gate_version: get(row, "gate_version")?,
        gate_digest: get(row, "gate_digest")?,
        mode: word(row, "mode", "evaluations", id)?,
        stage: word(row, "stage", "evaluations", id)?,
        attempt: get(row, "attempt")?,
        head_sha: get(row, "head_sha")?,
        decision: word(row, "decision", "evaluations", id)?,
        reason: maybe_word(row, "reason", "evaluations", id)?,
        summary: get(row, "summary")?,
        artefact: get(row, "artefact")?,
        elapsed_us: get(row, "elapsed_us")?,
        reused_from: reused.map(EvaluationId),
        risk: risk(row, id)?,
        at_ms: get(row, "at_ms")?,
    })
}

pub(super) fn risk(row: &SqliteRow, id: i64) -> Result<Option<RecordedRisk>, StoreError> {
    let text: Option<String> = get(row, "risk")?;
    text.map(|text| {
        let parsed = serde_json::from_str(&text).ok();
        known(parsed, "evaluations", id, &text, "risk")
    })
    .transpose()
}
