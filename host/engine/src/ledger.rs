//! The way to the store and the clock: what was recorded, and what is recorded now.
//!
//! Everything that writes has a [`Ledger`] and nothing wider. Not here: what follows from an event (the transition in
//! the domain), and anything outside of the database.

pub(crate) mod admission;
pub(crate) mod apply;
pub(crate) mod batches;
pub(crate) mod budget;
pub(crate) mod ci_request;
pub(crate) mod clock;
pub(crate) mod decisions;
pub(crate) mod doors;
pub(crate) mod ending;
pub(crate) mod evidence;
pub(crate) mod gate_status;
pub(crate) mod intent;
pub(crate) mod issues;
pub(crate) mod lanes;
pub(crate) mod masks;
pub(crate) mod messages;
pub(crate) mod notices;
pub(crate) mod paths;
pub(crate) mod people;
pub(crate) mod releases;
pub(crate) mod repos;
pub(crate) mod secret;
pub(crate) mod seen;
pub(crate) mod status;
pub(crate) mod turn;
pub(crate) mod unfit;
pub(crate) mod unwritten;
pub(crate) mod webhooks;

use std::sync::Arc;

use anyhow::Context;
use orch_config::Effective;
use orch_domain::event::EventKind;
use orch_domain::id::{TaskId, UnixMs};
use orch_domain::notice::NoticeKind;
use orch_domain::person::Caller;
use orch_store::{BoxFuture, ClaimedJob, Owner, Store, StoreError, TaskRecord, Tx};

use self::apply::{By, Showing};
use self::clock::Clock;
use self::notices::announce;
use self::unwritten::Unwritten;

/// The store and the host's clock. Clones share both.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    store: Store,
    clock: Clock,
    /// Who shows where tasks are.
    showing: Arc<Showing>,
}

impl Ledger {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            showing: Arc::default(),
        }
    }

    /// The same ledger, for a host in which these show where tasks are.
    pub(crate) fn showing(self, showing: Showing) -> Self {
        Self {
            showing: Arc::new(showing),
            ..self
        }
    }

    /// Unix milliseconds; no step of the wall clock moves it.
    pub(crate) fn now(&self) -> UnixMs {
        self.clock.now_ms()
    }

    /// A draw for jitter.
    pub(crate) fn chance(&self) -> f64 {
        self.clock.chance()
    }

    /// This process, as the owner of claims and leases.
    pub(crate) fn owner(&self) -> Owner {
        self.store.owner().clone()
    }

    /// The store itself, for what waits for its wake-ups and for its implementations of ports.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// One snapshot of the store.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>>,
    {
        self.store.read(read).await
    }

    /// One transaction: all of it or nothing.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.store.write(write).await
    }

    /// [`Ledger::read`] for a use case with an error of its own.
    pub(crate) async fn read_or<T, F>(&self, read: F) -> Result<T, Unwritten>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, Unwritten>>,
    {
        self.store.read_or(read).await
    }

    /// [`Ledger::write`] for a use case with an error of its own, which rolls everything back as well.
    pub(crate) async fn write_or<T, F>(&self, write: F) -> Result<T, Unwritten>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, Unwritten>> + Send + 'static,
    {
        self.store.write_or(write).await
    }

    /// A part of the host, now.
    pub(crate) fn by(&self, actor: &str) -> By {
        By {
            actor: actor.to_owned(),
            channel: None,
            now: self.now(),
            chance: self.chance(),
            showing: self.showing.clone(),
        }
    }

    /// A person, now.
    pub(crate) fn by_person(&self, caller: &Caller) -> By {
        By {
            channel: Some(caller.channel),
            ..self.by(caller.person.as_str())
        }
    }

    /// The task of a job.
    pub(crate) async fn record(&self, job: &ClaimedJob) -> anyhow::Result<TaskRecord> {
        let id = job
            .task
            .with_context(|| format!("job {} has no task", job.key.id))?;
        Ok(self.read(move |tx| Box::pin(tx.task(id))).await?)
    }

    /// The task of a job with the configuration that it began with.
    pub(crate) async fn subject(
        &self,
        job: &ClaimedJob,
    ) -> anyhow::Result<(TaskRecord, Effective)> {
        let record = self.record(job).await?;
        let effective = self.configuration(&record.config_digest).await?;
        Ok((record, effective))
    }

    /// A stored configuration.
    pub(crate) async fn configuration(&self, digest: &str) -> anyhow::Result<Effective> {
        let digest = digest.to_owned();
        let text = self
            .read(|tx| Box::pin(async move { tx.config(&digest).await }))
            .await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Appends an event that moves nothing, such as the intent before an irreversible act.
    pub(crate) async fn note(
        &self,
        task: TaskId,
        kind: EventKind,
        data: String,
    ) -> Result<(), StoreError> {
        let noted = self
            .store
            .append_event(Some(task), kind, "host", data, self.now());
        noted.await.map(|_| ())
    }

    /// Announces something to people, once per `key`.
    pub(crate) async fn announce(
        &self,
        task: Option<TaskId>,
        key: String,
        kind: NoticeKind,
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.write(move |tx| Box::pin(async move { announce(tx, task, &key, kind, now).await }))
            .await
    }
}
