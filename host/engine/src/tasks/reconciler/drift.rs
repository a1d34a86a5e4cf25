//! Tasks against the forge and the queue: branches that others moved, commits that nobody tests, steps without
//! a job.

use std::collections::{BTreeMap, BTreeSet};

use orch_domain::id::{ObjectId, RepoName, TaskId};
use orch_domain::job::{JobKind, JobState};
use orch_domain::notice::Missed;
use orch_domain::port::forge::{PullRequestState, Tips};
use orch_domain::port::webhook::LookAt;
use orch_domain::reconcile::{Drift, Request, Seen, StepJob, drift};
use orch_domain::remedy::asks_person;
use orch_domain::stage::Stage;
use orch_domain::task::{BlockReason, Status};
use orch_domain::transition::Event;
use orch_store::{Cancel, TaskBranch, TaskRecord, Tx, UnderWay};

use super::{Reconciler, Standing, tell};
use crate::ledger::apply::{Applied, apply, pipeline_of};
use crate::ledger::ci_request::{ask_ci, ask_ci_again};
use crate::ledger::intent::own_pushes;
use crate::ledger::repos::Repo;
use crate::ledger::unwritten::Unwritten;
use crate::steps::others::{
    by_others, closed, has_request, is_elsewhere, landed_by_others, retargeted,
};

