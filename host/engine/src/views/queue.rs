//! What does the queue look like: each mechanism's block, the jobs at work, and those that come next?

use std::collections::BTreeMap;

use orch_domain::id::TaskId;
use orch_domain::job::JobState;
use orch_store::{
    JobRow, LeaseRow, Pause, QueuedJob, RunningJob, Spending, StoreError, TaskTally, Tx,
    WaitingPlace,
};
use orch_views::job::{JobCounts, JobState as State, JobView, JobsView, RecentJob};
use orch_views::page::{LIMIT_MAX, PageRequest};
use orch_views::queue::{AlertsView, LandedDay, QueueView, StopView};

use super::mechanisms::{self, Mechanisms};
use super::{leases, pages, pauses};
use crate::commands::CommandError;
use crate::ledger::Ledger;
use crate::ledger::budget::day_of;
use crate::ledger::clock::stamp;
use crate::ledger::status::POLL_MAX;

/// Jobs that the queue's view shows as recent.
const RECENT: u32 = 10;

/// Days of which it is shown what landed.
const LANDED_DAYS: i64 = 30;
/// A day, milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Shows the queue. Clones are the same.
#[derive(Debug, Clone)]
pub struct QueueViews {
    pub(crate) ledger: Ledger,
    pub(crate) mechanisms: Mechanisms,
}

impl QueueViews {
    /// The queue with a block for each mechanism.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn show(&self) -> Result<QueueView, CommandError> {
        let now = self.ledger.now();
        let read = self.ledger.read(move |tx| Box::pin(rows(tx, now)));
        let rows = read.await?;
        Ok(QueueView {
            counts: rows.counts,
            max_concurrency: self.mechanisms.max_concurrency(),
            poll_interval: POLL_MAX.as_secs_f64(),
            resilience: self.mechanisms.resilience(&rows.today, rows.pauses),
            reconcile: self.mechanisms.reconciler(),
            reaper: self.mechanisms.reaper(),
            post_deploy: self.mechanisms.post_deploy(rows.watching),
            transition_lease: leases::block(
                self.mechanisms.deferred(),
                &rows.leases,
                &rows.running,
                &rows.names,
            ),
            stop: StopView {
                stopping: rows.tally.stopping,
            },
            alerts: AlertsView { open: rows.alerts },
            security: self.mechanisms.security(rows.decisions),
            recent: rows.recent.into_iter().map(recent).collect(),
            landed: landed(&rows.landed, now),
        })
    }

    /// What runs and what comes next, soonest first.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn jobs(&self, request: PageRequest) -> Result<JobsView, CommandError> {
        let limit = pages::limit(request.limit)?;
        let after = request.after.as_deref().map(parse_place).transpose()?;
        let now = self.ledger.now();
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                Ok((
                    counts(tx).await?,
                    tx.count_alerts(false).await?,
                    tx.pauses(now).await?,
                    tx.jobs_at_work(LIMIT_MAX).await?,
                    tx.waiting_jobs(after, limit + 1).await?,
                ))
            })
        });
        let (counts, alerts, pauses, running, waiting) = read.await?;
        let total = u64::try_from(counts.ready + counts.scheduled).unwrap_or_default();
        let place = |job: &QueuedJob| place_text(job.place());
        Ok(JobsView {
            counts,
            alerts,
            pauses: pauses.into_iter().map(pauses::view).collect(),
            running: running.into_iter().map(job).collect(),
            waiting: pages::page(waiting, limit, total, place, job),
        })
    }
}

/// What the queue's view is made of, read at one moment.
struct Rows {
    counts: JobCounts,
    recent: Vec<JobRow>,
    tally: TaskTally,
    alerts: u64,
    today: Spending,
    pauses: Vec<Pause>,
    watching: i64,
    decisions: Vec<(String, i64)>,
    leases: Vec<LeaseRow>,
    running: Vec<RunningJob>,
    names: BTreeMap<TaskId, String>,
    landed: Vec<(i64, u64)>,
}

