//! Is what would land, and how it would be deployed, what a person approved?
//!
//! An approval is bound to the code, the base branch and the hook. The host's own catch-up without a conflict carries it
//! on (`docs/adr/0026-what-an-approval-is-bound-to.md`); everything else asks again.

use orch_domain::artefact;
use orch_domain::id::ObjectId;
use orch_domain::pipeline::{Pipeline, Step};
use orch_store::TaskRecord;

use crate::ledger::Ledger;
use crate::ledger::evidence::{DEPLOY_APPROVAL, StoredApproval};
use crate::ledger::repos::Repo;

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
