//! What people have to see, until they have: one row for all that are alike, with how often and who acknowledged it.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::notice::{Escalation, Notice, NoticeName};
use sqlx::sqlite::SqliteRow;

use super::{get, known, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Row id; rises.
    pub id: i64,
    /// What it is.
    pub kind: NoticeName,
    /// Repository that it is about, if it is about one.
    pub repo: Option<String>,
    /// The latest of those that are alike.
    pub notice: Notice,
    /// When the first of them came.
    pub first_ms: UnixMs,
    /// When the latest of them came.
    pub last_ms: UnixMs,
    /// How many there were.
    pub count: u64,
    /// Who has seen it, and when.
    pub acknowledged: Option<(String, UnixMs)>,
}

/// What acknowledging alerts came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Acknowledged {
    /// All of them are acknowledged.
    All {
        /// So many were open until now.
        were_open: u64,
    },
    /// These numbers are no alert's; nothing was written.
    Unknown(Vec<i64>),
}

impl Tx {
    /// Keeps an alert, or counts it to the one that is open and like it.
    pub(super) async fn raise_alert(&mut self, notice: &Notice) -> Result<(), StoreError> {
        let text =
            serde_json::to_string(notice).expect("a notice is plain data, which JSON can hold");
        sqlx::query(
            "INSERT INTO alerts (kind, task_id, repo, about, notice, first_ms, last_ms, count) \
             VALUES (?, ?, ?, ?, ?, ?, ?, 1) \
             ON CONFLICT (kind, coalesce(task_id, 0), about) WHERE acknowledged_ms IS NULL \
             DO UPDATE SET notice = excluded.notice, last_ms = max(last_ms, excluded.last_ms), count = count + 1",
        )
        .bind(notice.kind.name())
        .bind(notice.subject.task().map(|task| task.0))
        .bind(notice.repo().map(ToString::to_string))
        .bind(notice.kind.about())
        .bind(text)
        .bind(notice.at_ms)
        .bind(notice.at_ms)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("keep an alert")
    }

    /// Alerts before `before`, newest first; open ones only unless `all`.
    pub async fn alerts(
        &mut self,
        all: bool,
        before: Option<i64>,
        most: u32,
    ) -> Result<Vec<AlertRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, kind, repo, notice, first_ms, last_ms, count, acknowledged_by, acknowledged_ms FROM alerts \
             WHERE id < ? AND (? OR acknowledged_ms IS NULL) ORDER BY id DESC LIMIT +?",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(all)
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("list alerts")?;
        rows.iter().map(alert).collect()
    }

    /// How many alerts there are; open ones only unless `all`.
    pub async fn count_alerts(&mut self, all: bool) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM alerts WHERE ? OR acknowledged_ms IS NULL")
            .bind(all)
            .fetch_one(&mut self.conn)
            .await
            .doing("count alerts")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Notes who has seen these alerts, all or none. Whoever was first to see one stays.
    pub async fn acknowledge_alerts(
        &mut self,
        ids: &[i64],
        by: &str,
        now: UnixMs,
    ) -> Result<Acknowledged, StoreError> {
        let mut unknown = Vec::new();
        for id in ids {
            let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM alerts WHERE id = ?)")
                .bind(id)
                .fetch_one(&mut self.conn)
                .await
                .doing("look for an alert")?;
            if !get::<bool, _>(&row, 0)? {
                unknown.push(*id);
            }
        }
        if !unknown.is_empty() {
            return Ok(Acknowledged::Unknown(unknown));
        }
        let mut were_open = 0;
        for id in ids {
            let done = sqlx::query(
                "UPDATE alerts SET acknowledged_by = ?, acknowledged_ms = ? \
                 WHERE id = ? AND acknowledged_ms IS NULL",
            )
            .bind(by)
            .bind(now)
            .bind(id)
            .execute(&mut self.conn)
            .await
            .doing("acknowledge an alert")?;
            were_open += done.rows_affected();
        }
        Ok(Acknowledged::All { were_open })
    }

    /// Notes that whoever moved a task on has seen what it stood still for; answers how many alerts that were.
    pub async fn acknowledge_alerts_of(
        &mut self,
        task: TaskId,
        by: &str,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        let kinds = NoticeName::OF_STANDING_TASKS.map(|kind| format!("'{kind}'"));
        let sql = format!(
            "UPDATE alerts SET acknowledged_by = ?, acknowledged_ms = ? \
             WHERE task_id = ? AND acknowledged_ms IS NULL AND kind IN ({})",
            kinds.join(", ")
        );
        // The kinds are words of a closed list.
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(by)
            .bind(now)
            .bind(task.0)
            .execute(&mut self.conn)
            .await
            .doing("acknowledge the alerts of a task")?;
        Ok(done.rows_affected())
    }

    /// Open alerts for which a step of the escalation was not taken, and which came first before `before_ms`; at most
    /// `most`.
    pub async fn unanswered_alerts(
        &mut self,
        step: Escalation,
        before_ms: UnixMs,
        most: u32,
    ) -> Result<Vec<AlertRow>, StoreError> {
        let sql = format!(
            "SELECT id, kind, repo, notice, first_ms, last_ms, count, acknowledged_by, acknowledged_ms FROM alerts \
             WHERE acknowledged_ms IS NULL AND {} IS NULL AND first_ms < ? ORDER BY id LIMIT +?",
            taken_at(step)
        );
        // The column is one of two literals.
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(before_ms)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("look for alerts that nobody answered")?;
        rows.iter().map(alert).collect()
    }

    /// Notes that a step of an alert's escalation is taken.
    pub async fn note_escalation(
        &mut self,
        id: i64,
        step: Escalation,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let sql = format!("UPDATE alerts SET {} = ? WHERE id = ?", taken_at(step));
        // The column is one of two literals.
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now)
            .bind(id)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("note an escalation")
    }

    /// Removes alerts that were acknowledged and came last before `seen_ms`, and others that came last before
    /// `unseen_ms`, at most `limit`.
    pub async fn sweep_alerts(
        &mut self,
        seen_ms: UnixMs,
        unseen_ms: UnixMs,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE last_ms < max(?, ?) \
             AND last_ms < CASE WHEN acknowledged_ms IS NULL THEN ? ELSE ? END ORDER BY last_ms LIMIT +?)",
        )
        .bind(seen_ms)
        .bind(unseen_ms)
        .bind(unseen_ms)
        .bind(seen_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep alerts")?;
        Ok(done.rows_affected())
    }
}

/// The column that says when a step was taken.
fn taken_at(step: Escalation) -> &'static str {
    match step {
        Escalation::Reminder => "reminded_ms",
        Escalation::Second => "escalated_ms",
    }
}

fn alert(row: &SqliteRow) -> Result<AlertRow, StoreError> {
    let (id, text): (i64, String) = (get(row, "id")?, get(row, "notice")?);
    let count: i64 = get(row, "count")?;
    let by: Option<String> = get(row, "acknowledged_by")?;
    let at: Option<UnixMs> = get(row, "acknowledged_ms")?;
    Ok(AlertRow {
        id,
        kind: word(row, "kind", "alerts", id)?,
        repo: get(row, "repo")?,
        notice: known(
            serde_json::from_str(&text).ok(),
            "alerts",
            id,
            &text,
            "notice",
        )?,
        first_ms: get(row, "first_ms")?,
        last_ms: get(row, "last_ms")?,
        count: u64::try_from(count).unwrap_or_default(),
        acknowledged: by.zip(at),
    })
}
