//! Takes in a run that ended: how it ended, what it changed, and what that comes to.

use orch_agents::classify::{Known, classify};
use orch_agents::driver::{Driver, Reading};
use orch_agents::folder::{RESULT_BYTES_MAX, RunFolder, RunResult, RunState, STDERR, STDOUT};
use orch_agents::usage::Usage;
use orch_domain::artefact;
use orch_domain::id::ObjectId;
use orch_domain::left::{ChangeKind, Refusal, Strayed};
use orch_domain::outcome::{KillReason, RunOutcome, RunPolicy};
use orch_domain::path::RepoPath;
use orch_domain::stage::{Role, Stage};
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_process::git::Delta;
use orch_process::mark::sweep_marked;
use orch_store::{RunEnd, Tokens};

use super::commit::Committed;
use super::{AgentRun, BEGAN, Began, Started, gateway};
use crate::ledger::ending::{Ending, Write};

/// Bytes of what it said that are searched for marks of a lost login.
const SAID_BYTES: usize = 64 * 1024;

/// Decision records that are looked at.
const RECORDS_MAX: usize = 1000;

/// What a run left behind, read once.
struct Left {
    outcome: RunOutcome,
    reading: Reading,
    exit_code: Option<i32>,
    began: Began,
    head: ObjectId,
    delta: Vec<Delta>,
}

