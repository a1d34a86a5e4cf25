//! What happened (append-only) and what is still to be told (the outbox).

use orch_domain::event::EventKind;
use orch_domain::id::{TaskId, UnixMs};

use super::{get, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// An event as stored.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Row id; rises.
    pub id: i64,
    /// When it happened.
    pub at_ms: UnixMs,
    /// Its kind.
    pub kind: EventKind,
    /// Who caused it.
    pub actor: String,
    /// Details as JSON.
    pub data: String,
}

/// Something to be told, not yet delivered.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// Row id.
    pub id: i64,
    /// Its task.
    pub task: Option<TaskId>,
    /// What it is.
    pub kind: String,
    /// Idempotency key.
    pub key: String,
    /// What to tell, as JSON.
    pub payload: String,
    /// Tries so far.
    pub attempts: i64,
}

impl Tx {
    /// Appends an event; returns its id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn append_event(
        &mut self,
        task: Option<TaskId>,
        kind: EventKind,
        actor: &str,
        data: &str,
        now: UnixMs,
    ) -> Result<i64, StoreError> {
        let done = sqlx::query(
            "INSERT INTO events (task_id, at_ms, kind, actor, data) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(task.map(|t| t.0))
        .bind(now)
        .bind(kind.as_str())
        .bind(actor)
        .bind(data)
        .execute(&mut self.conn)
        .await
        .doing("append an event")?;
        Ok(done.last_insert_rowid())
    }

    /// Events of a task after `after`, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events(
        &mut self,
        task: TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, at_ms, kind, actor, data FROM events WHERE task_id = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(task.0)
        .bind(after)
        .bind(limit)
        .fetch_all(&mut self.conn)
        .await
        .doing("list events")?;
        rows.iter()
            .map(|row| {
                let id = get(row, "id")?;
                Ok(EventRow {
                    id,
                    at_ms: get(row, "at_ms")?,
                    kind: word(row, "kind", "events", id)?,
                    actor: get(row, "actor")?,
                    data: get(row, "data")?,
                })
            })
            .collect()
    }

    /// Puts something to be told into the outbox, once per `key`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn push_outbox(
        &mut self,
        task: Option<TaskId>,
        kind: &str,
        key: &str,
        payload: &str,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO outbox (task_id, kind, key, payload, created_ms, next_ms) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(task.map(|t| t.0))
        .bind(kind)
        .bind(key)
        .bind(payload)
        .bind(now)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("fill the outbox")?;
        self.woke = true;
        Ok(())
    }

    /// What is due to be told, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_outbox(
        &mut self,
        now: UnixMs,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, task_id, kind, key, payload, attempts FROM outbox \
             WHERE done_ms IS NULL AND next_ms <= ? ORDER BY id LIMIT ?",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(&mut self.conn)
        .await
        .doing("read the outbox")?;
        rows.iter()
            .map(|row| {
                let task: Option<i64> = get(row, 1)?;
                Ok(OutboxRow {
                    id: get(row, 0)?,
                    task: task.map(TaskId),
                    kind: get(row, 2)?,
                    key: get(row, 3)?,
                    payload: get(row, 4)?,
                    attempts: get(row, 5)?,
                })
            })
            .collect()
    }

    /// Marks something as told.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox_done(&mut self, id: i64, now: UnixMs) -> Result<(), StoreError> {
        sqlx::query("UPDATE outbox SET done_ms = ?, attempts = attempts + 1 WHERE id = ? AND done_ms IS NULL")
            .bind(now)
            .bind(id)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("empty the outbox")
    }

    /// Notes that telling failed and when to try again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox_failed(
        &mut self,
        id: i64,
        next_ms: UnixMs,
        error: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET next_ms = ?, attempts = attempts + 1, last_error = ? WHERE id = ? AND done_ms IS NULL",
        )
        .bind(next_ms)
        .bind(error)
        .bind(id)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("put off a delivery")
    }

    /// Stores a webhook's delivery; says whether it is new.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_delivery(
        &mut self,
        source: &str,
        delivery: &str,
        body_hash: &str,
        body: &[u8],
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO deliveries (source, delivery_id, body_hash, body, received_ms) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(source)
        .bind(delivery)
        .bind(body_hash)
        .bind(body)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("store a delivery")?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes delivered outbox rows and webhook deliveries older than `before_ms`, at most `limit` of each.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep_messages(
        &mut self,
        before_ms: UnixMs,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let outbox = sqlx::query(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE done_ms IS NOT NULL AND done_ms < ? LIMIT ?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep the outbox")?;
        let deliveries = sqlx::query(
            "DELETE FROM deliveries WHERE rowid IN (SELECT rowid FROM deliveries WHERE received_ms < ? LIMIT ?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep the deliveries")?;
        // Where an issue stands is kept for as long as its task.
        let moves = sqlx::query(
            "DELETE FROM issue_moves WHERE id IN (SELECT id FROM issue_moves m WHERE at_ms < ? AND EXISTS \
             (SELECT 1 FROM issue_moves later WHERE later.task_id = m.task_id AND later.id > m.id) LIMIT ?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep moves of issues")?;
        Ok(outbox.rows_affected() + deliveries.rows_affected() + moves.rows_affected())
    }
}
