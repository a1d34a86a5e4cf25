//! Moves a task's own commits onto a base that was rewritten, because a person asked for it: those and nothing of what
//! the base lost. Everything judges them anew.

use orch_agents::workspace::bot;
use orch_config::Effective;
use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::pipeline::HostWork;
use orch_domain::transition::{Event, WorkFailure};
use orch_process::git::CatchUpOutcome;
use orch_store::TaskRecord;

use super::stack::{own_since, pushed};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::REBASE_ASKED;
use crate::ledger::intent::intent;
use crate::ledger::repos::Repo;

/// A branch whose base was rewritten.
#[derive(Clone, Copy)]
pub(super) struct Stranded<'a> {
    pub(super) record: &'a TaskRecord,
    pub(super) effective: &'a Effective,
    pub(super) repo: &'a Repo,
    /// Where the task is.
    pub(super) head: &'a ObjectId,
    /// Where its branch is; an earlier try may have moved it.
    pub(super) present: Option<&'a ObjectId>,
    /// The base as it is now.
    pub(super) base: &'a ObjectId,
}

/// Whether a person asked for the commits of `head` to be moved.
pub(super) async fn is_asked(
    ledger: &Ledger,
    record: &TaskRecord,
    head: &ObjectId,
) -> anyhow::Result<bool> {
    let (task, sha) = (record.task.id, head.to_string());
    let asked =
        ledger.read(|tx| Box::pin(async move { tx.evidence_for(task, REBASE_ASKED, &sha).await }));
    Ok(asked.await?.is_some())
}

/// Moves them. A conflict goes back to development, whose run begins on the base with the conflict in its files.
pub(super) async fn move_onto(
    ledger: &Ledger,
    work: HostWork,
    stranded: Stranded<'_>,
) -> anyhow::Result<Ending> {
    let Stranded {
        record,
        effective,
        repo,
        head,
        present,
        base,
    } = stranded;
    let name = &record.base_branch;
    let Some(since) = own_since(ledger, record, repo, head, base).await? else {
        let detail = format!(
            "branch `{}` holds several states of `{name}` that conflict with each other, so its own changes cannot be told \
             from others; move them onto {base} by hand, push the branch and resume the task, or stop it",
            record.branch
        );
        return Ok(Ending::failed(work, WorkFailure::Config { detail }));
    };
    let who = bot(record.updated_ms);
    // Of a branch that somebody merged another base into, what it changed is all that can be told.
    let moved = match repo.mirror.is_ancestor(&since, head).await? {
        true => repo.mirror.rebase_onto(head, &since, base, &who).await?,
        false => repo.mirror.move_as_one(head, &since, base, &who).await?,
    };
    let tip = match moved {
        CatchUpOutcome::Rebased(tip) => tip,
        CatchUpOutcome::UpToDate | CatchUpOutcome::BaseRewritten | CatchUpOutcome::OffBase => {
            anyhow::bail!("{since} is not below {head}");
        }
        CatchUpOutcome::Conflict(files) => {
            let files: Vec<String> = files.iter().map(|file| format!("- {file}")).collect();
            let findings = format!(
                "`{name}` was rewritten to {base}, and the change conflicts with it. What was taken out of `{name}` must \
                 not come back. Resolve the conflicts in:\n{}",
                files.join("\n")
            );
            return Ok(Ending::failed(work, WorkFailure::Rework { findings }));
        }
    };
    ledger
        .note(record.task.id, EventKind::MergeIntent, intent(&tip))
        .await?;
    if let Err(failure) = pushed(record, repo, &tip, present).await? {
        return Ok(Ending::failed(work, failure));
    }
    tracing::info!(task.id = record.task.id.0, sha = %tip, base = %base, "moved onto a rewritten base");
    let mut also = vec![Write::MovedOnto(base.clone())];
    if effective.ci.is_some() {
        also.push(Write::AskCi(tip.clone()));
    }
    let event = Event::Rebased {
        head: tip,
        onto: base.clone(),
    };
    Ok(Ending::Event { event, also })
}
