//! Keys of orders: whether one was given before, and what came of it.

use orch_domain::id::UnixMs;

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// What is known of an order's key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum KeyOutcome {
    /// Nothing: it is noted now, and the order is to be carried out.
    Begun,
    /// The order was answered so.
    Answered {
        /// Status of the answer.
        status: u16,
        /// Its body.
        answer: String,
    },
    /// The order was begun; whether it was carried out is not known yet, or never if its host died.
    Unknown,
    /// Another order was given under the key.
    OfAnother,
}

impl Tx {
    /// Notes that an order is about to be carried out, if its key is new.
    pub async fn begin_request(
        &mut self,
        (person, key): (&str, &str),
        request: &str,
        now: UnixMs,
    ) -> Result<KeyOutcome, StoreError> {
        let done = sqlx::query(
            "INSERT INTO request_keys (person, key, request, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(person)
        .bind(key)
        .bind(request)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("note the key of an order")?;
        if done.rows_affected() == 1 {
            return Ok(KeyOutcome::Begun);
        }
        let row = sqlx::query(
            "SELECT request, status, answer FROM request_keys WHERE person = ? AND key = ?",
        )
        .bind(person)
        .bind(key)
        .fetch_one(&mut self.conn)
        .await
        .doing("look up the key of an order")?;
        let (before, status): (String, Option<i64>) = (get(&row, 0)?, get(&row, 1)?);
        let answer: Option<String> = get(&row, 2)?;
        Ok(
            match status.and_then(|s| u16::try_from(s).ok()).zip(answer) {
                _ if before != request => KeyOutcome::OfAnother,
                Some((status, answer)) => KeyOutcome::Answered { status, answer },
                None => KeyOutcome::Unknown,
            },
        )
    }

    /// Notes what came of an order that was begun; says whether this call did it.
    pub async fn answer_request(
        &mut self,
        (person, key): (&str, &str),
        status: u16,
        answer: &str,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE request_keys SET status = ?, answer = ? WHERE person = ? AND key = ? AND status IS NULL",
        )
        .bind(status)
        .bind(answer)
        .bind(person)
        .bind(key)
        .execute(&mut self.conn)
        .await
        .doing("note the answer to an order")?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets an order that nothing came of, so that it may be given again.
    pub async fn forget_request(&mut self, (person, key): (&str, &str)) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM request_keys WHERE person = ? AND key = ? AND status IS NULL")
            .bind(person)
            .bind(key)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("forget the key of an order")
    }

    /// Removes keys from before `before`, at most `most`.
    pub async fn sweep_request_keys(
        &mut self,
        before: UnixMs,
        most: u32,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM request_keys WHERE rowid IN (SELECT rowid FROM request_keys WHERE at_ms < ? LIMIT +?)",
        )
        .bind(before)
        .bind(most)
        .execute(&mut self.conn)
        .await
        .doing("remove old keys of orders")?;
        Ok(done.rows_affected())
    }
}
