//! What do the machines of others say of the first so many members? They test what is pushed: so the stack is pushed to a
//! branch of the batch's own, and the required contexts of its commit are waited for there.
//!
//! The branch is written down before it is pushed, and removed by the reconciler when the batch is over. No claim is held
//! while others work: the leader looks, and looks again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch_config::Effective;
use orch_domain::batch::{WhyDissolved, branch_of};
use orch_domain::id::TaskId;
use orch_domain::imports::{Check, CheckState};
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::port::forge::PushOutcome;
use orch_store::{Batch, BatchBranch, BatchMember, ClaimedJob, TaskRecord};

use super::super::contexts::{self, Times, of_others};
use super::super::lease::Taken;
use super::{BatchStep, Leader};
use crate::ledger::ending::Ending;
use crate::ledger::repos::Repo;

/// How often the contexts are looked at, milliseconds: one call, and what a landing is late by.
const LOOK_MS: i64 = 2_500;
/// How often all else is looked at meanwhile: the base, the members, the branch.
const WHOLE_LOOK: Duration = Duration::from_secs(10);
/// How long a failure has to stand, milliseconds. Nobody begins tests anew on this branch, which has no pull request and
/// does not move.
const QUIET_MS: i64 = 5_000;
/// How long nobody may have said a word, milliseconds: the machines may test pull requests alone.
const SILENT_MS: i64 = 10 * 60_000;
/// How long a context may be without an end, milliseconds: the lease is held meanwhile.
const OPEN_MS: i64 = 60 * 60_000;
/// How long tasks land by themselves after nobody tested a batch, milliseconds.
const ALONE_FOR_MS: i64 = 6 * 3_600_000;

/// What others say of a commit.
pub(super) enum Said {
    /// All that is required is green.
    Green,
    /// Some of it is red: which.
    Red(String),
    /// Some of it has not ended: which.
    Open(String),
    /// They will not say anything: why.
    Nothing(String),
}

/// What leaders wait for, and when all was looked at last. It is lost with the host, which then looks at all.
#[derive(Debug, Clone, Default)]
pub(in crate::steps) struct Asking(Arc<Mutex<BTreeMap<TaskId, (BatchBranch, Instant)>>>);

impl Asking {
    fn begin(&self, task: TaskId, branch: BatchBranch) {
        let mut asking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One batch of a repository is open at a time; what is older is of batches that are over.
        asking.retain(|_, (known, _)| known.repo != branch.repo);
        asking.insert(task, (branch, Instant::now()));
    }

    fn end(&self, task: TaskId) {
        let mut asking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asking.remove(&task);
    }

    /// What a task waits for, if all else was looked at a moment ago.
    fn of(&self, task: TaskId) -> Option<BatchBranch> {
        let asking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (branch, at) = asking.get(&task)?;
        (at.elapsed() < WHOLE_LOOK).then(|| branch.clone())
    }
}

impl BatchStep {
    /// How a claim ends that finds what the one before found, at the cost of one call; none if there is more to do.
    pub(in crate::steps) async fn still_asks(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        effective: &Effective,
        repo: &Repo,
    ) -> anyhow::Result<Option<Ending>> {
        let task = record.task.id;
        let Some(branch) = self.asking.of(task) else {
            return Ok(None);
        };
        let said = match self.lease.take(job, record).await? {
            Taken::Held => self.said(effective, repo, &branch).await?,
            Taken::Busy(_) => return Ok(None),
        };
        Ok(match said {
            Said::Open(what) => Some(self.look_again(&branch, &what)),
            Said::Green | Said::Red(_) | Said::Nothing(_) => {
                self.asking.end(task);
                None
            }
        })
    }

    /// Whether nobody tested the last batches, so that asking again would hold everything up for nothing.
    pub(super) async fn is_unheard(&self, leader: Leader<'_>) -> anyhow::Result<bool> {
        let (name, since) = (leader.repo.name.clone(), self.ledger.now() - ALONE_FOR_MS);
        let read = self.ledger.read(|tx| {
            Box::pin(async move {
                let why = WhyDissolved::Untested;
                tx.was_dissolved(&name, why, since).await
            })
        });
        Ok(read.await?)
    }