/// Every one of the last days, those on which nothing landed among them.
fn landed(rows: &[(i64, u64)], now: i64) -> Vec<LandedDay> {
    let today = now.div_euclid(DAY_MS);
    let on = |day: i64| {
        rows.iter()
            .find(|(of, _)| *of == day)
            .map_or(0, |(_, n)| *n)
    };
    (today - LANDED_DAYS + 1..=today)
        .map(|day| LandedDay {
            day_ms: day * DAY_MS,
            changes: on(day),
        })
        .collect()
}

async fn rows(tx: &mut Tx, now: i64) -> Result<Rows, StoreError> {
    let (leases, running, names) = leases::held(tx).await?;
    let since = (now.div_euclid(DAY_MS) - LANDED_DAYS + 1) * DAY_MS;
    Ok(Rows {
        landed: tx.landed_by_day(since).await?,
        counts: counts(tx).await?,
        recent: tx.recent_jobs(RECENT).await?,
        tally: tx.task_tally().await?,
        alerts: tx.count_alerts(false).await?,
        today: tx.spending(None, day_of(now)).await?,
        pauses: tx.pauses(now).await?,
        watching: mechanisms::watching(tx).await?,
        decisions: mechanisms::decisions(tx).await?,
        leases,
        running,
        names,
    })
}

async fn counts(tx: &mut Tx) -> Result<JobCounts, StoreError> {
    let mut counts = JobCounts::default();
    for (state, count) in tx.job_counts().await? {
        let of_state = match state {
            JobState::Scheduled => &mut counts.scheduled,
            JobState::Ready => &mut counts.ready,
            JobState::Running => &mut counts.running,
            JobState::Done => &mut counts.done,
            JobState::Dead => &mut counts.dead,
            JobState::Cancelled => &mut counts.cancelled,
        };
        *of_state = count;
    }
    Ok(counts)
}

fn state(state: JobState) -> State {
    match state {
        JobState::Scheduled => State::Scheduled,
        JobState::Ready => State::Ready,
        JobState::Running => State::Running,
        JobState::Done => State::Done,
        JobState::Dead => State::Dead,
        JobState::Cancelled => State::Cancelled,
    }
}

fn recent(job: JobRow) -> RecentJob {
    RecentJob {
        id: job.id.0,
        kind: job.kind,
        state: state(job.state),
        task_id: job.task.map(|t| t.0),
        attempt: job.attempt,
        epoch: job.epoch,
        reason: job.reason,
        last_error: job.last_error,
    }
}

fn job(job: QueuedJob) -> JobView {
    JobView {
        id: job.id,
        kind: job.kind,
        lane: job.lane,
        state: state(job.state),
        repo: job.repo,
        work_item: job.work_item,
        priority: job.priority,
        attempt: job.attempt,
        due_ms: job.run_at_ms,
        due: stamp(job.run_at_ms),
        reason: job.reason,
    }
}

/// A place among waiting jobs as pages name it.
fn place_text(place: WaitingPlace) -> String {
    match place {
        WaitingPlace::Ready(priority, at, id) => format!("ready.{priority}.{at}.{id}"),
        WaitingPlace::Scheduled(at, id) => format!("later.{at}.{id}"),
    }
}

fn parse_place(text: &str) -> Result<WaitingPlace, CommandError> {
    let mut parts = text.split('.');
    let kind = parts.next();
    let numbers: Option<Vec<i64>> = parts.map(|part| part.parse().ok()).collect();
    match (kind, numbers.as_deref()) {
        (Some("ready"), Some([priority, at, id])) => Ok(WaitingPlace::Ready(*priority, *at, *id)),
        (Some("later"), Some([at, id])) => Ok(WaitingPlace::Scheduled(*at, *id)),
        _ => Err(pages::unknown_place(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written_and_nothing_else_is() {
        for place in [
            WaitingPlace::Ready(5, 1_700, 42),
            WaitingPlace::Scheduled(1_700, 42),
        ] {
            assert_eq!(parse_place(&place_text(place)).unwrap(), place);
        }
        for wrong in [
            "",
            "42",
            "ready.5.1",
            "later.1.2.3",
            "ready.a.b.c",
            "done.1.2",
        ] {
            assert!(parse_place(wrong).is_err(), "{wrong}");
        }
    }
}
