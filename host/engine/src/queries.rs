//! What people can see: tasks with their reasons, the queue, the gates. Read-only.

use orch_domain::pipeline::Step;
use orch_domain::stage::Stage;
use orch_domain::task::Status;
use orch_store::{CostsBy, TaskRecord};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::commands::CommandError;
use crate::costs::{CostView, TokensView};
use crate::ledger::apply::pipeline_of;
use crate::ledger::clock::stamp;
use crate::wire::Engine;
use orch_config::GateGrants;

/// Stages with runs that a task has at most.
const STAGES_MAX: u32 = 20;

/// A task in one line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct TaskLine {
    pub work_item: String,
    pub repo: String,
    pub title: String,
    pub stage: String,
    pub step: String,
    pub status: String,
    pub attempt: u32,
    pub rework_rounds: u32,
    pub priority: i64,
    pub updated: String,
}

/// A task with everything that belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct TaskView {
    #[serde(flatten)]
    pub line: TaskLine,
    pub why: String,
    pub branch: String,
    pub head: Option<String>,
    pub merged_commit: Option<String>,
    /// What its runs have cost so far, dollars.
    pub cost_usd: f64,
    /// Its runs added up by stage, dearest first.
    pub costs: Vec<CostView>,
    pub findings: Option<String>,
    pub stages: Vec<StageVisit>,
    pub verdicts: Vec<VerdictView>,
    pub runs: Vec<RunView>,
    pub comments: Vec<String>,
}

/// One stay in a stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct StageVisit {
    pub stage: String,
    pub attempt: u32,
    pub entered_ms: i64,
    pub left_ms: Option<i64>,
}

/// One judgement.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct VerdictView {
    /// Number of the evaluation, for `orch gate replay`.
    pub evaluation: i64,
    pub entry: String,
    pub gate: String,
    pub version: String,
    pub digest: String,
    pub mode: String,
    pub stage: String,
    pub attempt: u32,
    pub decision: String,
    pub reason: Option<String>,
    pub summary: String,
    pub head_sha: String,
    pub elapsed_us: i64,
    pub reused: bool,
    pub at_ms: i64,
    pub frontmatter: String,
}

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct RunView {
    pub id: i64,
    pub role: String,
    pub agent: String,
    pub stage: String,
    pub attempt: u32,
    pub outcome: Option<String>,
    pub detail: Option<String>,
    pub exit_code: Option<i32>,
    pub cost_usd: Option<f64>,
    pub tokens: Option<TokensView>,
    pub reattached: i64,
    pub folder: String,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
}

/// A loaded gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct GateView {
    pub name: String,
    pub version: String,
    pub digest: String,
    pub size: u64,
    pub summary: String,
    pub imports: Vec<String>,
    /// `serves`, `quarantined`, `ungranted`, `rolled-back` or `missing`.
    pub state: String,
    /// Why the file is not in force, or the gate does not judge.
    pub error: Option<String>,
}

