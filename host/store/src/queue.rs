//! What many callers ask of the store at once, each for itself: the writer carries out what is alike in one statement.
//!
//! Each of these is what the method of the same name of [`crate::Tx`] does in a transaction of its own, and answers
//! after its commit. A caller that writes more than this in one transaction uses [`Store::write`].

use orch_domain::event::EventKind;
use orch_domain::id::{TaskId, UnixMs};
use orch_domain::job::{Lane, PutOff};

use crate::error::StoreError;
use crate::open::{Owner, Store};
use crate::table::events::Append;
use crate::table::jobs::held::{CountsAsTry, FinishOutcome, RenewOutcome};
use crate::table::jobs::together::{Claim, Enqueue, Finish, Postpone, Renew};
use crate::table::jobs::{ClaimedJob, EnqueueOutcome, JobKey, NewJob};

/// All of them fail with what the database said, or with [`StoreError::NotWritten`] if the commit failed.
#[expect(
    clippy::missing_errors_doc,
    reason = "it is said once for all of them, above"
)]
impl Store {
    /// Queues a job, unless a live one has its name.
    pub async fn enqueue(&self, job: NewJob, now: UnixMs) -> Result<EnqueueOutcome, StoreError> {
        self.writer.ask(Enqueue::new(job, now)).await
    }

    /// Makes due jobs ready and claims up to `count` of a lane. Claims that are asked for at once are one, by the latest
    /// of their clocks.
    pub async fn claim(
        &self,
        lane: Lane,
        count: u32,
        owner: &Owner,
        now: UnixMs,
        lease_ms: i64,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let claim = Claim {
            lane,
            count,
            owner: owner.clone(),
            now,
            lease_ms,
        };
        self.writer.ask(claim).await
    }

    /// Ends a job well, if `key` is its present claim.
    pub async fn complete(&self, key: JobKey, now: UnixMs) -> Result<FinishOutcome, StoreError> {
        let finish = Finish {
            key,
            error: None,
            now,
        };
        self.writer.ask(finish).await
    }

    /// Ends a job for good with its reason, if `key` is its present claim.
    pub async fn bury(
        &self,
        key: JobKey,
        error: String,
        now: UnixMs,
    ) -> Result<FinishOutcome, StoreError> {
        let finish = Finish {
            key,
            error: Some(error),
            now,
        };
        self.writer.ask(finish).await
    }

    /// Puts a claimed job off.
    pub async fn put_off(
        &self,
        key: JobKey,
        run_at_ms: UnixMs,
        why: PutOff,
        counts: CountsAsTry,
    ) -> Result<FinishOutcome, StoreError> {
        let postpone = Postpone {
            key,
            run_at_ms,
            why,
            counts,
        };
        self.writer.ask(postpone).await
    }

    /// Moves a claim's end; refused once it has passed.
    pub async fn renew(
        &self,
        key: JobKey,
        now: UnixMs,
        lease_ms: i64,
    ) -> Result<RenewOutcome, StoreError> {
        self.writer.ask(Renew { key, now, lease_ms }).await
    }

    /// Appends an event that nobody asked for; returns its id.
    pub async fn append_event(
        &self,
        task: Option<TaskId>,
        kind: EventKind,
        actor: &str,
        data: String,
        now: UnixMs,
    ) -> Result<i64, StoreError> {
        let append = Append {
            task,
            kind,
            actor: actor.to_owned(),
            data,
            now,
        };
        self.writer.ask(append).await
    }
}
