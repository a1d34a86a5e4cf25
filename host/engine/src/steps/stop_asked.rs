//! Has a person asked for a stop of which the host has not heard yet? Asked of the tracker right before a landing, which
//! nothing takes back: a stop that was made before it wins, even where the host learns of moves by polling alone.
//!
//! Who may stop what is not decided here: the reconciler takes the move up as any other, and puts back what is refused.

use orch_config::LiveConfig;
use orch_domain::id::TaskId;
use orch_domain::port::PortFailure;
use orch_domain::reconcile::{Asked, asked};
use orch_domain::transition::Event;
use orch_store::TaskRecord;

use crate::ledger::Ledger;
use crate::ledger::apply::apply;
use crate::ledger::doors::Doors;
use crate::ledger::status::ReconcilerStatus;

/// Moves that are taken at once.
const MOVES_MAX: u32 = 200;
/// How often moves are taken; what comes after them is the reconciler's to find.
const PAGES_MAX: u32 = 10;
/// When to look again whether the reconciler has taken the move up, milliseconds.
pub(super) const AGAIN_MS: u64 = 1_000;

/// Asks trackers. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct StopAsked {
    pub(super) ledger: Ledger,
    pub(super) config: LiveConfig,
    pub(super) doors: Doors,
    pub(super) reconciler: ReconcilerStatus,
}

/// What was found.
#[must_use]
pub(super) enum Stop {
    /// Nobody asks for one.
    No,
    /// The task is to be stopped.
    Asked,
    /// Its issue was moved to `stop`, and the host is about to look who did.
    Unheard,
}

impl StopAsked {
    /// Whether the task is to be stopped. A tracker that does not answer is an error of its own: what would land cannot be
    /// taken back.
    pub(super) async fn of(&self, id: TaskId) -> anyhow::Result<Stop> {
        let found = self.ledger.read(move |tx| {
            Box::pin(async move {
                let (record, at) = (tx.task(id).await?, tx.issue_at(id).await?);
                let source = format!("tracker:{}", at.tracker);
                let position = tx.source_position(&source).await?;
                Ok((record, at, position))
            })
        });
        let (TaskRecord { task, .. }, at, position) = found.await?;
        if task.stop_requested {
            return Ok(Stop::Asked);
        }
        // Whoever switched the looks off goes by what is told to the host alone.
        let Some(tracker) = self.doors.trackers.get(&at.tracker) else {
            return Ok(Stop::No);
        };
        if !self.config.now().reconcile.enabled {
            return Ok(Stop::No);
        }
        let mut position = match position {
            // What happened before the host ever looked is none of its business.
            0 => tracker.beginning().await?,
            position => position,
        };
        for _ in 0..PAGES_MAX {
            let moves = tracker.moves(position, MOVES_MAX).await?;
            let mut own = moves.iter().filter(|moved| moved.issue == at.issue);
            if own.any(|moved| asked(&task, moved) == Asked::Stop) {
                self.reconciler.hint();
                return Ok(Stop::Unheard);
            }
            let Some(last) = moves.last() else { break };
            position = last.position;
        }
        match tracker.state(&at.issue).await {
            Ok(_) => Ok(Stop::No),
            // Not being shown an issue is no proof that it was deleted.
            Err(error) if error.failure == PortFailure::NotFound => {
                match tracker.is_deleted(&at.issue).await? {
                    true => self.stop(id).await,
                    false => Ok(Stop::No),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that the task is to be stopped, because its issue was deleted; whoever lands gives way to that.
    async fn stop(&self, id: TaskId) -> anyhow::Result<Stop> {
        let by = self.ledger.by("tracker");
        let event = Event::StopRequested {
            by: by.actor.clone(),
        };
        let stopped = self
            .ledger
            .write_or(move |tx| Box::pin(async move { apply(tx, id, &event, &by).await }));
        stopped.await?;
        Ok(Stop::Asked)
    }
}
