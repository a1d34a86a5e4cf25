//! What is still to be delivered to the outside: messages with their destination, their tries and their end.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::message::{Destination, Message, MessageKind};
use orch_domain::notice::Subject;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Bytes of a payload that an error shows.
const SHOWN_BYTES_MAX: usize = 200;

/// Due messages of a destination in their order. An older one of the same task goes first, due or not; but what shows
/// where a task is holds up nothing that is told of it, and comes after all that is. The signs keep SQLite from finding
/// the due ones first and sorting them all.
pub(super) const DUE: &str = "SELECT id, task_id, kind, key, payload, attempts FROM outbox AS o \
     WHERE destination = ? AND done_ms IS NULL AND dead_ms IS NULL AND +next_ms <= ? AND (+kind = 'progress') = ? \
     AND NOT EXISTS (SELECT 1 FROM outbox AS older WHERE older.task_id = o.task_id \
     AND older.destination = o.destination AND older.id < o.id AND older.done_ms IS NULL AND older.dead_ms IS NULL \
     AND (older.kind <> 'progress' OR o.kind = 'progress')) \
     ORDER BY id LIMIT +?";
/// When the next message of a destination is due, whatever its order.
pub(super) const NEXT: &str =
    "SELECT min(next_ms) FROM outbox WHERE destination = ? AND done_ms IS NULL AND dead_ms IS NULL";
/// Older messages of a kind that a newer one of the same task makes needless.
pub(super) const REPLACE: &str = "UPDATE outbox SET done_ms = ?, last_error = 'replaced by a newer one' \
     WHERE task_id = ? AND destination = ? AND kind = ? AND done_ms IS NULL AND dead_ms IS NULL AND id < ?";

/// A message that waits to be delivered.
#[derive(Debug)]
pub struct WaitingMessage {
    /// Row id; rises.
    pub id: i64,
    /// Its task.
    pub task: Option<TaskId>,
    /// Idempotency key.
    pub key: String,
    /// The message; an error if this version of the host cannot read it, which is no reason to hold up the others.
    pub message: Result<Message, StoreError>,
    /// Tries so far.
    pub tries: u32,
}

