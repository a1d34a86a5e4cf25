//! What many callers write to the queue at once, as one statement over an array: JSON, of which SQLite makes rows.
//!
//! A statement that does not do every one of its writes has done none: the writer takes it back and does them one by
//! one, and so each caller is told what it would have been told alone.

use orch_domain::id::{JobId, UnixMs};
use orch_domain::job::{Lane, PutOff};
use orch_domain::names::JobName;
use serde::Serialize;

use super::held::{CountsAsTry, FinishOutcome, RenewOutcome};
use super::{ClaimedJob, EnqueueOutcome, JobKey, NewJob, PROMOTE_MAX, TAKE, claimed};
use crate::error::{Context, StoreError};
use crate::joined::Joined;
use crate::open::Owner;
use crate::tx::Tx;

pub(in crate::table) const ENQUEUE: &str = "INSERT INTO jobs (kind, lane, state, task_id, repo, payload, priority, \
     run_at_ms, unique_key, reason, put_off_kind, created_ms) SELECT value ->> 0, value ->> 1, value ->> 2, \
     value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, \
     value ->> 11 FROM json_each(?) WHERE true ORDER BY key ON CONFLICT DO NOTHING";

pub(in crate::table) const RENEW: &str = "UPDATE jobs SET lease_until_ms = a.value ->> 3 FROM json_each(?) AS a \
     WHERE jobs.id = a.value ->> 0 AND jobs.state = 'running' AND jobs.epoch = a.value ->> 1 \
     AND jobs.lease_until_ms >= a.value ->> 2";

pub(in crate::table) const FINISH: &str = "UPDATE jobs SET state = a.value ->> 2, finished_ms = a.value ->> 3, \
     owner = NULL, lease_until_ms = NULL, last_error = coalesce(a.value ->> 4, last_error) FROM json_each(?) AS a \
     WHERE jobs.id = a.value ->> 0 AND jobs.state = 'running' AND jobs.epoch = a.value ->> 1";

pub(in crate::table) const PUT_OFF: &str = "UPDATE jobs SET state = 'scheduled', run_at_ms = a.value ->> 2, \
     reason = a.value ->> 3, put_off_kind = a.value ->> 4, owner = NULL, lease_until_ms = NULL, \
     attempt = attempt - (a.value ->> 5) FROM json_each(?) AS a \
     WHERE jobs.id = a.value ->> 0 AND jobs.state = 'running' AND jobs.epoch = a.value ->> 1";

/// The rows of an array, as JSON.
pub(crate) fn array<T: Serialize>(rows: impl Iterator<Item = T>) -> String {
    let rows: Vec<T> = rows.collect();
    serde_json::to_string(&rows).expect("numbers and texts are what JSON holds")
}

/// Whether JSON hands a text to SQLite as it is: it ends one at a NUL.
pub(crate) fn is_whole_in_json(text: &str) -> bool {
    !text.contains('\0')
}

/// How many rows a statement has to write so that it did all of it.
fn each<T>(writes: &[T]) -> u64 {
    writes.len() as u64
}

/// [`Tx::enqueue`].
#[derive(Debug)]
pub(crate) struct Enqueue {
    job: NewJob,
    name: Option<String>,
    now: UnixMs,
}

impl Enqueue {
    pub(crate) fn new(job: NewJob, now: UnixMs) -> Self {
        let name = job.name.as_ref().map(JobName::to_string);
        Self { job, name, now }
    }
}

impl Joined for Enqueue {
    type Answer = EnqueueOutcome;

    fn job(&self) -> Option<JobId> {
        None
    }

    fn fits_an_array(&self) -> bool {
        let reason = self.job.put_off.as_ref().map(|p| p.reason.as_str());
        [
            Some(self.job.repo.as_str()),
            Some(&self.job.payload),
            self.name.as_deref(),
            reason,
        ]
        .into_iter()
        .flatten()
        .all(is_whole_in_json)
    }

