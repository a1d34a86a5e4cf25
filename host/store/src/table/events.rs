//! What happened, append-only, and the deliveries of webhooks.

use orch_domain::event::EventKind;
use orch_domain::id::{JobId, TaskId, UnixMs};
use orch_domain::person::Channel;

use super::jobs::together::{array, is_whole_in_json};
use super::{get, maybe_word, word};
use crate::error::{Context, StoreError};
use crate::joined::Joined;
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
    /// On which way a person asked for it; none for what the host did itself.
    pub channel: Option<Channel>,
    /// Details as JSON.
    pub data: String,
}

/// [`Tx::append_event`].
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) task: Option<TaskId>,
    pub(crate) kind: EventKind,
    pub(crate) actor: String,
    pub(crate) data: String,
    pub(crate) now: UnixMs,
}

pub(super) const APPEND: &str = "INSERT INTO events (task_id, at_ms, kind, actor, data) SELECT value ->> 0, value ->> 1, \
     value ->> 2, value ->> 3, value ->> 4 FROM json_each(?) ORDER BY key";

impl Joined for Append {
    type Answer = i64;

    fn job(&self) -> Option<JobId> {
        None
    }

    fn fits_an_array(&self) -> bool {
        is_whole_in_json(&self.actor) && is_whole_in_json(&self.data)
    }

    async fn all(tx: &mut Tx, writes: &[Self]) -> Result<Option<Vec<i64>>, StoreError> {
        let rows = array(writes.iter().map(|event| {
            let (task, kind) = (event.task.map(|t| t.0), event.kind.as_str());
            (task, event.now, kind, &event.actor, &event.data)
        }));
        let query = tx.joined(APPEND).bind(rows);
        let came = tx.carry_out(query).await.doing("append events")?;
        let count = i64::try_from(writes.len()).unwrap_or(i64::MAX);
        Ok(Some(
            (came.last_id + 1 - count..).take(writes.len()).collect(),
        ))
    }

    async fn one(&self, tx: &mut Tx) -> Result<i64, StoreError> {
        tx.append_event(self.task, self.kind, &self.actor, &self.data, self.now)
            .await
    }
}

impl Tx {
    /// Appends an event that nobody asked for; returns its id.
    pub async fn append_event(
        &mut self,
        task: Option<TaskId>,
        kind: EventKind,
        actor: &str,
        data: &str,
        now: UnixMs,
    ) -> Result<i64, StoreError> {
        self.append_event_by(task, kind, (actor, None), data, now)
            .await
    }

    /// Appends an event with who caused it and on which way they asked; returns its id.
    pub async fn append_event_by(
        &mut self,
        task: Option<TaskId>,
        kind: EventKind,
        (actor, channel): (&str, Option<Channel>),
        data: &str,
        now: UnixMs,
    ) -> Result<i64, StoreError> {
        let done = sqlx::query(
            "INSERT INTO events (task_id, at_ms, kind, actor, channel, data) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(task.map(|t| t.0))
        .bind(now)
        .bind(kind.as_str())
        .bind(actor)
        .bind(channel.map(Channel::as_str))
        .bind(data)
        .execute(&mut self.conn)
        .await
        .doing("append an event")?;
        Ok(done.last_insert_rowid())
    }

    /// Events of a task after `after`, oldest first.
    pub async fn events(
        &mut self,
        task: TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, at_ms, kind, actor, channel, data FROM events WHERE task_id = ? AND id > ? ORDER BY id LIMIT +?",
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
                    channel: maybe_word(row, "channel", "events", id)?,
                    data: get(row, "data")?,
                })
            })
            .collect()
    }

    /// Removes messages that were settled and webhook deliveries that came before `before_ms`, at most `limit` of each.
    pub async fn sweep_messages(
        &mut self,
        before_ms: UnixMs,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let outbox = sqlx::query(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE coalesce(done_ms, dead_ms) < ? LIMIT +?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep the outbox")?;
        let deliveries = sqlx::query(
            "DELETE FROM deliveries WHERE rowid IN (SELECT rowid FROM deliveries WHERE received_ms < ? LIMIT +?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep the deliveries")?;
        // Where an issue stands is kept for as long as its task.
        let moves = sqlx::query(
            "DELETE FROM issue_moves WHERE id IN (SELECT id FROM issue_moves m WHERE at_ms < ? AND EXISTS \
             (SELECT 1 FROM issue_moves later WHERE later.task_id = m.task_id AND later.id > m.id) LIMIT +?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep moves of issues")?;
        Ok(outbox.rows_affected() + deliveries.rows_affected() + moves.rows_affected())
    }
}
