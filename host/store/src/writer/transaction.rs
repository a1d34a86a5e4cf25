//! One transaction: a savepoint for each caller's work and for each group of what is alike, so that one that fails takes
//! nothing of its neighbours with it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::{Context, StoreError};
use crate::joined::Joined;
use crate::tx::Tx;

/// Tells callers how the commit went.
pub(super) type Reply = Box<dyn FnOnce(Committed<'_>) + Send>;
/// How the commit went.
pub(super) type Committed<'a> = Result<(), &'a Arc<StoreError>>;

/// What the caller of a write is told.
pub(super) fn told<T>(value: T, committed: Committed<'_>) -> Result<T, StoreError> {
    match committed {
        Ok(()) => Ok(value),
        Err(error) => Err(StoreError::NotWritten(error.clone())),
    }
}

/// A write with its caller.
#[derive(Debug)]
pub(super) struct Asked<J: Joined> {
    pub(super) write: J,
    pub(super) caller: oneshot::Sender<Result<J::Answer, StoreError>>,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Savepoint {
    /// It has not begun.
    None,
    /// One is open, and what was written since is to stay.
    Kept,
    /// One is open, and nothing was written since.
    Clean,
}

impl Savepoint {
    /// What closes the present savepoint, if it has to be, and opens the next one.
    fn opening(self) -> &'static str {
        match self {
            Self::None => "BEGIN IMMEDIATE; SAVEPOINT command; ",
            Self::Kept => "RELEASE command; SAVEPOINT command; ",
            Self::Clean => "",
        }
    }
}

/// A transaction under way.
pub(super) struct Transaction<'t> {
    tx: &'t mut Tx,
    savepoint: Savepoint,
    /// Whoever waits for the commit.
    pub(super) replies: Vec<Reply>,
    /// Why it cannot go on: whatever else is joined is refused then.
    pub(super) failed: Option<StoreError>,
}

impl<'t> Transaction<'t> {
    pub(super) fn new(tx: &'t mut Tx) -> Self {
        Self {
            tx,
            savepoint: Savepoint::None,
            replies: Vec::new(),
            failed: None,
        }
    }

    /// In a savepoint of its own from here on.
    pub(super) async fn open(&mut self) -> Result<&mut Tx, StoreError> {
        match self.savepoint {
            Savepoint::Clean => {}
            Savepoint::None | Savepoint::Kept => self.execute(self.savepoint.opening()).await?,
        }
        self.savepoint = Savepoint::Kept;
        Ok(self.tx)
    }

    /// In the present savepoint.
    pub(super) fn tx(&mut self) -> &mut Tx {
        self.tx
    }

    /// Takes back what was written in the present savepoint.
    pub(super) async fn undo(&mut self) -> Result<(), StoreError> {
        self.tx.opening = "";
        self.execute("ROLLBACK TO command").await?;
        self.savepoint = Savepoint::Clean;
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        if self.savepoint == Savepoint::None {
            return Ok(());
        }
        orch_durable::point("commit: before");
        self.execute("RELEASE command; COMMIT").await?;
        orch_durable::point("commit: after");
        Ok(())
    }

    pub(super) async fn abandon(&mut self) {
        self.tx.opening = "";
        if let Err(rollback) = self.execute("ROLLBACK").await {
            // SQLite rolls back by itself on a full disk; there is nothing left to undo then.
            tracing::debug!(error = %rollback, "nothing to roll back");
        }
    }

    /// What is alike, as one statement; one by one if that did not do all of it.
    pub(super) async fn join<J: Joined>(&mut self, asked: Vec<Asked<J>>) {
        let (writes, callers): (Vec<J>, Vec<_>) =
            asked.into_iter().map(|a| (a.write, a.caller)).unzip();
        let answers = match self.failed {
            Some(_) => Vec::new(),
            None => match self.all_or_each(&writes).await {
                Ok(answers) => answers,
                Err(error) => {
                    self.failed = Some(error);
                    Vec::new()
                }
            },
        };
        let mut answers = answers.into_iter();
        let mut waiting = Vec::with_capacity(callers.len());
        for caller in callers {
            match answers.next() {
                Some(Err(error)) => drop(caller.send(Err(error))),
                Some(Ok(answer)) => waiting.push((caller, Some(answer))),
                None => waiting.push((caller, None)),
            }
        }
        self.replies.push(Box::new(move |committed| {
            for (caller, answer) in waiting {
                // What has no answer was not committed either.
                let answer = answer.ok_or(StoreError::Closed);
                // A caller that went away does not want the answer; the commit stands.
                drop(caller.send(told(answer, committed).flatten()));
            }
        }));
    }

    async fn all_or_each<J: Joined>(
        &mut self,
        writes: &[J],
    ) -> Result<Vec<Result<J::Answer, StoreError>>, StoreError> {
        if writes.iter().all(J::fits_an_array) {
            self.tx.opening = self.savepoint.opening();
            let done = J::all(self.tx, writes).await;
            // Whatever came of it: if the savepoint was not even opened, taking it back ends the transaction.
            self.savepoint = Savepoint::Kept;
            let refused = match done {
                Ok(Some(answers)) => return Ok(answers.into_iter().map(Ok).collect()),
                Ok(None) => None,
                Err(error) => {
                    tracing::debug!(error = error.in_full(), "a group is done one by one");
                    Some(error)
                }
            };
            if let Err(error) = self.undo().await {
                // Where nothing is to be taken back the transaction is gone, and what ended it says why.
                return Err(refused.unwrap_or(error));
            }
        }
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            let answer = write.one(self.open().await?).await;
            if answer.is_err() {
                self.undo().await?;
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement)
            .execute(&mut self.tx.conn)
            .await
            .map(|_| ())
            .doing(statement)
    }
}