/// How often pull requests are looked at that nobody told of, milliseconds.
const REQUESTS_EVERY_MS: i64 = 120_000;
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
            match one(
                reconciler,
                &mut forges,
                &under_way,
                standing.get(&id),
                false,
            )
            .await
            {
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

/// Looks at the tasks of a repository that a notice may concern: a branch that was moved is acted on at once, for
/// whoever moved it has said so, and whatever waits asks its gate again.
pub(super) async fn look_at(
    reconciler: &Reconciler,
    name: &RepoName,
    places: &BTreeSet<LookAt>,
) -> anyhow::Result<()> {
    let mut forges = Forges::default();
    let mut after = TaskId(0);
    loop {
        let page = reconciler
            .ledger
            .read(move |tx| {
                Box::pin(async move {
                    let mut page = Vec::new();
                    for under_way in tx.under_way(after, PAGE).await? {
                        let branches = tx.task_branches(under_way.record.task.id).await?;
                        page.push((under_way, branches));
                    }
                    Ok(page)
                })
            })
            .await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = last.record.task.id;
        for (under_way, branches) in page {
            let record = &under_way.record;
            if record.task.repo != *name || !places.iter().any(|at| concerns(at, record, &branches))
            {
                continue;
            }
            let found = one(reconciler, &mut forges, &under_way, None, true).await;
            if let Err(error) = found {
                tracing::error!(
                    task.id = record.task.id.0,
                    error = format!("{error:#}"),
                    "a task cannot be reconciled"
                );
            }
            if matches!(record.task.status, Status::Waiting { .. }) {
                let (id, now) = (record.task.id, reconciler.ledger.now());
                let woken = reconciler
                    .ledger
                    .write(move |tx| Box::pin(async move { tx.make_due(id, now).await }));
                woken.await?;
            }
        }
    }
}

/// Whether what happened at a place may move a task.
fn concerns(at: &LookAt, record: &TaskRecord, branches: &[TaskBranch]) -> bool {
    match at {
        LookAt::Everything => true,
        LookAt::Branch(branch) => *branch == record.branch || *branch == record.base_branch,
        LookAt::PullRequest(number) => {
            let number = number.to_string();
            branches
                .iter()
                .any(|b| b.pull_request.as_ref() == Some(&number))
        }
        // A commit that is prepared for landing is not yet the head of its task.
        LookAt::Commit(commit) => {
            record.task.head.as_ref() == Some(commit) || record.task.stage >= Stage::DeployStaging
        }
    }
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

/// Looks at one task; answers a difference that stands and is not yet acted on. A branch that was moved need not stand
/// if somebody told of it; what is not there has to, whoever says so.
async fn one(
    reconciler: &Reconciler,
    forges: &mut Forges,
    under_way: &UnderWay,
    stood: Option<&(Drift, i64)>,
    was_told: bool,
) -> anyhow::Result<Option<(Drift, i64)>> {
    let record = &under_way.record;
    let task = &record.task;
    let now = reconciler.ledger.now();
    let grace_ms = i64::from(reconciler.config.now().reconcile.grace_s) * 1000;
    // Of a repository that was taken out of the configuration there is nothing to compare with.
    let Some(repo) = reconciler.repos.find(task.repo.as_str()) else {
        return Ok(None);
    };
    let Some(tips) = forges.tips(reconciler, repo).await else {
        return Ok(None);
    };
    let tip = tips.get(&record.branch).cloned();
    test_again(reconciler, record, now - grace_ms).await?;
    let request = request_of(reconciler, repo, record, tip.as_ref(), was_told).await?;
    let seen = reconciler
        .ledger
        .read_or({
            let (record, job) = (record.clone(), under_way.job);
            move |tx| {
                Box::pin(async move {
                    let seen = seen(tx, &record, job, tip).await?;
                    Ok(Seen { request, ..seen })
                })
            }
        })
        .await?;
    let Some(found) = drift(task, &seen) else {
        return Ok(None);
    };
    let since = match stood {
        Some((before, since)) if *before == found => *since,
        _ => now,
    };
    // That was read twice: at the pull request, and at the base.
    let is_told = is_at_request(&found) || (was_told && matches!(found, Drift::BranchMoved(_)));
    if !is_told && now - since < grace_ms {
        return Ok(Some((found, since)));
    }
    make_good(reconciler, record, &found).await?;
    Ok(None)
}

/// What somebody else did to a task's pull request. Asked when somebody told of it, and every few minutes: it costs calls
/// for each task. That it is closed says nothing before the base is read, which may have what it asked for.
async fn request_of(
    reconciler: &Reconciler,
    repo: &Repo,
    record: &TaskRecord,
    tip: Option<&ObjectId>,
    was_told: bool,
) -> anyhow::Result<Request> {
    let period = i64::from(reconciler.config.now().reconcile.interval_s) * 1000;
    let now = reconciler.ledger.now();
    let is_due = was_told || now / REQUESTS_EVERY_MS != (now - period) / REQUESTS_EVERY_MS;
    let is_worth = repo.forge.shows_pull_requests()
        && matches!(record.task.status, Status::Waiting { .. })
        && tip == record.task.head.as_ref();
    let (true, true, Some(head)) = (is_due, is_worth, tip) else {
        return Ok(Request::AsItWas);
    };
    if !has_request(&reconciler.ledger, record).await? {
        return Ok(Request::AsItWas);
    }
    let found = match repo.forge.pull_request(&record.branch).await {
        Ok(found) => found,
        // An outage closes nothing, and is said once.
        Err(error) => {
            let source = format!("forge:{}", repo.name);
            reconciler.status.failed(&source, &error);
            return Ok(Request::AsItWas);
        }
    };
    let Some(found) = found else {
        return Ok(Request::AsItWas);
    };
    let state = found.state.clone();
    if state == PullRequestState::Open {
        return Ok(match is_elsewhere(record, &found) {
            true => Request::Retargeted,
            false => Request::AsItWas,
        });
    }
    let base = repo.base_tip().await?;
    if !repo.mirror.is_ancestor(head, &base).await? {
        return Ok(match state {
            PullRequestState::Closed => Request::Closed,
            // By a merge commit or squashed: the base has it as another commit.
            PullRequestState::Merged { commit } if has(repo, &commit, &base).await? => {
                Request::Landed
            }
            PullRequestState::Open | PullRequestState::Merged { .. } => Request::AsItWas,
        });
    }
    let by_others = landed_by_others(&reconciler.ledger, record, repo, head, &base).await?;
    Ok(match by_others {
        true => Request::Landed,
        false => Request::AsItWas,
    })
}

/// Whether it was seen at the pull request.
fn is_at_request(found: &Drift) -> bool {
    match found {
        Drift::RequestClosed | Drift::LandedByOthers | Drift::Retargeted => true,
        Drift::JobLost | Drift::BranchMoved(_) | Drift::BranchGone => false,
    }
}

/// Whether a base has a commit that a forge names, which the mirror need not have.
async fn has(repo: &Repo, commit: &ObjectId, base: &ObjectId) -> anyhow::Result<bool> {
    Ok(repo.mirror.resolve(commit.as_str()).await?.is_some()
        && repo.mirror.is_ancestor(commit, base).await?)
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
        request: Request::AsItWas,
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
        Drift::RequestClosed => (closed(record), None, None),
        Drift::LandedByOthers => (by_others(record), None, None),
        Drift::Retargeted => (retargeted(record), None, None),
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
                    Drift::BranchMoved(_)
                    | Drift::BranchGone
                    | Drift::RequestClosed
                    | Drift::LandedByOthers
                    | Drift::Retargeted => job == Some(JobState::Scheduled),
                };
                if present.version != version || !stands {
                    return Ok(false);
                }
                if expected == Drift::BranchGone || is_at_request(&expected) {
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
