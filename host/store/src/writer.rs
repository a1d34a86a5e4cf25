//! The one writer: drains its queue into one transaction, commits, then answers.
//!
//! Group commit is what makes durable writes fast: a flush costs the same for one command as for sixty-four, and
//! commands that are alike become one statement (`writer/groups.rs`). A caller that goes away cannot cancel a
//! transaction half-way.

mod batch;
mod groups;
mod transaction;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Notify, mpsc, oneshot};

use self::batch::{Command, Work};
use self::groups::Alike;
use self::transaction::{Asked, Reply, told};
use crate::error::StoreError;
use crate::joined::Joined;
use crate::tx::Tx;

/// Most commands in one transaction: past this the flush is amortised and latency only grows.
const BATCH_MAX: usize = 64;
/// Most commands waiting; callers past it wait for room.
const QUEUE_MAX: usize = 1024;

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
        let work: Work = Box::new(move |tx| {
            Box::pin(async move {
                let future = AssertUnwindSafe(work(tx)).catch_unwind();
                match future.await {
                    Ok(Ok(value)) => {
                        let reply: Reply = Box::new(move |committed| {
                            // A caller that went away does not want the answer; the commit stands.
                            drop(answer.send(told(value, committed).map_err(E::from)));
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
        self.send(Command::Work(work)).await?;
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(self.unanswered().into()),
        }
    }

    /// Has `write` carried out in the next transaction, with others of its kind if there are any; answers after the
    /// commit.
    pub(crate) async fn ask<J: Joined>(&self, write: J) -> Result<J::Answer, StoreError> {
        let (caller, answered) = oneshot::channel();
        let alone = Alike(vec![Asked { write, caller }]);
        self.send(Command::Ask(Box::new(alone))).await?;
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(self.unanswered()),
        }
    }

    async fn send(&self, command: Command) -> Result<(), StoreError> {
        let sent = self.queue.send(command).await;
        sent.map_err(|_| StoreError::Closed)
    }

    /// Why a command was dropped.
    fn unanswered(&self) -> StoreError {
        if self.queue.is_closed() {
            StoreError::Closed
        } else {
            self.counters.refusal()
        }
    }
}

async fn drain(
    conn: SqliteConnection,
    mut commands: mpsc::Receiver<Command>,
    counters: Arc<Counters>,
    wake: Arc<Notify>,
) {
    let mut tx = Tx::new(conn);
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while commands.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let count = batch.len() as u64;
        tx.woke = false;
        match batch::commit(&mut tx, &mut batch).await {
            Ok(replies) => {
                counters.commands.fetch_add(count, Ordering::Relaxed);
                counters.commits.fetch_add(1, Ordering::Relaxed);
                for reply in replies {
                    reply(Ok(()));
                }
                if tx.woke {
                    wake.notify_waiters();
                }
                // Those that were answered write again, most of them: let them in, or the next flush is for one.
                tokio::task::yield_now().await;
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
                    reply(Err(&error));
                }
            }
        }
        batch.clear();
    }
    if let Err(error) = tx.conn.close().await {
        tracing::warn!(error = %error, "the database did not close cleanly");
    }
}
