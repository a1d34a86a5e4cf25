//! Evaluates the gate at the task's current step, on pinned commits, and answers what was read back.

mod ask;
mod claims;
mod forge;
mod gather;
mod subject;

use orch_config::ForgePlace;
use orch_domain::notice::NoticeKind;
use orch_domain::pipeline::{HostWork, Mode, Pipeline, Step};
use orch_domain::stage::Stage;
use orch_domain::transition::Event;
use orch_store::ClaimedJob;

pub(crate) use self::ask::Judging;
pub(crate) use self::subject::Subject;
use super::prepared::{Standing, standing};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::gate_status::GateStatus;
use crate::ledger::repos::Repos;

/// Evaluates one gate of the pipeline.
#[derive(Debug, Clone)]
pub(super) struct GateStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) judging: Judging,
}

impl GateStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let pipeline = effective.pipeline()?;
        let step = pipeline.step(record.task.stage, record.task.step);
        let Some(Step::Gate(id)) = step.cloned() else {
            anyhow::bail!("the task is not at a gate");
        };
        let Some(entry) = pipeline.entry(&id) else {
            anyhow::bail!("gate entry `{id}` is not in the task's configuration");
        };
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
        let subject = Subject {
            job,
            record: &record,
            repo,
            head: &head,
            base: &base,
        };
        let answered = self.judging.ask(subject, entry, &effective).await?;
        let judgement = answered.judged.judgement.clone();
        let rotate = answered.judged.reveals_secret().then(|| Write::Announce {
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
            && record.task.stage >= Stage::Development
            && record.task.stage < Stage::Deploy;
        if is_told && let Some(commit) = record.task.head.clone() {
            also.push(Write::GateStatus(GateStatus {
                commit,
                entry: id.clone(),
                outcome: judgement.outcome(),
                counts: entry.mode == Mode::Enforce,
                is_last: is_last(&pipeline, record.task.stage, record.task.step),
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

/// Whether no gate judges after this step before the base is moved.
fn is_last(pipeline: &Pipeline, stage: Stage, step: u32) -> bool {
    let mut after = pipeline.steps(stage).iter().skip(step as usize + 1);
    pipeline.is_prepared(stage, step)
        && after
            .find(|step| matches!(step, Step::Gate(_) | Step::Work(HostWork::Land)))
            .is_none_or(|step| !matches!(step, Step::Gate(_)))
}
