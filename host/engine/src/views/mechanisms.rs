//! What do the mechanisms say of themselves: a block of the queue's view each.

use std::collections::BTreeMap;

use orch_agents::breaker::{KeyedSnapshot, Phase, Reason};
use orch_config::LiveConfig;
use orch_domain::job::JobKind;
use orch_store::{Pause, Spending, StoreError, Tx};
use orch_views::queue::{
    LastReaped, MadeGood, PostDeployView, ReaperView, ReconcileView, SecurityView,
};
use orch_views::resilience::{
    BreakerKey, BreakerPhase, BreakerReason, BreakerState, BreakerView, BudgetView, PreflightView,
    ResilienceView, StoreView,
};

use super::pauses;
use crate::ledger::Ledger;
use crate::ledger::admission::Admission;
use crate::ledger::repos::Repos;
use crate::ledger::status::{ReaperStatus, ReconcilerStatus};

/// Gate whose verdicts the block counts.
const SECURITY: &str = "security";
/// Verdicts that are counted, the latest first.
const VERDICTS: u32 = 200;

/// Landed commits that are watched now.
pub(super) async fn watching(tx: &mut Tx) -> Result<i64, StoreError> {
    tx.count_live_jobs(JobKind::Monitor).await
}

/// What the security gate decided lately, and how often.
pub(super) async fn decisions(tx: &mut Tx) -> Result<Vec<(String, i64)>, StoreError> {
    let counted = tx.decisions_of(SECURITY, VERDICTS).await?.into_iter();
    Ok(counted
        .map(|(decision, count)| (decision.to_string(), count))
        .collect())
}

/// What the mechanisms hand out of themselves. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Mechanisms {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) repos: Repos,
    pub(crate) admission: Admission,
    pub(crate) reaper: ReaperStatus,
    pub(crate) reconciler: ReconcilerStatus,
}

impl Mechanisms {
    /// How many agents run at once.
    pub(super) fn max_concurrency(&self) -> u32 {
        self.config.now().concurrency.agents
    }

    /// Times that a finished run was left to a job in an irreversible step.
    pub(super) fn deferred(&self) -> u64 {
        self.reaper.now().deferred
    }

    /// Which repositories are watched after a deploy: those that the host started with.
    pub(super) fn post_deploy(&self, watching: i64) -> PostDeployView {
        let repos = self.repos.all();
        let watched = repos.filter(|repo| repo.config.post_deploy.is_some());
        let repositories: Vec<String> = watched.map(|repo| repo.name.clone()).collect();
        PostDeployView {
            enabled: !repositories.is_empty(),
            repositories,
            watching,
        }
    }

    /// Where the security gate judges, and what it decided lately.
    pub(super) fn security(&self, decisions: Vec<(String, i64)>) -> SecurityView {
        let uses = self.config.now().uses_of(SECURITY).into_iter();
        let repositories: BTreeMap<String, String> =
            uses.map(|(repo, mode)| (repo, mode.to_owned())).collect();
        SecurityView {
            enabled: !repositories.is_empty(),
            repositories,
            decisions: decisions.into_iter().collect(),
        }
    }
}

impl Mechanisms {
    /// The reaper's block.
    pub(super) fn reaper(&self) -> ReaperView {
        let config = self.config.now();
        let counts = self.reaper.now();
        ReaperView {
            enabled: config.reaper.enabled,
            interval: config.reaper.interval_s,
            last_run_ts: counts.last_run_ms,
            reaped_total: counts.reaped,
            last_reaped: counts.last.map(|last| LastReaped {
                job_id: last.job.0,
                agent: last.agent,
                outcome: last.reason.to_owned(),
            }),
            lease_reclaimed_total: counts.reclaimed,
        }
    }

    /// The reconciler's block.
    pub(super) fn reconciler(&self) -> ReconcileView {
        let config = self.config.now();
        let counts = self.reconciler.now();
        ReconcileView {
            enabled: config.reconcile.enabled,
            interval: config.reconcile.interval_s,
            grace: config.reconcile.grace_s,
            last_run_ts: counts.last_run_ms,
            looks_total: counts.looks,
            made_good_total: counts.made_good,
            last_made_good: counts.last.map(|last| MadeGood {
                work_item: last.work_item,
                what: last.what,
            }),
            failing: counts.failing,
        }
    }

    /// What keeps agents from starting, as it stands.
    pub(super) fn resilience(&self, today: &Spending, pauses: Vec<Pause>) -> ResilienceView {
        let config = self.config.now();
        let admission = &self.admission;
        let known = config.agents.iter().filter_map(|(name, agent)| {
            let known = admission.preflight_of(name, agent)?;
            let (ok, says) = match &known.answer {
                Ok(passed) => (true, passed.version.clone()),
                Err(failure) => (false, failure.to_string()),
            };
            let view = PreflightView {
                ok,
                says,
                asked_ms: known.asked_ms,
            };
            Some((name.clone(), view))
        });
        let stats = self.ledger.store().stats();
        let budgets = &config.budgets;
        ResilienceView {
            budget: BudgetView {
                spent_today_usd: today.known_usd,
                reserved_today_usd: today.reserved_usd,
                runs_under_way: today.open,
                day_usd: budgets.day_usd,
                task_usd: budgets.task_usd,
                run_usd: budgets.run_usd,
            },
            pauses: pauses.into_iter().map(pauses::view).collect(),
            store: StoreView {
                commands: stats.commands,
                commits: stats.commits,
            },
            preflight: known.collect(),
            breakers: admission
                .breakers(self.ledger.now())
                .into_iter()
                .map(breaker_view)
                .collect(),
        }
    }
}

fn breaker_view(of: KeyedSnapshot) -> BreakerView {
    let breaker = of.breaker;
    BreakerView {
        key: BreakerKey {
            program: of.key.program,
            account: of.key.account,
        },
        breaker: BreakerState {
            phase: match breaker.phase {
                Phase::Closed => BreakerPhase::Closed,
                Phase::Open => BreakerPhase::Open,
                Phase::HalfOpen => BreakerPhase::HalfOpen,
            },
            failures: breaker.failures,
            successes: breaker.successes,
            openings: breaker.openings,
            held_until_ms: breaker.held_until_ms,
            reason: breaker.reason.map(|reason| match reason {
                Reason::Failures => BreakerReason::Failures,
                Reason::RateLimited => BreakerReason::RateLimited,
                Reason::ProbeOutstanding => BreakerReason::ProbeOutstanding,
            }),
        },
    }
}
