//! Is what would land, and how it would be deployed, what a person approved?
//!
//! An approval is bound to the code, the base branch and the hook. The host's own catch-up without a conflict carries it
//! on (`docs/adr/0026-what-an-approval-is-bound-to.md`); everything else asks again.

use orch_domain::artefact;
use orch_domain::id::ObjectId;
use orch_domain::pipeline::{Pipeline, Step};
use orch_domain::port::HOST_ACTOR;
use orch_domain::transition::Event;
use orch_judge::risk_of;
use orch_store::{ClaimedJob, TaskRecord};

use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::{DEPLOY_APPROVAL, StoredApproval};
use crate::ledger::repos::{Repo, Repos};

/// Says whether a person has to approve the deploy of a change, by its risk.
#[derive(Debug, Clone)]
pub(super) struct ApprovalStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
}

impl ApprovalStep {
    /// Tells the risk of the commit that would land anew. What has none, and what is of the tier from which on persons
    /// are asked, is asked about; of all else it is kept that nobody was, about this code and this hook as an approval
    /// is, so that other code is weighed again.
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let from = effective.pipeline()?.approval_from;
        let task = &record.task;
        let repo = self.repos.get(task.repo.as_str())?;
        let risk = match &task.head {
            Some(head) => {
                let base = repo.base_tip().await?;
                let risk = risk_of(&repo.mirror, &base, head, &task.work_item, &effective.risk);
                risk.await?.map(|risk| (head, risk.tier))
            }
            None => None,
        };
        let tier = risk.map(|(_, tier)| tier);
        let mut also = vec![Write::ExpectTask {
            version: task.version,
            head: task.head.clone(),
        }];
        let passed = risk.filter(|(_, tier)| *tier < from);
        if let Some((head, tier)) = passed {
            let kept = StoredApproval {
                by: HOST_ACTOR.to_owned(),
                base: record.base_branch.clone(),
                hook: repo
                    .config
                    .deploy
                    .as_ref()
                    .map(|deploy| deploy.hook.clone()),
                not_asked: Some(tier),
            };
            also.push(Write::Evidence(kept.row(head, self.ledger.now())));
            tracing::info!(task.id = task.id.0, %tier, %from, "nobody is asked about the deploy");
        }
        Ok(Ending::Event {
            event: Event::ApprovalWeighed {
                is_needed: passed.is_none(),
                tier,
            },
            also,
        })
    }
}

/// What an approval says of a commit.
pub(super) enum Approval {
    /// The pipeline asks for none.
    NotAsked,
    /// It is of this code.
    Stands(StoredApproval),
    /// It is of something else.
    Void(String),
}

/// Holds the approval of a task against the commit `head` and against how it would be deployed.
pub(super) async fn of(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    pipeline: &Pipeline,
    head: &ObjectId,
) -> anyhow::Result<Approval> {
    let task = &record.task;
    let before = usize::try_from(task.step).unwrap_or(usize::MAX);
    let mut before = pipeline.steps(task.stage).iter().take(before);
    if !before.any(|step| *step == Step::Approval) {
        return Ok(Approval::NotAsked);
    }
    let id = task.id;
    let rows = ledger
        .read(move |tx| Box::pin(async move { tx.evidence(id).await }))
        .await?;
    let row = rows.into_iter().find(|row| row.name == DEPLOY_APPROVAL);
    let approved = row.and_then(|row| {
        let stored: StoredApproval = serde_json::from_str(&row.content).ok()?;
        Some((stored, ObjectId::new(row.sha).ok()?))
    });
    let Some((approval, commit)) = approved else {
        return Ok(Approval::Void("nobody's approval is on record".to_owned()));
    };
    let hook = repo.config.deploy.as_ref().map(|deploy| &deploy.hook);
    if approval.base != record.base_branch {
        let (was, is) = (&approval.base, &record.base_branch);
        let why = format!("it was approved for `{was}` and would land on `{is}`");
        return Ok(Approval::Void(why));
    }
    if approval.hook.as_ref() != hook {
        return Ok(Approval::Void(
            "the deploy hook is another one than was approved".to_owned(),
        ));
    }
    let folder = artefact::folder(&task.work_item);
    match repo.is_same_code(&commit, head, &folder).await? {
        true => Ok(Approval::Stands(approval)),
        false => Ok(Approval::Void(format!(
            "approved was the code of {commit}, and that of {head} is another"
        ))),
    }
}
