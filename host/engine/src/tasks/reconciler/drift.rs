//! Tasks against the forge and the queue: branches that others moved, commits that nobody tests, steps without
//! a job.

use std::collections::BTreeMap;

use orch_domain::id::{ObjectId, TaskId};
use orch_domain::job::{JobKind, JobState};
use orch_domain::notice::Missed;
use orch_domain::port::forge::Tips;
use orch_domain::reconcile::{Drift, Seen, StepJob, drift};
use orch_domain::remedy::asks_person;
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_store::{Cancel, TaskRecord, Tx, UnderWay};

use super::{Reconciler, Standing, tell};
use crate::ledger::apply::{Applied, apply, pipeline_of};
use crate::ledger::ci_request::{ask_ci, ask_ci_again};
use crate::ledger::intent::own_pushes;
use crate::ledger::repos::Repo;
use crate::ledger::unwritten::Unwritten;

/// Tasks that are read at once.
const PAGE: u32 = 100;

/// Looks at every task under way once.
pub(super) async fn look(reconciler: &Reconciler, standing: &mut Standing) -> anyhow::Result<()> {
    let mut forges = Forges::default();
    let mut found = Standing::new();
    let mut after = TaskId(0);
    loop {
        let page = reconciler
            .ledger
            .read(move |tx| Box::pin(tx.under_way(after, PAGE)))
            .await?;
        let Some(last) = page.last().map(|u| u.record.task.id) else {
            break;
        };
        after = last;
        for under_way in page {
            let id = under_way.record.task.id;
            match one(reconciler, &mut forges, &under_way, standing.get(&id)).await {
                Ok(Some(stands)) => {
                    found.insert(id, stands);
                }
                Ok(None) => {}
                Err(error) => tracing::error!(
                    task.id = id.0,
                    error = format!("{error:#}"),
                    "a task cannot be reconciled"
                ),
            }
        }
    }
    *standing = found;
    Ok(())
}

/// Tips of every repository that was asked in this look; none of one that did not answer.
#[derive(Default)]
struct Forges(BTreeMap<String, Option<Tips>>);

impl Forges {
    async fn tips(&mut self, reconciler: &Reconciler, repo: &Repo) -> Option<&Tips> {
        if !self.0.contains_key(&repo.name) {
            let source = format!("forge:{}", repo.name);
            let tips = match repo.forge.tips().await {
                Ok(tips) => {
                    reconciler.status.answered(&source);
                    Some(tips)
                }
                Err(error) => {
                    reconciler.status.failed(&source, &error);
                    None
                }
            };
            self.0.insert(repo.name.clone(), tips);
        }
        self.0.get(&repo.name)?.as_ref()
    }
}

/// Looks at one task; answers a difference that stands and is not yet acted on.
async fn one(
    reconciler: &Reconciler,
    forges: &mut Forges,
    under_way: &UnderWay,
    stood: Option<&(Drift, i64)>,
) -> anyhow::Result<Option<(Drift, i64)>> {
    let record = &under_way.record;
    let task = &record.task;
    let now = reconciler.ledger.now();
    let grace_ms = i64::from(reconciler.config.now().reconcile.grace_s) * 1000;
    let repo = reconciler.repos.get(task.repo.as_str())?;
    let Some(tips) = forges.tips(reconciler, repo).await else {
        return Ok(None);
    };
    let tip = tips.get(&record.branch).cloned();
    test_again(reconciler, record, now - grace_ms).await?;
    let seen = reconciler
        .ledger
        .read_or({
            let (record, job) = (record.clone(), under_way.job);
            move |tx| Box::pin(async move { seen(tx, &record, job, tip).await })
        })
        .await?;
    let Some(found) = drift(task, &seen) else {
        return Ok(None);
    };
    let since = match stood {
        Some((before, since)) if *before == found => *since,
        _ => now,
    };
    if now - since < grace_ms {
        return Ok(Some((found, since)));
    }
    make_good(reconciler, record, &found).await?;
    Ok(None)
}

