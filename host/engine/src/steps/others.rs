//! Did somebody else put a task's change onto its base, or aim it at another one? What the host did not judge to its end
//! is not deployed by it, and what a person wants elsewhere does not land here.

use orch_config::Effective;
use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::imports::CheckState;
use orch_domain::port::forge::{PullRequest, PullRequestState};
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_store::{TaskBranch, TaskRecord};

use super::contexts::{self, Times, can_ask_others, of_others};
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

/// What becomes of a task whose pull request somebody else closed.
pub(crate) fn closed(record: &TaskRecord) -> Event {
    Event::Halted {
        reason: BlockReason::PullRequestClosed,
        detail: format!(
            "the pull request of `{}` was closed on the forge by somebody else",
            record.branch
        ),
    }
}

/// Whether the host opened a pull request for the present branch of a task, which has not landed yet. What the forge
/// has of this name before that is of another time.
pub(crate) async fn has_request(ledger: &Ledger, record: &TaskRecord) -> anyhow::Result<bool> {
    let id = record.task.id;
    let branches = ledger
        .read(move |tx| Box::pin(tx.task_branches(id)))
        .await?;
    let is_it = |b: &TaskBranch| {
        b.branch == record.branch && b.pull_request.is_some() && b.landed.is_none()
    };
    Ok(branches.iter().any(is_it))
}

/// What becomes of a task whose pull request a person closed or aimed at another base; none if it may land as far as
/// that says. Asked right before a landing: the notice of it may be lost or late.
pub(crate) async fn taken_back(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
) -> anyhow::Result<Option<Event>> {
    if !repo.forge.shows_pull_requests() || !has_request(ledger, record).await? {
        return Ok(None);
    }
    let Some(request) = repo.forge.pull_request(&record.branch).await? else {
        return Ok(None);
    };
    if is_elsewhere(record, &request) {
        return Ok(Some(retargeted(record)));
    }
    let is_closed = request.state == PullRequestState::Closed;
    Ok(is_closed.then(|| closed(record)))
}

/// Which contexts of others do not let a commit land any more that was green a moment ago: a run that is begun anew
/// may have turned one red since.
pub(crate) async fn turned(
    ledger: &Ledger,
    effective: &Effective,
    repo: &Repo,
    commit: &ObjectId,
) -> anyhow::Result<Option<String>> {
    let mut required = of_others(effective).peekable();
    if !can_ask_others(repo) || required.peek().is_none() {
        return Ok(None);
    }
    let posted = repo.forge.statuses(commit).await?;
    // What may be absent was waited for long enough before, and a failure stops at once what it would hold up later.
    let times = Times {
        now: ledger.now(),
        waits_since: Some(0),
        quiet_ms: 0,
    };
    let checks = required.map(|context| contexts::check(context, &posted, times));
    let open = checks.filter(|check| check.state != CheckState::Success);
    let open: Vec<String> = open.map(|check| check.context).collect();
    Ok((!open.is_empty()).then(|| open.join(", ")))
}