    /// Has the machines of others see the first so many members; answers why the forge does not take the branch, if so.
    pub(super) async fn show(
        &self,
        leader: Leader<'_>,
        batch: &Batch,
        first: usize,
        member: &BatchMember,
    ) -> anyhow::Result<Result<BatchBranch, String>> {
        let repo = leader.repo;
        let wanted = BatchBranch {
            repo: repo.name.clone(),
            branch: branch_of(batch.id, first),
            batch: batch.id,
            first,
            sha: member.tip.clone(),
            pushed_ms: self.ledger.now(),
        };
        let key = leader.job.key;
        let noted = self.ledger.write(move |tx| {
            Box::pin(async move {
                if !tx.holds(key).await? {
                    return Ok(None);
                }
                tx.note_batch_branch(&wanted).await.map(Some)
            })
        });
        let Some(branch) = noted.await? else {
            anyhow::bail!("the claim was lost before batch {} was pushed", batch.id);
        };
        let present = repo.forge.tip(&branch.branch).await?;
        if present.as_ref() == Some(&branch.sha) {
            return Ok(Ok(branch));
        }
        // Whatever has this name was left there by the host, of a batch that another store knew.
        let pushed = repo
            .forge
            .push(&branch.branch, &branch.sha, present.as_ref());
        match pushed.await? {
            PushOutcome::Done => {
                tracing::info!(batch.id = batch.id.0, branch = branch.branch, sha = %branch.sha, "a batch is pushed for the tests of others");
                Ok(Ok(branch))
            }
            PushOutcome::Refused { why } => Ok(Err(why)),
            PushOutcome::Moved { .. } => {
                anyhow::bail!("branch `{}` moves", branch.branch)
            }
        }
    }

    /// What others say of a branch by now.
    pub(super) async fn said(
        &self,
        effective: &Effective,
        repo: &Repo,
        branch: &BatchBranch,
    ) -> anyhow::Result<Said> {
        let posted = repo.forge.statuses(&branch.sha).await?;
        let now = self.ledger.now();
        let times = Times {
            now,
            waits_since: Some(branch.pushed_ms),
            quiet_ms: QUIET_MS,
        };
        let checks: Vec<Check> = of_others(effective)
            .map(|context| contexts::check(context, &posted, times))
            .collect();
        Ok(judged(&checks, now - branch.pushed_ms))
    }

    /// The claim ends, and the next one looks in a moment.
    pub(super) fn look_again(&self, branch: &BatchBranch, what: &str) -> Ending {
        let BatchBranch {
            branch, batch, sha, ..
        } = branch;
        let reason = format!("contexts of batch {batch} as {sha} on `{branch}`: {what}");
        Ending::PutOff {
            until_ms: self.ledger.now() + LOOK_MS,
            why: PutOff::new(PutOffKind::Waiting, reason),
            also: Vec::new(),
        }
    }

    /// From now on claims look at the contexts alone, for a while.
    pub(super) fn asks(&self, leader: Leader<'_>, branch: BatchBranch) {
        self.asking.begin(leader.record.task.id, branch);
    }
}

/// What follows from the contexts of a commit that has been there for so long.
fn judged(checks: &[Check], waited_ms: i64) -> Said {
    let named = |is_it: fn(CheckState) -> bool| {
        let of = checks.iter().filter(|check| is_it(check.state));
        let names = of.map(|check| match &check.url {
            Some(url) => format!("{} ({url})", check.context),
            None => check.context.clone(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let is_red = |state| matches!(state, CheckState::Failure | CheckState::Error);
    let is_open = |state| matches!(state, CheckState::Pending | CheckState::None);
    match contexts::combined(checks) {
        CheckState::Success => Said::Green,
        CheckState::Failure | CheckState::Error => Said::Red(named(is_red)),
        CheckState::Pending | CheckState::None => {
            let open = named(is_open);
            let is_silent = checks.iter().all(|check| check.state == CheckState::None);
            if is_silent && waited_ms >= SILENT_MS {
                Said::Nothing(format!("nobody says anything of {open}"))
            } else if waited_ms >= OPEN_MS {
                Said::Nothing(format!("it takes too long until {open} ends"))
            } else {
                Said::Open(open)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: CheckState) -> Check {
        Check {
            context: "ci".to_owned(),
            state,
            url: None,
        }
    }

    #[test]
    fn batch_that_nobody_tests_is_given_up_sooner_than_one_that_is_tested_for_long() {
        let said = |states: &[CheckState], waited_ms| {
            let checks: Vec<Check> = states.iter().map(|state| check(*state)).collect();
            judged(&checks, waited_ms)
        };
        let (none, pending, green) = (CheckState::None, CheckState::Pending, CheckState::Success);
        assert!(matches!(said(&[green, green], 0), Said::Green));
        assert!(matches!(said(&[none], SILENT_MS - 1), Said::Open(_)));
        assert!(matches!(said(&[none], SILENT_MS), Said::Nothing(_)));
        assert!(matches!(said(&[green, none], SILENT_MS), Said::Open(_)));
        assert!(matches!(said(&[pending], OPEN_MS - 1), Said::Open(_)));
        assert!(matches!(said(&[green, pending], OPEN_MS), Said::Nothing(_)));
        let red = said(&[CheckState::Failure, pending], 0);
        assert!(matches!(red, Said::Red(which) if which == "ci"));
    }
}