impl Engine {
    /// Tasks, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn task_lines(&self, all: bool) -> Result<Vec<TaskLine>, CommandError> {
        let records = self
            .0
            .ledger
            .read(|tx| Box::pin(tx.tasks(!all, 500)))
            .await?;
        let mut lines = Vec::new();
        for record in &records {
            lines.push(self.line(record).await?);
        }
        Ok(lines)
    }

    async fn step_name(&self, record: &TaskRecord) -> Result<String, CommandError> {
        let digest = record.config_digest.clone();
        let config = self
            .0
            .ledger
            .read(|tx| Box::pin(async move { tx.config(&digest).await }))
            .await?;
        let pipeline = pipeline_of(&config)?;
        Ok(pipeline
            .step(record.task.stage, record.task.step)
            .map(Step::name)
            .unwrap_or_default())
    }

    async fn line(&self, record: &TaskRecord) -> Result<TaskLine, CommandError> {
        let task = &record.task;
        Ok(TaskLine {
            work_item: task.work_item.to_string(),
            repo: task.repo.to_string(),
            title: task.title.clone(),
            stage: task.stage.to_string(),
            step: self.step_name(record).await?,
            status: task.status.name().to_owned(),
            attempt: task.attempt(),
            rework_rounds: task.rework_rounds,
            priority: record.priority,
            updated: stamp(record.updated_ms),
        })
    }

    /// One task with everything that belongs to it.
    ///
    /// # Errors
    /// [`CommandError::NotFound`].
    pub async fn task_view(&self, item: &str) -> Result<TaskView, CommandError> {
        let record = self.task_of_item(item).await?;
        let id = record.task.id;
        let (evaluations, runs, comments, events, requests, costs) = self
            .0
            .ledger
            .read(|tx| {
                Box::pin(async move {
                    Ok((
                        tx.evaluations(id).await?,
                        tx.runs(id).await?,
                        tx.comments(id).await?,
                        tx.events(id, 0, 10_000).await?,
                        tx.pull_requests(id).await?,
                        tx.costs(CostsBy::Stage, Some(id), 0, STAGES_MAX).await?,
                    ))
                })
            })
            .await?;
        Ok(TaskView {
            line: self.line(&record).await?,
            why: self.why(item).await?,
            branch: record.branch.clone(),
            head: record.task.head.as_ref().map(ToString::to_string),
            merged_commit: requests.iter().rev().find_map(|r| r.merged_sha.clone()),
            // A sum of nothing is -0.0 otherwise.
            cost_usd: runs
                .iter()
                .filter_map(|r| r.cost_usd)
                .fold(0.0, |a, b| a + b),
            costs: costs.into_iter().map(CostView::from).collect(),
            findings: record.task.findings.clone(),
            stages: visits(&events),
            verdicts: evaluations
                .into_iter()
                .map(|e| VerdictView {
                    evaluation: e.id.0,
                    frontmatter: orch_gates::artefact::frontmatter(&e.artefact).to_owned(),
                    entry: e.entry,
                    gate: e.gate,
                    version: e.gate_version,
                    digest: e.gate_digest,
                    mode: e.mode,
                    stage: e.stage,
                    attempt: e.attempt,
                    decision: e.decision,
                    reason: e.reason,
                    summary: e.summary,
                    head_sha: e.head_sha,
                    elapsed_us: e.elapsed_us,
                    reused: e.reused_from.is_some(),
                    at_ms: e.at_ms,
                })
                .collect(),
            runs: runs
                .into_iter()
                .map(|r| RunView {
                    id: r.id.0,
                    role: r.role,
                    agent: r.agent,
                    stage: r.stage,
                    attempt: r.attempt,
                    outcome: r.outcome,
                    detail: r.detail,
                    exit_code: r.exit_code,
                    cost_usd: r.cost_usd,
                    tokens: r.tokens.map(TokensView::from),
                    reattached: r.attached,
                    folder: r.folder,
                    started_ms: r.started_ms,
                    finished_ms: r.finished_ms,
                })
                .collect(),
            comments: comments
                .into_iter()
                .map(|c| format!("{}: {}", c.author, c.body))
                .collect(),
        })
    }

    /// What a task waits for, since when, and what would move it.
    ///
    /// # Errors
    /// [`CommandError::NotFound`].
    pub async fn why(&self, item: &str) -> Result<String, CommandError> {
        let record = self.task_of_item(item).await?;
        let task = &record.task;
        let step = self.step_name(&record).await?;
        let id = task.id;
        let jobs = self.0.ledger.read(|tx| Box::pin(tx.live_jobs(id))).await?;
        Ok(match &task.status {
            Status::Ended if task.stage == Stage::Done => "it is done".to_owned(),
            Status::Ended => "it was stopped; a new task may take up the same item".to_owned(),
            Status::Stopping => {
                "it is being stopped: its processes are ended and its work is kept".to_owned()
            }
            Status::AwaitingApproval { since_ms } => {
                format!(
                    "`{step}` since {}: a person has to `orch task approve {item}`",
                    stamp(*since_ms)
                )
            }
            Status::NeedsInput { detail } => {
                format!(
                    "it needs input: {detail}; mend the request, then `orch task resume {item}`"
                )
            }
            Status::Blocked { reason, detail } => {
                format!(
                    "it is blocked ({}): {detail}\n`orch task resume {item}` goes on",
                    reason.as_str()
                )
            }
            Status::Waiting {
                reason,
                since_ms,
                deadline_ms,
            } => format!(
                "`{step}` waits for: {reason}, since {}, until {} at the latest",
                stamp(*since_ms),
                stamp(*deadline_ms)
            ),
            Status::Active => match jobs.first() {
                Some(job) if job.state == orch_domain::job::JobState::Running => {
                    format!("`{step}` is at work")
                }
                Some(job) => {
                    if let Some(held) = self.held_back(job).await? {
                        return Ok(held);
                    }
                    let reason = job
                        .reason
                        .clone()
                        .map(|r| format!(" after: {r}"))
                        .unwrap_or_default();
                    format!(
                        "`{step}` is in the queue, due {}{reason}",
                        stamp(job.run_at_ms)
                    )
                }
                None => format!("`{step}` has no job; this is a defect of the host"),
            },
        })
    }

    /// The gates that serve and the files that do not load.
    pub fn gate_views(&self) -> Vec<GateView> {
        let registry = self.0.judges.runtime.snapshot();
        let config = self.config();
        let good = registry.gates().map(|gate| {
            let failure = registry.failure(&gate.name).map(|f| f.error.to_string());
            let quarantine = registry.quarantine(&gate.digest).map(str::to_owned);
            let grants = GateGrants::of(&config, "", &gate.name).unwrap_or_default();
            let missing = grants.missing(gate);
            let state = match (&quarantine, &missing) {
                (Some(_), _) => "quarantined",
                (None, Some(_)) => "ungranted",
                (None, None) if registry.is_rolled_back(&gate.name) => "rolled-back",
                (None, None) => "serves",
            };
            GateView {
                name: gate.name.clone(),
                version: gate.descriptor.version.clone(),
                digest: gate.digest.clone(),
                size: gate.size,
                summary: gate.descriptor.summary.clone(),
                imports: gate.imports.iter().map(|i| i.as_str().to_owned()).collect(),
                state: state.to_owned(),
                error: failure
                    .map(|f| format!("the file in the folder is not in force: {f}"))
                    .or(quarantine)
                    .or(missing),
            }
        });
        let bad = registry
            .failures()
            .filter(|failure| registry.get(&failure.name).is_none())
            .map(|failure| GateView {
                name: failure.name.clone(),
                version: String::new(),
                digest: String::new(),
                size: 0,
                summary: String::new(),
                imports: Vec::new(),
                state: "missing".to_owned(),
                error: Some(failure.error.to_string()),
            });
        good.chain(bad).collect()
    }

    /// The queue with a block for each mechanism.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn queue(&self) -> Result<serde_json::Value, CommandError> {
        let (counts, recent, live) = self
            .0
            .ledger
            .read(|tx| {
                Box::pin(async move {
                    Ok((
                        tx.job_counts().await?,
                        tx.recent_jobs(10).await?,
                        tx.tasks(true, 500).await?,
                    ))
                })
            })
            .await?;
        let of_state = |state: orch_domain::job::JobState| {
            counts
                .iter()
                .find(|(s, _)| *s == state)
                .map_or(0, |(_, count)| *count)
        };
        let counts: serde_json::Map<_, _> = orch_domain::job::JobState::ALL
            .into_iter()
            .map(|state| (state.as_str().to_owned(), json!(of_state(state))))
            .collect();
        let recent: Vec<_> = recent
            .iter()
            .map(|job| {
                json!({"id": job.id.0, "kind": job.kind.as_str(), "state": job.state.as_str(),
                       "task_id": job.task.map(|t| t.0), "attempt": job.attempt, "epoch": job.epoch,
                       "reason": job.reason, "last_error": job.last_error})
            })
            .collect();
        let stopping = live
            .iter()
            .filter(|r| r.task.status == Status::Stopping)
            .count();
        Ok(json!({
            "counts": counts,
            "max_concurrency": self.config().concurrency.agents,
            "poll_interval": 0.5,
            "resilience": self.resilience_view().await?,
            "reconcile": self.reconcile_view(),
            "reaper": self.reaper_view(),
            "post_deploy": self.post_deploy_view().await?,
            "transition_lease": self.leases_block().await?,
            "stop": {"stopping": stopping},
            "security": self.security_view().await?,
            "recent": recent,
        }))
    }

    /// The reaper's block.
    fn reaper_view(&self) -> serde_json::Value {
        let config = self.config();
        let counts = self.0.reaper.now();
        let last = counts
            .last
            .map(|last| json!({"job_id": last.job.0, "agent": last.agent, "outcome": last.reason}));
        json!({
            "enabled": config.reaper.enabled,
            "interval": config.reaper.interval_s,
            "last_run_ts": counts.last_run_ms,
            "reaped_total": counts.reaped,
            "last_reaped": last,
            "lease_reclaimed_total": counts.reclaimed,
        })
    }

    /// The reconciler's block.
    fn reconcile_view(&self) -> serde_json::Value {
        let config = self.config();
        let counts = self.0.reconciler.now();
        let last = counts
            .last
            .map(|last| json!({"work_item": last.work_item, "what": last.what}));
        json!({
            "enabled": config.reconcile.enabled,
            "interval": config.reconcile.interval_s,
            "grace": config.reconcile.grace_s,
            "last_run_ts": counts.last_run_ms,
            "looks_total": counts.looks,
            "made_good_total": counts.made_good,
            "last_made_good": last,
            "failing": counts.failing,
        })
    }

    /// Preflight and breakers as they stand.
    async fn resilience_view(&self) -> Result<serde_json::Value, CommandError> {
        let config = self.config();
        let launchpad = &self.0.launchpad;
        let preflight: serde_json::Map<_, _> = config
            .agents
            .iter()
            .filter_map(|(name, agent)| {
                let known = launchpad.preflight_of(name, agent)?;
                let (ok, says) = match &known.answer {
                    Ok(passed) => (true, passed.version.clone()),
                    Err(failure) => (false, failure.to_string()),
                };
                let view = json!({"ok": ok, "says": says, "asked_ms": known.asked_ms});
                Some((name.clone(), view))
            })
            .collect();
        let stats = self.0.ledger.store().stats();
        Ok(json!({
            "budget": self.budget_view().await?,
            "pauses": self.pause_views().await?,
            "store": {"commands": stats.commands, "commits": stats.commits},
            "preflight": preflight,
            "breakers": launchpad.breakers(),
        }))
    }

    /// What was spent today.
    async fn budget_view(&self) -> Result<serde_json::Value, CommandError> {
        let day = crate::ledger::budget::day_of(self.now());
        let today = self
            .0
            .ledger
            .read(|tx| Box::pin(tx.spending(None, day)))
            .await?;
        let budgets = &self.config().budgets;
        Ok(json!({
            "spent_today_usd": today.known_usd,
            "reserved_today_usd": today.reserved_usd,
            "runs_under_way": today.open,
            "day_usd": budgets.day_usd,
            "task_usd": budgets.task_usd,
            "run_usd": budgets.run_usd,
        }))
    }

    /// The background tasks as they stand.
    fn background_view(&self) -> serde_json::Value {
        let tasks = self.0.tasks.now().into_iter();
        let view = tasks.map(|task| {
            json!({
                "name": task.name,
                "description": task.description,
                "period_ms": task.period.map(|p| u64::try_from(p.as_millis()).unwrap_or(u64::MAX)),
                "state": task.state.as_str(),
                "panics": task.panics,
                "last_panic": task.last_panic.map(|(at, says)| json!({"at_ms": at, "says": says})),
            })
        });
        view.collect()
    }

    /// What the host is and how many tasks it carries.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn status(&self) -> Result<serde_json::Value, CommandError> {
        let live = self
            .0
            .ledger
            .read(|tx| Box::pin(tx.tasks(true, 500)))
            .await?;
        let gates = self.gate_views();
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started_ms": self.0.started_ms,
            "now_ms": self.now(),
            "repositories": self.0.repos.names(),
            "tasks": {"live": live.len(), "blocked": live.iter().filter(|r| r.task.status.needs_person()).count()},
            "background": self.background_view(),
            "gates": {"loaded": gates.iter().filter(|g| g.state != "missing").count(),
                      "failed": gates.iter().filter(|g| g.error.is_some()).count()},
        }))
    }
}

/// Stays in stages, read from the events.
fn visits(events: &[orch_store::EventRow]) -> Vec<StageVisit> {
    let mut list: Vec<StageVisit> = Vec::new();
    for event in events {
        let Ok(data) = serde_json::from_str::<serde_json::Value>(&event.data) else {
            continue;
        };
        let Some(to) = data.pointer("/to/stage").and_then(|s| s.as_str()) else {
            continue;
        };
        let again = data.pointer("/to/step").and_then(serde_json::Value::as_i64) == Some(0)
            && data
                .pointer("/from/step")
                .and_then(serde_json::Value::as_i64)
                != Some(0);
        let last = list.last().map(|v| v.stage.clone());
        if last.as_deref() == Some(to) && !again {
            continue;
        }
        if let Some(last) = list.last_mut() {
            last.left_ms = Some(event.at_ms);
        }
        let attempt = 1 + u32::try_from(list.iter().filter(|v| v.stage == to).count()).unwrap_or(0);
        list.push(StageVisit {
            stage: to.to_owned(),
            attempt,
            entered_ms: event.at_ms,
            left_ms: None,
        });
    }
    list
}
