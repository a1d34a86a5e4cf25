//! Moves of issues by people, handled as if their notice had come.

use orch_domain::id::{DoorName, TaskId};
use orch_domain::message::{MessageKind, Remark};
use orch_domain::notice::{Missed, PersonAsked};
use orch_domain::person::Caller;
use orch_domain::port::tracker::{IssueAt, IssueMove, Tracker};
use orch_domain::reconcile::{Answers, Asked, Shown, answers, asked};
use orch_store::{StoreError, Tx};

use super::begin::digest;
use super::{Reconciler, tell};
use crate::ledger::apply::{Applied, By};
use crate::ledger::decisions::{Decision, decide, refusal};
use crate::ledger::issues::{remark_on, want_issue};
use crate::ledger::people::person_of_account;
use crate::ledger::unwritten::Unwritten;

/// Moves that are taken at once.
const MOVES_MAX: u32 = 200;
/// How often an issue is put back within [`PUT_BACK_WITHIN_MS`].
const PUT_BACK_MAX: u64 = 5;
/// The time in which that is counted, milliseconds.
const PUT_BACK_WITHIN_MS: i64 = 600_000;

/// What became of a move.
enum Handled {
    /// It asked for nothing, or was handled before.
    Nothing,
    /// The task moved.
    Done(PersonAsked),
    /// It was refused, and the issue put back.
    Refused(String),
    /// Nobody can say yet what it answers: the tracker has not been told what the host asks.
    NotYet,
}

/// What became of a move, and of which task.
struct Taken {
    item: String,
    handled: Handled,
}

/// Takes the moves of a tracker up in their order. Without a hint, one has to have stood for the grace: its notice
/// may be on its way.
pub(super) async fn look(
    reconciler: &Reconciler,
    name: &DoorName,
    tracker: &dyn Tracker,
    hinted: bool,
) -> anyhow::Result<()> {
    let ledger = &reconciler.ledger;
    let config = reconciler.config.now();
    let grace_ms = i64::from(config.reconcile.grace_s) * 1000;
    let source = format!("tracker:{name}");
    let key = source.clone();
    let mut position = ledger
        .read(|tx| Box::pin(async move { tx.source_position(&key).await }))
        .await?;
    if position == 0 {
        // What happened before the host ever looked is none of its business.
        position = tracker.beginning().await?;
        let (key, from) = (source.clone(), position);
        let begun =
            ledger.write(move |tx| Box::pin(async move { tx.advance_source(&key, from).await }));
        begun.await?;
    }
    loop {
        let moves = tracker.moves(position, MOVES_MAX).await?;
        let Some(last) = moves.last().map(|m| m.position) else {
            return Ok(());
        };
        let newest_ms = reconciler.ledger.now() - grace_ms;
        for moved in moves {
            if !hinted && moved.at_ms > newest_ms {
                return Ok(());
            }
            let mut taken = take(reconciler, name, &source, moved.clone(), hinted).await?;
            if hinted && matches!(taken.handled, Handled::NotYet) {
                // Said before looking again, so that a delivery in between is not missed.
                reconciler.status.leave_for_later();
                taken = take(reconciler, name, &source, moved, hinted).await?;
            }
            if matches!(taken.handled, Handled::NotYet) {
                return Ok(());
            }
            report(reconciler, taken, hinted);
        }
        position = last;
    }
}

/// Decision, issue and position are one transaction: a crash leaves the move to be taken again, or done.
async fn take(
    reconciler: &Reconciler,
    tracker: &DoorName,
    source: &str,
    moved: IssueMove,
    hinted: bool,
) -> Result<Taken, Unwritten> {
    let config = reconciler.config.now();
    let by = reconciler.ledger.by("reconciler");
    let now = by.now;
    let wanted = config.reconcile.notify_unblock && !hinted;
    let (source, tracker) = (source.to_owned(), tracker.clone());
    reconciler
        .ledger
        .write_or(move |tx| {
            Box::pin(async move {
                let at = IssueAt {
                    tracker,
                    issue: moved.issue.clone(),
                };
                let nothing = Taken {
                    item: String::new(),
                    handled: Handled::Nothing,
                };
                let Some(task) = tx.task_of_issue(&at).await? else {
                    // An issue that is nobody's must not hold up all that come after it.
                    tx.advance_source(&source, moved.position).await?;
                    return Ok(nothing);
                };
                if tx.source_position(&source).await? >= moved.position {
                    return Ok(nothing);
                }
                let who = person_of_account(tx, &config, &at.tracker, &moved.actor, by.now).await?;
                let handled =
                    handle(tx, task, &source, (&moved, who.as_ref()), &config, &by).await?;
                if !matches!(handled, Handled::NotYet) {
                    tx.advance_source(&source, moved.position).await?;
                }
                if let Handled::Done(asked) = &handled {
                    let key = format!("reconciled:{source}:{}", moved.position);
                    let by = who.map_or(moved.actor, |who| who.person.to_string());
                    let missed = wanted.then_some(Missed::IssueMoved { asked: *asked, by });
                    tell(tx, missed, task, &key, now).await?;
                }
                let item = tx.task(task).await?.task.work_item.to_string();
                Ok(Taken { item, handled })
            })
        })
        .await
}

