//! Did somebody else put a task's change onto its base, or aim it at another one? What the host did not judge to its end
//! is not deployed by it, and what a person wants elsewhere does not land here.

use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::port::forge::PullRequest;
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_store::TaskRecord;

use super::stack::stood_on;
use crate::ledger::Ledger;
use crate::ledger::intent::intended;
use crate::ledger::repos::Repo;

/// Whether `base` has the head of a task that the host never was about to land. A head without a commit of its own is
/// in every base; what a batch is landing is the host's doing.
pub(crate) async fn landed_by_others(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    head: &ObjectId,
    base: &ObjectId,
) -> anyhow::Result<bool> {
    if !repo.mirror.is_ancestor(head, base).await? {
        return Ok(false);
    }
    let (id, name) = (record.task.id, repo.name.clone());
    let (said, open) = ledger
        .read(move |tx| {
            Box::pin(async move {
                let said = tx.latest_event(id, EventKind::LandIntent).await?;
                Ok((said, tx.open_batch(&name).await?))
            })
        })
        .await?;
    if open.is_some() || said.as_deref().and_then(intended).as_ref() == Some(head) {
        return Ok(false);
    }
    let stood_on = stood_on(ledger, record).await?;
    for below in &stood_on {
        let is_there = repo.mirror.resolve(below.as_str()).await?.is_some();
        if is_there && repo.mirror.is_ancestor(head, below).await? {
            return Ok(false);
        }
    }
    Ok(!stood_on.is_empty())
}

/// Whether a pull request is aimed at another base than its task's.
pub(crate) fn is_elsewhere(record: &TaskRecord, request: &PullRequest) -> bool {
    let base = request.base.as_ref();
    base.is_some_and(|base| *base != record.base_branch)
}

/// What becomes of a task whose pull request was aimed elsewhere.
pub(crate) fn retargeted(record: &TaskRecord) -> Event {
    Event::Halted {
        reason: BlockReason::Retargeted,
        detail: format!(
            "the pull request of `{}` was aimed at another base than `{}` by somebody else",
            record.branch, record.base_branch
        ),
    }
}

/// What becomes of a task whose change somebody else landed.
pub(crate) fn by_others(record: &TaskRecord) -> Event {
    let head = record.task.head.as_ref().map(ToString::to_string);
    let detail = format!(
        "somebody else put {} onto `{}` before the host had judged it to its end; the host deploys nothing of it",
        head.unwrap_or_default(),
        record.base_branch
    );
    Event::Halted {
        reason: BlockReason::LandedByOthers,
        detail,
    }
}