    async fn all(tx: &mut Tx, writes: &[Self]) -> Result<Option<Vec<EnqueueOutcome>>, StoreError> {
        let rows = array(writes.iter().map(|Self { job, name, now }| {
            (
                job.kind.as_str(),
                job.kind.lane().as_str(),
                job.state_at(*now),
                job.task.map(|t| t.0),
                &job.repo,
                &job.payload,
                job.priority,
                job.run_at_ms,
                name,
                job.put_off.as_ref().map(|p| &p.reason),
                job.put_off.as_ref().map(|p| p.kind.as_str()),
                now,
            )
        }));
        let query = tx.joined(ENQUEUE).bind(rows);
        let came = tx.carry_out(query).await.doing("queue jobs")?;
        if came.written != each(writes) {
            // A live job has one of the names.
            return Ok(None);
        }
        tx.woke = true;
        // One connection writes, in the order of the array, and each new row is the last one: so are their ids.
        let first = came.last_id + 1 - i64::try_from(writes.len()).unwrap_or(i64::MAX);
        let ids = (first..).take(writes.len());
        Ok(Some(
            ids.map(|id| EnqueueOutcome::Enqueued(JobId(id))).collect(),
        ))
    }

    async fn one(&self, tx: &mut Tx) -> Result<EnqueueOutcome, StoreError> {
        tx.enqueue(&self.job, self.now).await
    }
}

/// [`Tx::renew`].
#[derive(Debug)]
pub(crate) struct Renew {
    pub(crate) key: JobKey,
    pub(crate) now: UnixMs,
    pub(crate) lease_ms: i64,
}

impl Joined for Renew {
    type Answer = RenewOutcome;

    fn job(&self) -> Option<JobId> {
        Some(self.key.id)
    }

    async fn all(tx: &mut Tx, writes: &[Self]) -> Result<Option<Vec<RenewOutcome>>, StoreError> {
        let rows = array(writes.iter().map(|Self { key, now, lease_ms }| {
            (key.id.0, key.epoch, now, now.saturating_add(*lease_ms))
        }));
        let query = tx.joined(RENEW).bind(rows);
        let came = tx.carry_out(query).await.doing("renew claims")?;
        let is_whole = came.written == each(writes);
        Ok(is_whole.then(|| vec![RenewOutcome::Renewed; writes.len()]))
    }

    async fn one(&self, tx: &mut Tx) -> Result<RenewOutcome, StoreError> {
        tx.renew(self.key, self.now, self.lease_ms).await
    }
}

/// [`Tx::complete`], or [`Tx::bury`] with an error.
#[derive(Debug)]
pub(crate) struct Finish {
    pub(crate) key: JobKey,
    pub(crate) error: Option<String>,
    pub(crate) now: UnixMs,
}

impl Joined for Finish {
    type Answer = FinishOutcome;

    fn job(&self) -> Option<JobId> {
        Some(self.key.id)
    }

    fn fits_an_array(&self) -> bool {
        self.error.as_deref().is_none_or(is_whole_in_json)
    }

    async fn all(tx: &mut Tx, writes: &[Self]) -> Result<Option<Vec<FinishOutcome>>, StoreError> {
        let rows = array(writes.iter().map(|Self { key, error, now }| {
            let state = if error.is_some() { "dead" } else { "done" };
            (key.id.0, key.epoch, state, now, error)
        }));
        let query = tx.joined(FINISH).bind(rows);
        let came = tx.carry_out(query).await.doing("finish jobs")?;
        let is_whole = came.written == each(writes);
        Ok(is_whole.then(|| vec![FinishOutcome::Finished; writes.len()]))
    }

    async fn one(&self, tx: &mut Tx) -> Result<FinishOutcome, StoreError> {
        match &self.error {
            None => tx.complete(self.key, self.now).await,
            Some(error) => tx.bury(self.key, error, self.now).await,
        }
    }
}

