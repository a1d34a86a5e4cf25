//! Claims the jobs of one lane and runs as many at once as the lane has slots.

use std::future::Future;
use std::time::Duration;

use orch_domain::job::Lane;
use orch_store::{ClaimedJob, Store, StoreError};
use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::ledger::clock::Clock;
use crate::ledger::status::POLL_MAX;

/// How long a claim holds without renewal.
pub(crate) const LEASE_MS: i64 = 60_000;

/// Works on one lane of a store until `stopped` ends. `work` ends each job that it is handed.
pub async fn work_on<W, F>(
    store: Store,
    lane: Lane,
    slots: u32,
    work: W,
    stopped: impl Future<Output = ()>,
) where
    W: Fn(ClaimedJob) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let ledger = Ledger::new(store, Clock::default());
    run(&ledger, lane, slots, work, stopped).await;
}

/// As [`work_on`], by the host's own clock.
pub(crate) async fn run<W, F>(
    ledger: &Ledger,
    lane: Lane,
    slots: u32,
    work: W,
    stopped: impl Future<Output = ()>,
) where
    W: Fn(ClaimedJob) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let wake = ledger.store().wake();
    let mut running: JoinSet<()> = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        // Registered before looking, so that nothing that is queued in between is missed.
        let notified = wake.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        // All of them, or the slots of those that ended together would come free one look at a time.
        while let Some(ended) = running.try_join_next() {
            note_panic(ended);
        }
        let free = slots.saturating_sub(u32::try_from(running.len()).unwrap_or(u32::MAX));
        let mut pause = POLL_MAX;
        if free > 0 {
            match claim(ledger, lane, free).await {
                Ok(claimed) => {
                    for job in claimed.jobs {
                        running.spawn(work(job));
                    }
                    pause = claimed.pause;
                }
                Err(error) => {
                    tracing::error!(error = %error, lane = lane.as_str(), "jobs cannot be claimed")
                }
            }
        }
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep(pause) => {}
            Some(ended) = running.join_next() => note_panic(ended),
            () = &mut stopped => break,
        }
    }
    // Steps are dropped here: their children die with them, supervised runs go on.
    running.shutdown().await;
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = %error, "a step panicked; the reaper puts its job back into the queue");
    }
}

/// What a look into the queue came to.
struct Claimed {
    jobs: Vec<ClaimedJob>,
    /// Until the next job is due, within bounds.
    pause: Duration,
}

async fn claim(ledger: &Ledger, lane: Lane, free: u32) -> Result<Claimed, StoreError> {
    // A look without the writer first: an idle host must not flush twice a second.
    let now = ledger.now();
    let outlook = ledger
        .store()
        .look(|tx| Box::pin(tx.outlook(lane, now)))
        .await?;
    let owner = ledger.owner();
    let jobs = match outlook.is_due {
        true => {
            let store = ledger.store();
            store.claim(lane, free, &owner, now, LEASE_MS).await?
        }
        false => Vec::new(),
    };
    let until_next = outlook.next_ms.map_or(POLL_MAX, |at| {
        Duration::from_millis(u64::try_from((at - now).max(5)).unwrap_or(5))
    });
    Ok(Claimed {
        jobs,
        pause: until_next.min(POLL_MAX),
    })
}
