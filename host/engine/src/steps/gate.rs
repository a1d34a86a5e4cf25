//! Evaluates the gate at the task's current step, on pinned commits, and answers what was read back.

mod ask;
mod forge;
mod gather;
mod subject;

use orch_domain::notice::NoticeKind;
use orch_domain::pipeline::Step;
use orch_domain::transition::Event;
use orch_store::ClaimedJob;

pub(crate) use self::ask::Judging;
pub(crate) use self::subject::Subject;
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
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
        let base = repo.base_tip().await?;
        let head = record.task.head.clone().unwrap_or_else(|| base.clone());
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
        Ok(Ending::Event {
            event: Event::GateJudged {
                entry: id,
                judgement,
            },
            also,
        })
    }
}