/// [`Tx::put_off`].
#[derive(Debug)]
pub(crate) struct Postpone {
    pub(crate) key: JobKey,
    pub(crate) run_at_ms: UnixMs,
    pub(crate) why: PutOff,
    pub(crate) counts: CountsAsTry,
}

impl Joined for Postpone {
    type Answer = FinishOutcome;

    fn job(&self) -> Option<JobId> {
        Some(self.key.id)
    }

    fn fits_an_array(&self) -> bool {
        is_whole_in_json(&self.why.reason)
    }

    async fn all(tx: &mut Tx, writes: &[Self]) -> Result<Option<Vec<FinishOutcome>>, StoreError> {
        let rows = array(writes.iter().map(|put_off| {
            let given_back = i64::from(put_off.counts == CountsAsTry::No);
            let JobKey { id, epoch } = put_off.key;
            let (reason, kind) = (&put_off.why.reason, put_off.why.kind.as_str());
            (id.0, epoch, put_off.run_at_ms, reason, kind, given_back)
        }));
        let query = tx.joined(PUT_OFF).bind(rows);
        let came = tx.carry_out(query).await.doing("put jobs off")?;
        if came.written != each(writes) {
            return Ok(None);
        }
        tx.woke = true;
        Ok(Some(vec![FinishOutcome::Finished; writes.len()]))
    }

    async fn one(&self, tx: &mut Tx) -> Result<FinishOutcome, StoreError> {
        tx.put_off(self.key, self.run_at_ms, &self.why, self.counts)
            .await
    }
}

/// [`Tx::claim`].
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) lane: Lane,
    pub(crate) count: u32,
    pub(crate) owner: Owner,
    pub(crate) now: UnixMs,
    pub(crate) lease_ms: i64,
}

impl Joined for Claim {
    type Answer = Vec<ClaimedJob>;

    const IS_LAST: bool = true;

    fn job(&self) -> Option<JobId> {
        None
    }

    /// They may differ in how many jobs they take, and by whose clock.
    fn may_join(&self, other: &Self) -> bool {
        (self.lane, &self.owner, self.lease_ms) == (other.lane, &other.owner, other.lease_ms)
    }

    /// One claim of as many jobs as all ask for, by the latest of their clocks, handed out in their order: the first
    /// get what they ask for, as one after the other. Which of the jobs each gets means nothing, for all of them begin
    /// with the same commit.
    async fn all(tx: &mut Tx, writes: &[Self]) -> Result<Option<Vec<Vec<ClaimedJob>>>, StoreError> {
        let Some(first) = writes.first() else {
            return Ok(Some(Vec::new()));
        };
        let now = writes.iter().map(|claim| claim.now).max();
        let now = now.unwrap_or(first.now);
        let count: i64 = writes.iter().map(|claim| i64::from(claim.count)).sum();
        let promoted = PROMOTE_MAX.saturating_mul(i64::try_from(writes.len()).unwrap_or(1));
        let query = tx
            .joined(&TAKE)
            .bind(now)
            .bind(promoted)
            .bind(first.owner.0.clone())
            .bind(now)
            .bind(now.saturating_add(first.lease_ms))
            .bind(first.lane.as_str())
            .bind(now)
            .bind(count);
        let came = tx.carry_out(query).await.doing("claim jobs")?;
        let taken: Result<Vec<_>, _> = came.rows.iter().map(claimed).collect();
        let mut taken = taken?.into_iter();
        let handed_out = writes
            .iter()
            .map(|claim| taken.by_ref().take(claim.count as usize).collect());
        Ok(Some(handed_out.collect()))
    }

    async fn one(&self, tx: &mut Tx) -> Result<Vec<ClaimedJob>, StoreError> {
        tx.claim(self.lane, self.count, &self.owner, self.now, self.lease_ms)
            .await
    }
}
