//! How do the commands that wait become one transaction?

use futures_util::future::BoxFuture;

use super::groups::{Group, Groups};
use super::transaction::{Reply, Transaction};
use crate::error::StoreError;
use crate::tx::Tx;

/// Statements of one caller; none is what it answers once it has told its caller of an error.
pub(super) type Work = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Option<Reply>> + Send>;

/// What the queue holds.
pub(super) enum Command {
    Work(Work),
    Ask(Box<dyn Group>),
}

/// Carries out a batch in one transaction. On failure everything is rolled back and the replies come back with the
/// error, so that no caller is told of a success that is not durable; commands whose turn did not come stay where they
/// are.
pub(super) async fn commit(
    tx: &mut Tx,
    commands: &mut Vec<Command>,
) -> Result<Vec<Reply>, (Vec<Reply>, StoreError)> {
    let mut transaction = Transaction::new(tx);
    match carry_out(&mut transaction, commands).await {
        Ok(()) => Ok(transaction.replies),
        Err(error) => {
            transaction.abandon().await;
            Err((transaction.replies, error))
        }
    }
}

async fn carry_out(
    transaction: &mut Transaction<'_>,
    commands: &mut Vec<Command>,
) -> Result<(), StoreError> {
    let mut groups = Groups::default();
    commands.reverse();
    while let Some(command) = commands.pop() {
        match command {
            Command::Ask(ask) => {
                if groups.ends_before(&*ask)
                    && let Err(error) = join(transaction, &mut groups).await
                {
                    commands.push(Command::Ask(ask));
                    return Err(error);
                }
                groups.add(ask);
            }
            Command::Work(work) => {
                if let Err(error) = open(transaction, &mut groups).await {
                    // It stays: its caller asks why it goes, and has to find the reason then.
                    commands.push(Command::Work(work));
                    return Err(error);
                }
                match work(transaction.tx()).await {
                    Some(reply) => transaction.replies.push(reply),
                    None => transaction.undo().await?,
                }
            }
        }
    }
    join(transaction, &mut groups).await?;
    transaction.commit().await
}

/// Carries out the run of commands so far, and opens a savepoint for what comes.
async fn open(transaction: &mut Transaction<'_>, groups: &mut Groups) -> Result<(), StoreError> {
    join(transaction, groups).await?;
    transaction.open().await.map(|_| ())
}

/// Carries out the run of commands so far; another one begins.
async fn join(transaction: &mut Transaction<'_>, groups: &mut Groups) -> Result<(), StoreError> {
    std::mem::take(groups).carry_out(transaction).await;
    transaction.failed.take().map_or(Ok(()), Err)
}