impl Tx {
    /// Puts a message into the outbox, once per `key`. What people have to see is kept as an alert with it.
    pub async fn push_message(
        &mut self,
        task: Option<TaskId>,
        message: &Message,
        key: &str,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let (kind, destination) = (message.kind(), message.destination().to_string());
        let payload =
            serde_json::to_string(message).expect("a message is plain data, which JSON can hold");
        let done = sqlx::query(
            "INSERT INTO outbox (task_id, destination, kind, key, payload, created_ms, next_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        )
        .bind(task.map(|t| t.0))
        .bind(&destination)
        .bind(kind.as_str())
        .bind(key)
        .bind(payload)
        .bind(now)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("fill the outbox")?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        self.woke = true;
        // Here, so that nothing can be announced that a person has to see and that no alert is kept of.
        if let Message::Announcement { notice } = message
            && notice.is_alert()
        {
            self.raise_alert(notice).await?;
        }
        if kind.is_replaced_by_newer()
            && let Some(task) = task
        {
            sqlx::query(REPLACE)
                .bind(now)
                .bind(task.0)
                .bind(&destination)
                .bind(kind.as_str())
                .bind(done.last_insert_rowid())
                .execute(&mut self.conn)
                .await
                .doing("replace older messages")?;
        }
        Ok(())
    }

    /// Messages for a destination that are due, oldest first, at most `limit` and at most one of each task: the next
    /// one of a task comes when the one before is settled. What shows where tasks are is last, and beside the rest.
    pub async fn due_messages(
        &mut self,
        destination: &Destination,
        now: UnixMs,
        limit: u32,
    ) -> Result<Vec<WaitingMessage>, StoreError> {
        // The usual answer, and found in an index: nothing is due.
        if self
            .next_message_ms(destination)
            .await?
            .is_none_or(|at| at > now)
        {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for shows in [false, true] {
            let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
            if left == 0 {
                break;
            }
            let found = sqlx::query(DUE)
                .bind(destination.to_string())
                .bind(now)
                .bind(shows)
                .bind(left)
                .fetch_all(&mut self.conn)
                .await
                .doing("read the outbox")?;
            rows.extend(found);
        }
        rows.iter()
            .map(|row| {
                let (id, task, tries): (i64, Option<i64>, i64) =
                    (get(row, 0)?, get(row, 1)?, get(row, 5)?);
                let (kind, payload): (String, String) = (get(row, 2)?, get(row, 4)?);
                Ok(WaitingMessage {
                    id,
                    task: task.map(TaskId),
                    key: get(row, 3)?,
                    message: message(id, &kind, &payload),
                    tries: u32::try_from(tries).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }

    /// When the next message for a destination is due; none if none waits.
    pub async fn next_message_ms(
        &mut self,
        destination: &Destination,
    ) -> Result<Option<UnixMs>, StoreError> {
        let row = sqlx::query(NEXT)
            .bind(destination.to_string())
            .fetch_one(&mut self.conn)
            .await
            .doing("look at the outbox")?;
        get(&row, 0)
    }

    /// Settles a message as delivered; false if it was settled before.
    pub async fn message_done(
        &mut self,
        id: i64,
        external_id: Option<&str>,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE outbox SET done_ms = ?, external_id = ?, attempts = attempts + 1 \
             WHERE id = ? AND done_ms IS NULL AND dead_ms IS NULL",
        )
        .bind(now)
        .bind(external_id)
        .bind(id)
        .execute(&mut self.conn)
        .await
        .doing("settle a message")?;
        self.woke = true;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that a try failed and when the next one comes; false if the message was settled meanwhile.
    pub async fn message_failed(
        &mut self,
        id: i64,
        next_ms: UnixMs,
        error: &str,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE outbox SET next_ms = ?, attempts = attempts + 1, last_error = ? \
             WHERE id = ? AND done_ms IS NULL AND dead_ms IS NULL",
        )
        .bind(next_ms)
        .bind(error)
        .bind(id)
        .execute(&mut self.conn)
        .await
        .doing("put off a message")?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a message up; false if it was settled before.
    pub async fn bury_message(
        &mut self,
        id: i64,
        error: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE outbox SET dead_ms = ?, attempts = attempts + 1, last_error = ? \
             WHERE id = ? AND done_ms IS NULL AND dead_ms IS NULL",
        )
        .bind(now)
        .bind(error)
        .bind(id)
        .execute(&mut self.conn)
        .await
        .doing("give a message up")?;
        self.woke = true;
        Ok(done.rows_affected() == 1)
    }

    /// Sends nothing more to a destination before `until_ms`.
    pub async fn hold_messages(
        &mut self,
        destination: &Destination,
        until_ms: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET next_ms = ? WHERE destination = ? AND next_ms < ? \
             AND done_ms IS NULL AND dead_ms IS NULL",
        )
        .bind(until_ms)
        .bind(destination.to_string())
        .bind(until_ms)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("hold a destination back")
    }

    /// How many messages whose keys begin alike were written since a time.
    pub async fn count_messages_since(
        &mut self,
        key: &str,
        since_ms: UnixMs,
    ) -> Result<u64, StoreError> {
        // Behind every key that begins so, by the bytes: the index of keys is used for both ends.
        let row = sqlx::query(
            "SELECT count(*) FROM outbox WHERE key >= ? AND key < ? AND created_ms >= ?",
        )
        .bind(key)
        .bind(format!("{key}\u{10ffff}"))
        .bind(since_ms)
        .fetch_one(&mut self.conn)
        .await
        .doing("count messages")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Destinations for which messages wait, as they are stored, at most `limit`: some may be served by nobody.
    pub async fn waiting_destinations(&mut self, limit: u32) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT destination FROM outbox WHERE done_ms IS NULL AND dead_ms IS NULL \
             ORDER BY destination LIMIT +?",
        )
        .bind(limit)
        .fetch_all(&mut self.conn)
        .await
        .doing("list destinations")?;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    /// Gives up every message to a destination, as it is stored, that was written before `before_ms`; answers how many.
    pub async fn bury_messages_to(
        &mut self,
        destination: &str,
        before_ms: UnixMs,
        error: &str,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE outbox SET dead_ms = ?, last_error = ? WHERE destination = ? AND created_ms < ? \
             AND done_ms IS NULL AND dead_ms IS NULL",
        )
        .bind(now)
        .bind(error)
        .bind(destination)
        .bind(before_ms)
        .execute(&mut self.conn)
        .await
        .doing("give messages up")?;
        Ok(done.rows_affected())
    }

    /// Whether a message of this kind waits for a task.
    pub async fn is_message_waiting(
        &mut self,
        task: TaskId,
        kind: MessageKind,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE task_id = ? AND kind = ? \
             AND done_ms IS NULL AND dead_ms IS NULL)",
        )
        .bind(task.0)
        .bind(kind.as_str())
        .fetch_one(&mut self.conn)
        .await
        .doing("look for a message")?;
        get(&row, 0)
    }

    /// What a notice about a task names it by; the host itself for none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown task.
    pub async fn subject(&mut self, task: Option<TaskId>) -> Result<Subject, StoreError> {
        let Some(id) = task else {
            return Ok(Subject::Host);
        };
        let task = self.task(id).await?.task;
        Ok(Subject::Task {
            id,
            work_item: task.work_item,
            repo: task.repo,
        })
    }
}

/// Reads a message back; whatever this version does not know is an error that names the row.
fn message(id: i64, kind: &str, payload: &str) -> Result<Message, StoreError> {
    let unknown = |value: String, what| StoreError::Decode {
        table: "outbox",
        id: id.to_string(),
        value,
        what,
    };
    let kind = known(
        MessageKind::parse(kind),
        "outbox",
        id,
        kind,
        "kind of message",
    )?;
    let message: Message = serde_json::from_str(payload).map_err(|error| {
        let shown: String = payload.chars().take(SHOWN_BYTES_MAX).collect();
        unknown(format!("{shown} ({error})"), "message")
    })?;
    if message.kind() != kind {
        return Err(unknown(
            format!(
                "{} in a row of kind {}",
                message.kind().as_str(),
                kind.as_str()
            ),
            "message",
        ));
    }
    Ok(message)
}