async fn seen(
    tx: &mut Tx,
    record: &TaskRecord,
    job: Option<JobState>,
    tip: Option<ObjectId>,
) -> Result<Seen, Unwritten> {
    let pipeline = pipeline_of(tx, record).await?;
    let own = match tip == record.task.head {
        true => Vec::new(),
        false => own_pushes(tx, record.task.id).await?,
    };
    Ok(Seen {
        job: match job {
            None => StepJob::Missing,
            Some(JobState::Scheduled) => StepJob::PutOff,
            Some(_) => StepJob::Busy,
        },
        tip,
        own,
        asks_person: asks_person(&record.task, &pipeline),
    })
}

/// Acts on a difference, if the task and its job are still as they were when it was seen.
async fn make_good(
    reconciler: &Reconciler,
    record: &TaskRecord,
    found: &Drift,
) -> anyhow::Result<()> {
    let (id, version) = (record.task.id, record.task.version);
    let item = record.task.work_item.to_string();
    let effective = reconciler
        .ledger
        .configuration(&record.config_digest)
        .await?;
    let (event, missed, tested) = match found {
        Drift::JobLost => (Event::JobLost, Some(Missed::JobLost), None),
        Drift::BranchMoved(head) => (
            Event::ForeignPush { head: head.clone() },
            Some(Missed::BranchMoved { head: head.clone() }),
            effective.ci.is_some().then(|| head.clone()),
        ),
        Drift::BranchGone => {
            let head = record.task.head.as_ref().map(ToString::to_string);
            let detail = format!(
                "branch `{}` is gone from the forge; it was at {}",
                record.branch,
                head.unwrap_or_default()
            );
            let reason = BlockReason::BranchGone;
            // A block tells people by itself.
            (Event::Halted { reason, detail }, None, None)
        }
    };
    let (by, wanted) = (
        reconciler.ledger.by("reconciler"),
        reconciler.config.now().reconcile.notify_unblock,
    );
    let missed = missed.filter(|_| wanted);
    let (expected, name, repo) = (found.clone(), found.name(), record.task.repo.clone());
    let moved = reconciler
        .ledger
        .write_or(move |tx| {
            Box::pin(async move {
                let present = tx.task(id).await?.task;
                let job = tx.step_job(id).await?;
                let stands = match expected {
                    Drift::JobLost => job.is_none(),
                    Drift::BranchMoved(_) | Drift::BranchGone => job == Some(JobState::Scheduled),
                };
                if present.version != version || !stands {
                    return Ok(false);
                }
                if matches!(expected, Drift::BranchGone) {
                    tx.cancel_jobs(id, by.now, Cancel::Steps).await?;
                }
                if matches!(apply(tx, id, &event, &by).await?, Applied::Ignored(_)) {
                    return Ok(false);
                }
                if let Some(head) = tested {
                    ask_ci(tx, &repo, id, &head, by.now).await?;
                }
                let key = format!("reconciled:{id}:{version}:{name}");
                tell(tx, missed, id, &key, by.now).await?;
                Ok(true)
            })
        })
        .await?;
    if moved {
        reconciler.made_good(&item, name);
    }
    Ok(())
}

/// Asks again for the test of a task's commit that nobody runs.
async fn test_again(
    reconciler: &Reconciler,
    record: &TaskRecord,
    before_ms: i64,
) -> anyhow::Result<()> {
    let Some(head) = record.task.head.clone() else {
        return Ok(());
    };
    let (id, name, now) = (
        record.task.id,
        record.task.repo.clone(),
        reconciler.ledger.now(),
    );
    let (repo, commit) = (name.clone(), head.clone());
    let is_untested = reconciler
        .ledger
        .read(move |tx| Box::pin(async move { tx.is_untested(&repo, &commit, before_ms).await }));
    if !is_untested.await? {
        return Ok(());
    }
    let again = reconciler
        .ledger
        .write(move |tx| Box::pin(async move { ask_ci_again(tx, &name, id, &head, now).await }));
    let again = again.await?;
    if again {
        reconciler.made_good(record.task.work_item.as_str(), JobKind::Ci.as_str());
    }
    Ok(())
}