impl AgentRun<'_> {
    /// Takes in a run that ended, once.
    pub(super) async fn take_in(
        &self,
        run: Started,
        state: RunState,
        has_ci: bool,
    ) -> anyhow::Result<Ending> {
        let left = self.left(&run.folder, state).await?;
        let Left {
            outcome,
            reading,
            exit_code,
            began,
            head,
            delta,
        } = left;
        let (merged_base, since) = (began.merged_base.clone(), began.since.clone());
        let policy = outcome.policy(self.role.edits_code());
        let committed = if policy == RunPolicy::Advance {
            self.commit(&head, &began, &delta).await?
        } else {
            self.keep(run.id, &head, &delta).await?;
            Committed::Nothing
        };
        tracing::info!(run.id = run.id.0, outcome = outcome.name(), "run ended");
        let mut end = RunEnd {
            exit_code,
            ..RunEnd::of(outcome.ending(), outcome.describe())
        };
        (end.cost_usd, end.tokens) = match &reading {
            // What never began cost nothing; about every other silence nobody knows.
            _ if matches!(outcome, RunOutcome::LaunchFailed(_)) => (Some(0.0), None),
            Reading::Terminal(terminal) => (terminal.cost_usd, terminal.usage.map(tokens_of)),
            Reading::Nothing { .. } | Reading::ExitCode => (None, None),
        };
        if let Some(spent) = gateway::spent(&run.folder) {
            // What passed by the host is known, whatever the agent says of it.
            end.tokens = Some(tokens_of(Usage {
                input_tokens: spent.tokens.input,
                output_tokens: spent.tokens.output,
                cache_read_input_tokens: spent.tokens.cache_read,
                cache_creation_input_tokens: spent.tokens.cache_write,
            }));
            let usd = spent.usd + spent.open_usd;
            end.cost_usd = Some(usd).filter(|usd| *usd > 0.0).or(end.cost_usd);
        }
        let mut also = Vec::new();
        let event = match committed {
            Committed::Advanced(commit) => {
                if let (Some(base), Some(_)) = (&merged_base, &since) {
                    also.push(Write::MovedOnto(ObjectId::new(base.clone())?));
                }
                also.push(Write::Provenance {
                    run: run.id,
                    role: self.role,
                    artefacts: self.provenance(&commit).await?,
                });
                if has_ci && self.role == Role::Developer {
                    also.push(Write::AskCi(commit.clone()));
                }
                Event::RunEnded {
                    outcome,
                    head: Some(commit),
                }
            }
            Committed::Nothing => Event::RunEnded {
                outcome,
                head: None,
            },
            Committed::Foreign(head) if self.record.task.stage >= Stage::Development => {
                end.detail = format!("somebody else moved the branch to {head}");
                if has_ci {
                    also.push(Write::AskCi(head.clone()));
                }
                Event::ForeignPush { head }
            }
            Committed::Foreign(head) => self.branch_lost(
                BlockReason::BranchMoved,
                format!(
                    "somebody else moved branch `{}` to {head} before development",
                    self.record.branch
                ),
            ),
            Committed::Refused(why) => self.branch_lost(
                BlockReason::Config,
                format!(
                    "the forge refuses branch `{}`: {why}; allow it",
                    self.record.branch
                ),
            ),
            Committed::Gone => {
                let head = self.record.task.head.as_ref();
                let was = head.map(|head| format!("; it was at {head}"));
                self.branch_lost(
                    BlockReason::BranchGone,
                    format!(
                        "branch `{}` is gone from the forge{}",
                        self.record.branch,
                        was.unwrap_or_default()
                    ),
                )
            }
        };
        also.extend([
            Write::RunEnded { run: run.id, end },
            Write::BudgetWarning {
                budgets: self.step.config.now().budgets.clone(),
            },
        ]);
        Ok(Ending::Event { event, also })
    }

    /// What the run said could not be put where it belongs: only a person can say what is to become of the branch.
    fn branch_lost(&self, reason: BlockReason, detail: String) -> Event {
        Event::Halted { reason, detail }
    }

    /// Reads what the run left: its output, its result, its work tree.
    async fn left(&self, folder: &RunFolder, state: RunState) -> anyhow::Result<Left> {
        let result = match state {
            RunState::Finished(result) => Some(result),
            RunState::Running | RunState::NotStarted | RunState::Lost => {
                // The supervisor is dead; what it owned may not be.
                if let Ok(launch) = folder.launch() {
                    let token = launch.token;
                    tokio::task::spawn_blocking(move || sweep_marked(&token)).await?;
                }
                None
            }
        };
        let driver = self.driver();
        let reading = driver.as_ref().map_or(Reading::ExitCode, |driver| {
            driver.read(&folder.tail(STDOUT, RESULT_BYTES_MAX))
        });
        let stderr = String::from_utf8_lossy(&folder.tail(STDERR, SAID_BYTES)).into_owned();
        let began: Began = serde_json::from_slice(&std::fs::read(folder.path().join(BEGAN))?)?;
        let head = ObjectId::new(began.head.clone())?;
        let tree = ObjectId::new(began.tree.clone())?;
        let left = self.workspace.read_back(&self.repo.mirror, &tree).await?;
        let laid = self.laid().await?;
        let delta = self.without_host_artefacts(left.delta, &laid);
        let result = result.as_ref();
        let outcome = match &driver {
            Some(driver) => self.outcome(result, driver, &reading, &stderr, &delta, left.refused),
            // An agent that is gone from the configuration is allowed nothing; the run begins anew with whoever works
            // as the role now.
            None => RunOutcome::Killed(KillReason::Policy),
        };
        let log = String::from_utf8_lossy(&folder.tail(STDOUT, SAID_BYTES)).into_owned();
        self.report(&outcome, &(log + &stderr));
        Ok(Left {
            outcome,
            reading,
            exit_code: result.and_then(|r| r.exit_code),
            began,
            head,
            delta,
        })
    }

    /// Names of the artefacts that the host laid into the workspace, those that gates made among them.
    async fn laid(&self) -> anyhow::Result<Vec<String>> {
        let id = self.record.task.id;
        let ledger = &self.step.ledger;
        let list = ledger.read(|tx| Box::pin(tx.host_artefacts(id))).await?;
        Ok(list.into_iter().map(|a| a.path).collect())
    }

    fn without_host_artefacts(&self, delta: Vec<Delta>, laid: &[String]) -> Vec<Delta> {
        let folder = artefact::folder(&self.record.task.work_item);
        let own = |path: &RepoPath| {
            path.below(&folder).is_some_and(|name| {
                artefact::owner(name.as_bytes()) == artefact::Owner::Host
                    || laid.iter().any(|laid| laid.as_bytes() == name.as_bytes())
            })
        };
        // The host laid its artefacts into the workspace itself; the store's copy is the only one that counts.
        delta
            .into_iter()
            .filter(|change| !own(&change.path))
            .collect()
    }

    fn outcome(
        &self,
        result: Option<&RunResult>,
        driver: &Driver,
        reading: &Reading,
        stderr: &str,
        delta: &[Delta],
        refused: Vec<Refusal>,
    ) -> RunOutcome {
        let item = &self.record.task.work_item;
        let out_of_scope = delta
            .iter()
            .filter(|c| {
                c.kind() == ChangeKind::Gitlink || !artefact::may_write(self.role, item, &c.path)
            })
            .map(|c| Strayed {
                path: c.path.clone(),
                kind: c.kind(),
            })
            .collect();
        let folder = self.workspace.tree().join(artefact::folder(item));
        let filled = |name: &str| {
            std::fs::symlink_metadata(folder.join(name)).is_ok_and(|m| m.is_file() && m.len() > 0)
        };
        let decisions = folder.join("06-adr");
        let is_folder = std::fs::symlink_metadata(&decisions).is_ok_and(|m| m.is_dir());
        let listed = is_folder
            .then(|| std::fs::read_dir(&decisions).ok())
            .flatten();
        let records: Vec<String> = listed
            .map(|entries| {
                entries
                    .take(RECORDS_MAX)
                    .filter_map(|e| e.ok()?.file_name().into_string().ok())
                    .map(|n| format!("06-adr/{n}"))
                    .collect()
            })
            .unwrap_or_default();
        let missing = artefact::owes(self.role, filled, records.iter().map(String::as_str));
        classify(&Known {
            result,
            reading,
            declared: driver.declared(result.and_then(|r| r.exit_code)),
            stderr,
            out_of_scope,
            refused,
            missing,
            // A branch that is written anew is changed, even if the last tree was clean already.
            changed: !delta.is_empty() || self.purges_history(),
            // `7:10pm` was said when the run ended; it may be taken in much later.
            now_ms: result.map_or_else(|| self.step.ledger.now(), |r| r.ended_ms),
        })
    }

    /// Blob ids of the artefacts that this role owns at `commit`: only now do they have an author.
    async fn provenance(&self, commit: &ObjectId) -> anyhow::Result<Vec<(String, String)>> {
        let folder = artefact::folder(&self.record.task.work_item);
        let entries = self.repo.mirror.list(commit, &folder).await?;
        Ok(entries
            .into_iter()
            .filter_map(|entry| {
                let name = entry.path.below(&folder)?;
                (artefact::owner(name.as_bytes()) == artefact::Owner::Role(self.role))
                    .then(|| (name.to_string(), entry.blob.to_string()))
            })
            .collect())
    }
}

/// Tokens as they are stored; more than fit are as many as fit.
fn tokens_of(usage: Usage) -> Tokens {
    let of = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Tokens {
        input: of(usage.input_tokens),
        output: of(usage.output_tokens),
        cache_read: of(usage.cache_read_input_tokens),
        cache_write: of(usage.cache_creation_input_tokens),
    }
}
