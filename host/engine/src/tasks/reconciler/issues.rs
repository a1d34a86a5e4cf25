//! Moves of issues by people, handled as if their notice had come.

use orch_domain::notice::{Missed, PersonAsked};
use orch_domain::reconcile::{Asked, asked};
use orch_domain::source::{IssueMove, Tracker};
use orch_store::{StoreError, Tx};

use super::{Reconciler, tell};
use crate::ledger::apply::{Applied, By};
use crate::ledger::decisions::{Decision, decide, refusal};
use crate::ledger::unwritten::Unwritten;
use crate::sources::LocalTracker;

/// Name under which the position is kept.
const SOURCE: &str = "tracker:local";
/// Moves that are taken at once.
const MOVES_MAX: u32 = 200;

/// What became of a move.
enum Handled {
    /// It asked for nothing, or was handled before.
    Nothing,
    /// The task moved.
    Done(PersonAsked),
    /// It was refused, and the issue put back.
    Refused(String),
}

/// Takes moves up in their order. Without a hint, one has to have stood for the grace: its notice may be on
/// its way.
pub(super) async fn look(reconciler: &Reconciler, hinted: bool) -> anyhow::Result<()> {
    let ledger = &reconciler.ledger;
    let config = reconciler.config.now();
    let grace_ms = i64::from(config.reconcile.grace_s) * 1000;
    let mut position = ledger
        .read(|tx| Box::pin(tx.source_position(SOURCE)))
        .await?;
    loop {
        let moves = LocalTracker(reconciler.ledger.store())
            .moves(position, MOVES_MAX)
            .await?;
        let Some(last) = moves.last().map(|m| m.position) else {
            return Ok(());
        };
        let newest_ms = reconciler.ledger.now() - grace_ms;
        for moved in moves {
            if !hinted && moved.at_ms > newest_ms {
                return Ok(());
            }
            take(reconciler, moved, hinted).await?;
        }
        position = last;
    }
}

/// Decision, issue and position are one transaction: a crash leaves the move to be taken again, or done.
async fn take(reconciler: &Reconciler, moved: IssueMove, hinted: bool) -> anyhow::Result<()> {
    let config = reconciler.config.now();
    let by = By {
        actor: moved.actor.clone(),
        ..reconciler.ledger.by("")
    };
    let wanted = config.reconcile.notify_unblock && !hinted;
    let (item, handled) = reconciler
        .ledger
        .write_or(move |tx| {
            Box::pin(async move {
                if !tx.advance_source(SOURCE, moved.position).await? {
                    return Ok((String::new(), Handled::Nothing));
                }
                let handled = handle(tx, &moved, &config, &by).await?;
                let item = tx.task(moved.task).await?.task.work_item.to_string();
                if let Handled::Done(asked) = &handled {
                    let key = format!("reconciled:{SOURCE}:{}", moved.position);
                    let missed = Missed::IssueMoved {
                        asked: *asked,
                        by: moved.actor,
                    };
                    let missed = wanted.then_some(missed);
                    tell(tx, missed, moved.task, &key, by.now).await?;
                }
                Ok((item, handled))
            })
        })
        .await?;
    match handled {
        Handled::Done(asked) if hinted => {
            let asked = asked.as_str();
            tracing::info!(work_item = item, asked, "an issue was moved");
        }
        Handled::Done(asked) => reconciler.made_good(&item, asked.as_str()),
        Handled::Refused(why) => {
            tracing::warn!(
                work_item = item,
                why,
                "a move of an issue was refused and put back"
            );
        }
        Handled::Nothing => {}
    }
    Ok(())
}

async fn handle(
    tx: &mut Tx,
    moved: &IssueMove,
    config: &orch_config::HostConfig,
    by: &By,
) -> Result<Handled, Unwritten> {
    let task = tx.task(moved.task).await?.task;
    let moved_on = tx.issue_moved_on(task.id, moved.at_ms).await?;
    let (decision, what) = match asked(&task, moved) {
        Asked::Nothing => return Ok(Handled::Nothing),
        Asked::Stop => (Decision::Stop, PersonAsked::Stop),
        // The host has asked something else since: nobody can have approved that by this.
        Asked::Approve | Asked::Resume if moved_on => return Ok(Handled::Nothing),
        Asked::Approve => (Decision::Approve, PersonAsked::Approval),
        Asked::Resume => {
            let (stage, rounds) = (None, 0);
            (Decision::Resume { stage, rounds }, PersonAsked::Resumption)
        }
        Asked::PutBack => {
            let why = "the host moves issues as their tasks move; move one to `stop` to stop its task, to `approved` to approve what it waits for, to `in-progress` to resume a blocked one";
            return Ok(put_back(tx, moved, why.to_owned(), by).await?);
        }
    };
    if let Some(why) = refusal(config, &decision, &moved.actor) {
        return Ok(put_back(tx, moved, why, by).await?);
    }
    match decide(tx, moved.task, &decision, by).await? {
        Applied::Moved(_) => Ok(Handled::Done(what)),
        Applied::Ignored(why) => Ok(put_back(tx, moved, why, by).await?),
    }
}

/// Says why a move asks for nothing, and puts the issue where its task is.
async fn put_back(
    tx: &mut Tx,
    moved: &IssueMove,
    why: String,
    by: &By,
) -> Result<Handled, StoreError> {
    match tx.issue_state(moved.task).await {
        Ok(state) => tx.set_issue_state(moved.task, state, by.now).await?,
        // One move of an issue that is none must not hold up all that come after it.
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    let text = format!(
        "`{}` by {} was not carried out: {why}",
        moved.state.as_str(),
        moved.actor
    );
    let key = format!("put-back:{}", moved.position);
    tx.add_comment(
        moved.task,
        &key,
        orch_domain::source::HOST_ACTOR,
        &text,
        by.now,
    )
    .await?;
    Ok(Handled::Refused(why))
}
