//! Deliveries of webhooks: kept before they are answered, looked into afterwards.

use orch_domain::id::{DoorName, UnixMs};
use orch_domain::message::Destination;
use orch_domain::port::webhook::DeliveryState;

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Those that wait, oldest first.
pub(super) const WAITING: &str = "SELECT source, delivery_id, event, body_hash, body FROM deliveries \
     WHERE state = 'waiting' ORDER BY received_ms LIMIT +?";
/// Whether another delivery with the same body was looked into lately.
pub(super) const TWIN: &str = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE source = ? AND body_hash = ? \
     AND settled_ms >= ? AND state = 'looked')";

/// What was done at a source that every source tells of: statuses and comments are told of by some only.
const TOLD: &str = "SELECT count(*) FROM outbox WHERE destination = ? AND done_ms > ? AND done_ms < ? \
     AND last_error IS NULL AND kind IN ('open-pull-request', 'describe-pull-request', 'close-pull-request', 'issue-state')";

/// A delivery that has not been looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Name of its source.
    pub source: String,
    /// What tells it from every other of the source.
    pub key: String,
    /// What kind of event the source says it is.
    pub event: String,
    /// SHA-256 of the body, in hexadecimal digits.
    pub body_hash: String,
    /// What was sent.
    pub body: Vec<u8>,
}

impl Tx {
    /// Keeps a delivery, once per source and key; false if it is there already.
    pub async fn keep_delivery(
        &mut self,
        delivery: &Delivery,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO deliveries (source, delivery_id, event, body_hash, body, received_ms, state) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&delivery.source)
        .bind(&delivery.key)
        .bind(&delivery.event)
        .bind(&delivery.body_hash)
        .bind(&delivery.body)
        .bind(now)
        .bind(DeliveryState::Waiting.as_str())
        .execute(&mut self.conn)
        .await
        .doing("keep a delivery")?;
        Ok(done.rows_affected() == 1)
    }

    /// When the latest delivery of a source came; none if none is kept.
    pub async fn latest_delivery_ms(
        &mut self,
        source: &DoorName,
    ) -> Result<Option<UnixMs>, StoreError> {
        let row = sqlx::query("SELECT max(received_ms) FROM deliveries WHERE source = ?")
            .bind(source.as_str())
            .fetch_one(&mut self.conn)
            .await
            .doing("look for the latest delivery")?;
        get(&row, 0)
    }

    /// How many messages of kinds that a source tells of were delivered to a destination between two times.
    pub async fn told_of_itself(
        &mut self,
        destination: &Destination,
        after_ms: UnixMs,
        before_ms: UnixMs,
    ) -> Result<u32, StoreError> {
        let row = sqlx::query(TOLD)
            .bind(destination.to_string())
            .bind(after_ms)
            .bind(before_ms)
            .fetch_one(&mut self.conn)
            .await
            .doing("count what a source was told")?;
        let count: i64 = get(&row, 0)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// How many deliveries are kept.
    pub async fn count_deliveries(&mut self) -> Result<u32, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM deliveries")
            .fetch_one(&mut self.conn)
            .await
            .doing("count deliveries")?;
        let count: i64 = get(&row, 0)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Deliveries that wait, oldest first, at most `most`.
    pub async fn waiting_deliveries(&mut self, most: u32) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(WAITING)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list deliveries")?;
        let delivery = |row| {
            Ok(Delivery {
                source: get(row, 0)?,
                key: get(row, 1)?,
                event: get(row, 2)?,
                body_hash: get(row, 3)?,
                body: get(row, 4)?,
            })
        };
        rows.iter().map(delivery).collect()
    }

    /// Whether a delivery with the same body was looked into since.
    pub async fn was_body_looked_into(
        &mut self,
        source: &str,
        body_hash: &str,
        since_ms: UnixMs,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(TWIN)
            .bind(source)
            .bind(body_hash)
            .bind(since_ms)
            .fetch_one(&mut self.conn)
            .await
            .doing("look for a delivery with the same body")?;
        get(&row, 0)
    }

    /// Notes what became of a delivery that waits. Its body goes, unless nobody could read it; false if it was
    /// settled before.
    pub async fn settle_delivery(
        &mut self,
        source: &str,
        key: &str,
        state: DeliveryState,
        detail: Option<&str>,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE deliveries SET state = ?1, detail = ?2, settled_ms = ?3, \
             body = CASE ?1 WHEN 'dead' THEN body ELSE x'' END \
             WHERE source = ?4 AND delivery_id = ?5 AND state = 'waiting'",
        )
        .bind(state.as_str())
        .bind(detail)
        .bind(now)
        .bind(source)
        .bind(key)
        .execute(&mut self.conn)
        .await
        .doing("settle a delivery")?;
        Ok(done.rows_affected() == 1)
    }
}
