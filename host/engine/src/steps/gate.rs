//! Evaluates the gate at the task's current step, on pinned commits, and answers what was read back.

mod ask;
mod claims;
mod forge;
mod gather;
mod look;
mod subject;

use orch_config::{Effective, ForgePlace, RequiredContext};
use orch_domain::commit_test::{Inability, TestState};
use orch_domain::id::{EntryId, ObjectId};
use orch_domain::notice::NoticeKind;
use orch_domain::pipeline::{HostWork, Mode, Pipeline, Step};
use orch_domain::review::Noted;
use orch_domain::stage::Stage;
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_domain::verdict::{EvaluationOutcome, Finding, Severity};
use orch_gates::Judged;
use orch_store::{ClaimedJob, TaskRecord};

pub(crate) use self::ask::Judging;
pub(super) use self::look::Looked;
pub(crate) use self::subject::Subject;
use super::prepared::{Standing, standing};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::{LOCAL_TESTS, StoredRun};
use crate::ledger::gate_status::GateStatus;
use crate::ledger::repos::Repos;

/// Gate that reads the statuses of commits.
const CI_GATE: &str = "ci";

/// Evaluates one gate of the pipeline.
#[derive(Debug, Clone)]
pub(super) struct GateStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) judging: Judging,
    pub(super) looked: Looked,
}

impl GateStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let repo = self.repos.get(record.task.repo.as_str())?;
        let pipeline = effective.pipeline()?;
        let step = pipeline.step(record.task.stage, record.task.step);
        let Some(Step::Gate(id)) = step.cloned() else {
            anyhow::bail!("the task is not at a gate");
        };
        let Some(entry) = pipeline.entry(&id) else {
            anyhow::bail!("gate entry `{id}` is not in the task's configuration");
        };
        if let Some(ending) = self.still_waits(&record, repo, &effective, entry).await? {
            return Ok(ending);
        }
        repo.prepare().await?;
        let tip = repo.base_tip().await?;
        let (head, base) = if pipeline.is_prepared(record.task.stage, record.task.step) {
            match standing(&self.ledger, &record, &tip).await? {
                Standing::Here { head, base } => (head, base),
                // Asked about what cannot land any more, no gate could say anything of use.
                Standing::Overtaken(detail) => {
                    return Ok(Ending::event(Event::Overtaken { detail }));
                }
            }
        } else {
            let head = record.task.head.clone();
            (head.unwrap_or_else(|| tip.clone()), tip)
        };
        if entry.gate == CI_GATE
            && let Some((reason, detail)) = self.unable(&record, &effective, &head).await?
        {
            return Ok(Ending::event(Event::Halted { reason, detail }));
        }
        let subject = Subject {
            job,
            record: &record,
            repo,
            head: &head,
            base: &base,
        };
        let answered = self.judging.ask(subject, entry, &effective).await?;
        let judged = answered.judged.clone();
        let judgement = self.paced(&record, repo, judged.judgement.clone()).await?;
        let tells_secret = answered.judged.reveals_secret() && !pipeline.is_drill;
        let rotate = tells_secret.then(|| Write::Announce {
            key: format!("rotate:{}:{head}", record.task.id.0),
            kind: NoticeKind::SecretFound {
                gate: entry.gate.clone(),
                commit: head.clone(),
            },
        });
        let expected = Write::ExpectTask {
            version: record.task.version,
            head: record.task.head.clone(),
        };
        let mut also = vec![expected, answered.keep()];
        also.extend(rotate);
        // Before development the branch has no change of its own to speak of.
        let is_told = matches!(repo.config.forge, ForgePlace::On(_))
            && entry.mode > Mode::Observe
            && !pipeline.is_drill
            && record.task.stage >= Stage::Development
            && record.task.stage < Stage::Deploy
            && !look::is_said(&record.task.status, &judgement);
        if is_told && let Some(commit) = record.task.head.clone() {
            let findings = noted(&id, entry.mode == Mode::Enforce, &judged);
            also.push(Write::GateStatus(GateStatus {
                commit,
                entry: id.clone(),
                outcome: judgement.outcome(),
                counts: entry.mode == Mode::Enforce,
                is_last: is_last(&pipeline, record.task.stage, record.task.step),
                findings,
                branch: record.branch.clone(),
                rounds: record.task.rework_rounds,
                version: record.task.version,
            }));
        }
        Ok(Ending::Event {
            event: Event::GateJudged {
                entry: id,
                judgement,
            },
            also,
        })
    }
}

impl GateStep {
    /// Why the tests of the head say nothing of it, for people; none if they do, or are under way.
    async fn unable(
        &self,
        record: &TaskRecord,
        effective: &Effective,
        head: &ObjectId,
    ) -> anyhow::Result<Option<(BlockReason, String)>> {
        let required = &effective.required_contexts;
        if !required.iter().any(RequiredContext::is_own) {
            return Ok(None);
        }
        let (task, repo, sha) = (record.task.id, record.task.repo.clone(), head.clone());
        let found = self.ledger.read(move |tx| {
            Box::pin(async move {
                let state = tx.test_state(&repo, &sha).await?;
                let run = tx.evidence_for(task, LOCAL_TESTS, sha.as_str()).await?;
                Ok((state, run))
            })
        });
        let (state, row) = found.await?;
        if state != Some(TestState::Unable) {
            return Ok(None);
        }
        let run: Option<StoredRun> = row.and_then(|row| serde_json::from_str(&row.content).ok());
        let inability = run.as_ref().and_then(StoredRun::inability);
        let (kind, remedy) = inability.map_or(("unknown", ""), |i| (i.as_str(), i.remedy()));
        let output = run.map(|run| run.output_tail).unwrap_or_default();
        let (reason, what) = match inability {
            Some(Inability::BaseFails) => (
                BlockReason::BaseRed,
                format!("{head} fails the tests that its base fails, and no others"),
            ),
            Some(_) | None => (
                BlockReason::CiUnable,
                format!("the tests of {head} could not be run ({kind})"),
            ),
        };
        let again = "`orch task resume` runs them again";
        Ok(Some((
            reason,
            format!("{what}; {remedy}; {again}\n{}", output.trim_end()),
        )))
    }
}

/// What a gate found, as people read it on a pull request; a fail that names nothing is one finding.
fn noted(entry: &EntryId, counts: bool, judged: &Judged) -> Vec<Noted> {
    let found = judged.findings.iter();
    let mut noted: Vec<Noted> = found.map(|f| Noted::of(entry, counts, f)).collect();
    if noted.is_empty() && judged.outcome() == EvaluationOutcome::Fail {
        let finding = Finding {
            rule: "verdict".to_owned(),
            severity: Severity::High,
            message: judged.summary.clone(),
            path: None,
            line: None,
            help: None,
            blocking: true,
        };
        noted.push(Noted::of(entry, counts, &finding));
    }
    noted
}

/// Whether no gate judges after this step before the base is moved.
pub(super) fn is_last(pipeline: &Pipeline, stage: Stage, step: u32) -> bool {
    let mut after = pipeline.steps(stage).iter().skip(step as usize + 1);
    pipeline.is_prepared(stage, step)
        && after
            .find(|step| matches!(step, Step::Gate(_) | Step::Work(HostWork::Land)))
            .is_none_or(|step| !matches!(step, Step::Gate(_)))
}