fn report(reconciler: &Reconciler, taken: Taken, hinted: bool) {
    let Taken { item, handled } = taken;
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
        Handled::Nothing | Handled::NotYet => {}
    }
}

async fn handle(
    tx: &mut Tx,
    task: TaskId,
    source: &str,
    (moved, who): (&IssueMove, Option<&Caller>),
    config: &orch_config::HostConfig,
    by: &By,
) -> Result<Handled, Unwritten> {
    let present = tx.task(task).await?.task;
    let (decision, what) = match asked(&present, moved) {
        Asked::Nothing => return Ok(Handled::Nothing),
        Asked::Stop => (Decision::Stop, PersonAsked::Stop),
        asked @ (Asked::Approve | Asked::Resume) => {
            match answers(moved, shown(tx, task).await?, by.now) {
                Answers::Yes => {}
                Answers::No => {
                    // If it still stands there, people would take it for an answer that was heard.
                    let key = format!("unseen:{source}:{}", moved.position);
                    let state = tx.issue_state(task).await?;
                    want_issue(tx, task, state, &key, by.now).await?;
                    return Ok(Handled::Nothing);
                }
                Answers::NotYet => return Ok(Handled::NotYet),
            }
            match asked == Asked::Approve {
                true => (Decision::Approve, PersonAsked::Approval),
                false => {
                    let decision = Decision::Resume {
                        stage: None,
                        rounds: 0,
                        rebase: false,
                    };
                    (decision, PersonAsked::Resumption)
                }
            }
        }
        Asked::PutBack => {
            let why = "the host moves issues as their tasks move; move one to `stop` to stop its task, to `approved` to approve what it waits for, to `in-progress` to resume a blocked one";
            return Ok(put_back(tx, task, source, moved, why.to_owned(), by).await?);
        }
    };
    let Some(who) = who else {
        let why = format!(
            "`{}` is nobody whom the host knows on this tracker; `people` in orch.yaml says who is who",
            moved.actor
        );
        return Ok(put_back(tx, task, source, moved, why, by).await?);
    };
    if let Some(refused) = refusal(config, &decision, who) {
        return Ok(put_back(tx, task, source, moved, refused.what, by).await?);
    }
    let signed = By {
        actor: who.person.to_string(),
        channel: Some(who.channel),
        ..by.clone()
    };
    match decide(tx, task, &decision, config, &signed).await? {
        Applied::Moved(_) => Ok(Handled::Done(what)),
        Applied::Ignored(why) => Ok(put_back(tx, task, source, moved, why, by).await?),
    }
}

/// What people see of where the host wants the issue of a task.
async fn shown(tx: &mut Tx, task: TaskId) -> Result<Shown, StoreError> {
    if let Some(position) = tx.issue_shown_at(task).await? {
        return Ok(Shown::Since(position));
    }
    let waits = tx.is_message_waiting(task, MessageKind::IssueState).await?;
    Ok(match waits {
        true => Shown::OnItsWay,
        false => Shown::Never,
    })
}

/// Says why a move asks for nothing, once for each reason, and puts the issue where its task is. Somebody who moves it
/// again and again, such as a rule of the tracker's own, is not kept company in that for ever.
async fn put_back(
    tx: &mut Tx,
    task: TaskId,
    source: &str,
    moved: &IssueMove,
    why: String,
    by: &By,
) -> Result<Handled, StoreError> {
    let before = format!("put-back:{source}:{task}:");
    let since = by.now.saturating_sub(PUT_BACK_WITHIN_MS);
    let times = tx
        .count_messages_since(&format!("issue:{before}"), since)
        .await?;
    let is_left = times >= PUT_BACK_MAX;
    let mut said = why.clone();
    if is_left {
        said.push_str("; it was put back again and again, and is left where it is now");
    } else {
        let key = format!("{before}{}", moved.position);
        let state = tx.issue_state(task).await?;
        want_issue(tx, task, state, &key, by.now).await?;
    }
    let remark = Remark::MoveRefused {
        state: moved.state,
        by: moved.actor.clone(),
        why: said,
    };
    let key = digest(&format!("{remark:?}"));
    remark_on(tx, task, remark, &format!("{before}{key}"), by.now).await?;
    Ok(Handled::Refused(why))
}
