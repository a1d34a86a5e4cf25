//! The one writer: drains its queue into one transaction, commits, then answers.
//!
//! Group commit is what makes durable writes fast: a flush costs the same for one command as for sixty-four.
//! Each command has a savepoint, so one that fails or panics takes nothing of its neighbours with it; and a
//! caller that goes away cannot cancel a transaction half-way.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Most commands in one transaction: past this the flush is amortised and latency only grows.
const BATCH_MAX: usize = 64;
/// Most commands waiting; callers past it wait for room.
const QUEUE_MAX: usize = 1024;

/// Tells a command's caller how the commit went.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Command = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Option<Reply>> + Send>;

/// What the writer has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterStats {
    /// Commands carried out.
    pub commands: u64,
    /// Transactions committed: each is one durable flush.
    pub commits: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    commands: AtomicU64,
    commits: AtomicU64,
    /// Why the latest batch was dropped before its commands were run.
    dropped: Mutex<Option<Arc<StoreError>>>,
}

impl Counters {
    fn dropped(&self, error: &Arc<StoreError>) {
        let mut latest = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(error.clone());
    }

    /// What is told to a caller whose command was dropped.
    fn refusal(&self) -> StoreError {
        let latest = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        match &*latest {
            Some(error) => StoreError::NotWritten(error.clone()),
            None => StoreError::Closed,
        }
    }

    pub(crate) fn read(&self) -> WriterStats {
        WriterStats {
            commands: self.commands.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
        }
    }
}

/// Hands commands to the writer task.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Command>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) wake: Arc<Notify>,
}

impl Writer {
    /// Starts the writer task on `conn`; it ends when the last handle is dropped.
    pub(crate) fn start(conn: SqliteConnection) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, commands) = mpsc::channel(QUEUE_MAX);
        let writer = Self {
            queue,
            counters: Arc::default(),
            wake: Arc::default(),
        };
        let task = tokio::spawn(drain(
            conn,
            commands,
            writer.counters.clone(),
            writer.wake.clone(),
        ));
        (writer, task)
    }

    /// Carries out `work` inside the next transaction and answers after its commit. Whatever error the work ends
    /// with, its changes are rolled back.
    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<T, E>>();
        let command: Command = Box::new(move |tx| {
            Box::pin(async move {
                let future = AssertUnwindSafe(work(tx)).catch_unwind();
                match future.await {
                    Ok(Ok(value)) => {
                        let reply: Reply = Box::new(move |committed| {
                            // A caller that went away does not want the answer; the commit stands.
                            drop(answer.send(committed.map(|()| value).map_err(E::from)));
                        });
                        Some(reply)
                    }
                    Ok(Err(error)) => {
                        drop(answer.send(Err(error)));
                        None
                    }
                    Err(_panic) => {
                        tracing::error!("a write panicked; its changes are rolled back");
                        drop(answer.send(Err(StoreError::Panicked.into())));
                        None
                    }
                }
            })
        });
        self.queue
            .send(command)
            .await
            .map_err(|_| StoreError::Closed)?;
        match answered.await {
            Ok(answer) => answer,
            Err(_) if self.queue.is_closed() => Err(StoreError::Closed.into()),
            Err(_) => Err(self.counters.refusal().into()),
        }
    }
}

async fn drain(
    conn: SqliteConnection,
    mut commands: mpsc::Receiver<Command>,
    counters: Arc<Counters>,
    wake: Arc<Notify>,
) {
    let mut tx = Tx { conn, woke: false };
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while commands.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let count = batch.len() as u64;
        tx.woke = false;
        match commit_batch(&mut tx, &mut batch).await {
            Ok(replies) => {
                counters.commands.fetch_add(count, Ordering::Relaxed);
                counters.commits.fetch_add(1, Ordering::Relaxed);
                for reply in replies {
                    reply(Ok(()));
                }
                if tx.woke {
                    wake.notify_waiters();
                }
            }
            Err((replies, error)) => {
                tracing::error!(
                    error = error.in_full(),
                    "a transaction could not be committed"
                );
                let error = Arc::new(error);
                // Before the commands go, whose callers ask for it then.
                counters.dropped(&error);
                for reply in replies {
                    reply(Err(StoreError::NotWritten(error.clone())));
                }
            }
        }
        batch.clear();
    }
    if let Err(error) = tx.conn.close().await {
        tracing::warn!(error = %error, "the database did not close cleanly");
    }
}

/// Runs a batch in one transaction. On failure everything is rolled back and the replies come back with the
/// error, so that no caller is told of a success that is not durable.
async fn commit_batch(
    tx: &mut Tx,
    batch: &mut Vec<Command>,
) -> Result<Vec<Reply>, (Vec<Reply>, StoreError)> {
    let mut replies = Vec::with_capacity(batch.len());
    if let Err(error) = execute(tx, "BEGIN IMMEDIATE").await {
        return Err((replies, error));
    }
    for command in batch.drain(..) {
        let step = async {
            execute(tx, "SAVEPOINT command").await?;
            let reply = command(tx).await;
            if reply.is_none() {
                execute(tx, "ROLLBACK TO command").await?;
            }
            execute(tx, "RELEASE command").await?;
            Ok::<_, StoreError>(reply)
        };
        match step.await {
            Ok(reply) => replies.extend(reply),
            Err(error) => return abandon(tx, replies, error).await,
        }
    }
    orch_durable::point("commit: before");
    match execute(tx, "COMMIT").await {
        Ok(()) => {
            orch_durable::point("commit: after");
            Ok(replies)
        }
        Err(error) => abandon(tx, replies, error).await,
    }
}

async fn abandon(
    tx: &mut Tx,
    replies: Vec<Reply>,
    error: StoreError,
) -> Result<Vec<Reply>, (Vec<Reply>, StoreError)> {
    if let Err(rollback) = execute(tx, "ROLLBACK").await {
        // SQLite rolls back by itself on a full disk; there is nothing left to undo then.
        tracing::debug!(error = %rollback, "nothing to roll back");
    }
    Err((replies, error))
}

async fn execute(tx: &mut Tx, statement: &'static str) -> Result<(), StoreError> {
    sqlx::query(statement)
        .execute(&mut tx.conn)
        .await
        .map(|_| ())
        .doing(statement)
}
