//! Questions that windows put to people, and where they show the progress of tasks.

use orch_domain::id::{DoorName, TaskId, UnixMs};
use orch_domain::prompt::{Choice, Prompt, PromptId};
use orch_domain::task::Task;

use super::{get, known, maybe_word, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

impl Tx {
    /// Writes down a question about where the task is now.
    pub async fn add_prompt(
        &mut self,
        notifier: &DoorName,
        task: &Task,
        now: UnixMs,
    ) -> Result<PromptId, StoreError> {
        // A number says nothing of its question, and a host that begins anew must not use those of an older one again:
        // their buttons may still be there.
        let done = sqlx::query(
            "INSERT INTO prompts (id, notifier, task_id, stage, step, head, asked_ms) \
             SELECT max(? * 1000, coalesce(max(id), 0) + 1), ?, ?, ?, ?, ?, ? FROM prompts",
        )
        .bind(now)
        .bind(notifier.as_str())
        .bind(task.id.0)
        .bind(task.stage.as_str())
        .bind(task.step)
        .bind(task.head.as_ref().map(|head| head.as_str()))
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("write down a question")?;
        Ok(PromptId(done.last_insert_rowid()))
    }

    /// A question of a notifier; none if it never asked it, or long ago.
    pub async fn prompt(
        &mut self,
        notifier: &DoorName,
        id: PromptId,
    ) -> Result<Option<Prompt>, StoreError> {
        let row = sqlx::query("SELECT * FROM prompts WHERE id = ? AND notifier = ?")
            .bind(id.0)
            .bind(notifier.as_str())
            .fetch_optional(&mut self.conn)
            .await
            .doing("look for a question")?;
        let Some(row) = row else { return Ok(None) };
        let head: Option<String> = get(&row, "head")?;
        let head = head.map(|text| {
            let parsed = orch_domain::id::ObjectId::new(text.clone()).ok();
            known(parsed, "prompts", id.0, &text, "git object id")
        });
        let answer: Option<Choice> = maybe_word(&row, "answer", "prompts", id.0)?;
        let by: Option<String> = get(&row, "answered_by")?;
        Ok(Some(Prompt {
            id,
            task: TaskId(get(&row, "task_id")?),
            stage: word(&row, "stage", "prompts", id.0)?,
            step: get(&row, "step")?,
            head: head.transpose()?,
            asked_ms: get(&row, "asked_ms")?,
            answer: answer.zip(by),
        }))
    }

    /// What a notifier asked last about a task; none if it never asked.
    pub async fn latest_prompt(
        &mut self,
        notifier: &DoorName,
        task: TaskId,
    ) -> Result<Option<PromptId>, StoreError> {
        let row = sqlx::query("SELECT max(id) FROM prompts WHERE notifier = ? AND task_id = ?")
            .bind(notifier.as_str())
            .bind(task.0)
            .fetch_one(&mut self.conn)
            .await
            .doing("look for the latest question")?;
        let latest: Option<i64> = get(&row, 0)?;
        Ok(latest.map(PromptId))
    }

    /// Notes the answer to a question; false if it was answered before.
    pub async fn answer_prompt(
        &mut self,
        id: PromptId,
        choice: Choice,
        by: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE prompts SET answer = ?, answered_by = ?, answered_ms = ? WHERE id = ? AND answer IS NULL",
        )
        .bind(choice.as_str())
        .bind(by)
        .bind(now)
        .bind(id.0)
        .execute(&mut self.conn)
        .await
        .doing("answer a question")?;
        Ok(done.rows_affected() == 1)
    }

    /// Where a notifier shows the progress of a task, by the notifier's own name; none if nowhere yet.
    pub async fn progress_shown(
        &mut self,
        notifier: &DoorName,
        task: TaskId,
    ) -> Result<Option<String>, StoreError> {
        let row =
            sqlx::query("SELECT receipt FROM shown_progress WHERE notifier = ? AND task_id = ?")
                .bind(notifier.as_str())
                .bind(task.0)
                .fetch_optional(&mut self.conn)
                .await
                .doing("look where progress is shown")?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// Notes where a notifier shows the progress of a task from now on.
    pub async fn note_progress_shown(
        &mut self,
        notifier: &DoorName,
        task: TaskId,
        receipt: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO shown_progress (notifier, task_id, receipt) VALUES (?, ?, ?) \
             ON CONFLICT (notifier, task_id) DO UPDATE SET receipt = excluded.receipt",
        )
        .bind(notifier.as_str())
        .bind(task.0)
        .bind(receipt)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("note where progress is shown")
    }

    /// What was noted under a key before an outside move that may have been made; `since` is noted if nothing was.
    pub async fn tracker_intent(
        &mut self,
        key: &str,
        since: &str,
        now: UnixMs,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT since FROM tracker_intents WHERE key = ?")
            .bind(key)
            .fetch_optional(&mut self.conn)
            .await
            .doing("look for an intent")?;
        if let Some(row) = row {
            return get(&row, 0).map(Some);
        }
        sqlx::query("INSERT INTO tracker_intents (key, since, at_ms) VALUES (?, ?, ?)")
            .bind(key)
            .bind(since)
            .bind(now)
            .execute(&mut self.conn)
            .await
            .doing("note an intent")?;
        Ok(None)
    }

    /// Tasks that have not ended and whose issues are in a tracker, with those issues, by number.
    pub async fn issues_under_way(
        &mut self,
        tracker: &DoorName,
    ) -> Result<Vec<(TaskId, orch_domain::id::IssueId)>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.id, i.issue FROM tasks t JOIN issues i ON i.task_id = t.id \
             WHERE i.tracker = ? AND t.stage NOT IN ('done', 'cancelled') ORDER BY t.id LIMIT 1000",
        )
        .bind(tracker.as_str())
        .fetch_all(&mut self.conn)
        .await
        .doing("list issues under way")?;
        rows.iter()
            .map(|row| {
                let (task, issue): (i64, String) = (get(row, 0)?, get(row, 1)?);
                let parsed = orch_domain::id::IssueId::new(issue.clone()).ok();
                let issue = known(parsed, "issues", task, &issue, "issue id")?;
                Ok((TaskId(task), issue))
            })
            .collect()
    }

    /// Gives the task that was just accepted an issue of another tracker, which was put there at `entered_ms` of the
    /// tracker's clock.
    pub async fn adopt_issue(
        &mut self,
        task: TaskId,
        at: &orch_domain::port::tracker::IssueAt,
        state: orch_domain::issue::TrackerState,
        entered_ms: UnixMs,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issues (task_id, tracker, issue, state, updated_ms, shown_at, entered_ms) \
             VALUES (?, ?, ?, ?, ?, NULL, ?)",
        )
        .bind(task.0)
        .bind(at.tracker.as_str())
        .bind(at.issue.as_str())
        .bind(state.as_str())
        .bind(now)
        .bind(entered_ms)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("adopt an issue")
    }

    /// When the issue of a task was put where it began; none if the task is older than that is written down.
    pub async fn issue_entered_ms(&mut self, task: TaskId) -> Result<Option<UnixMs>, StoreError> {
        let row = sqlx::query("SELECT entered_ms FROM issues WHERE task_id = ?")
            .bind(task.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read when an issue was put where it began")?;
        row.map_or(Ok(None), |row| get(&row, 0))
    }
}
