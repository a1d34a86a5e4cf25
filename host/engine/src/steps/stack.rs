//! Puts the commits of a task on top of what they would land on, and says why they cannot be. Nothing is pushed here.

use orch_agents::workspace::{Trailers, bot, commit_message};
use orch_domain::artefact;
use orch_domain::id::ObjectId;
use orch_domain::imports::CatchUp;
use orch_domain::port::forge::{PushOutcome, Tips};
use orch_domain::transition::WorkFailure;
use orch_process::git::CatchUpOutcome;
use orch_store::TaskRecord;

use crate::ledger::Ledger;
use crate::ledger::evidence::prepared_of;
use crate::ledger::intent::own_preparations;
use crate::ledger::repos::Repo;

/// Where the branch is before the preparation moves it.
pub(super) enum Branch {
    /// Where the host left it.
    Own {
        head: ObjectId,
        present: Option<ObjectId>,
    },
    /// Somebody else moved it there.
    Foreign(ObjectId),
    /// It cannot be prepared.
    Not(WorkFailure),
}

/// What putting commits on top of others came to.
pub(super) enum Put {
    /// They end there.
    On { tip: ObjectId, catch_up: CatchUp },
    /// These files cannot be brought together.
    Conflict(Vec<String>),
    /// The branch and what it should stand on do not follow from each other.
    Apart,
}

/// Where the branch is, held against where the host left it or was about to put it.
pub(super) async fn branch(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
) -> anyhow::Result<Branch> {
    let Some(head) = record.task.head.clone() else {
        let detail = "the task has no commit to land".to_owned();
        return Ok(Branch::Not(WorkFailure::Config { detail }));
    };
    let present = repo.forge.tip(&record.branch).await?;
    found(ledger, record, head, present).await
}

/// As [`branch`], of one that was listed with others; who is not in the list is asked for alone.
pub(super) async fn listed_branch(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    tips: &Tips,
) -> anyhow::Result<Branch> {
    match (record.task.head.clone(), tips.get(&record.branch)) {
        (Some(head), Some(tip)) => found(ledger, record, head, Some(tip.clone())).await,
        (None, _) | (_, None) => branch(ledger, record, repo).await,
    }
}

async fn found(
    ledger: &Ledger,
    record: &TaskRecord,
    head: ObjectId,
    present: Option<ObjectId>,
) -> anyhow::Result<Branch> {
    if present.as_ref() == Some(&head) {
        return Ok(Branch::Own { head, present });
    }
    let id = record.task.id;
    let own = ledger.read(|tx| Box::pin(own_preparations(tx, id))).await?;
    match present {
        None => {
            let detail = format!("branch `{}` is gone; it was at {head}", record.branch);
            Ok(Branch::Not(WorkFailure::BranchGone { detail }))
        }
        Some(present) if own.contains(&present) => Ok(Branch::Own {
            head,
            present: Some(present),
        }),
        Some(present) => Ok(Branch::Foreign(present)),
    }
}

/// Bases that the task's branch has stood on or was judged on, since it was last put on another one. One that is gone
/// from the mirror too was taken out long ago.
pub(super) async fn stood_on(
    ledger: &Ledger,
    record: &TaskRecord,
) -> anyhow::Result<Vec<ObjectId>> {
    let id = record.task.id;
    let mut bases = ledger.read(|tx| Box::pin(tx.judged_bases(id))).await?;
    // A branch that was just prepared stands on a base on which no gate has judged it yet.
    if let Some(prepared) = prepared_of(ledger, id).await?
        && record.task.head.as_ref().map(ObjectId::as_str)
            == Some(prepared.preparation.head_sha.as_str())
        && !matches!(prepared.preparation.catch_up, Some(CatchUp::Conflict(_)))
    {
        bases.push(ObjectId::new(prepared.preparation.base_sha)?);
    }
    Ok(bases)
}

/// The last commit below the task's own: what of any base its branch holds ends there. Where it holds bases that do not
/// follow from each other, because somebody merged a rewritten one into it, a commit that has all of both, and is not
/// below it. None if those conflict, so that nobody can tell what of it is the task's own.
pub(super) async fn own_since(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    head: &ObjectId,
    base: &ObjectId,
) -> anyhow::Result<Option<ObjectId>> {
    let mut bases = stood_on(ledger, record).await?;
    bases.push(base.clone());
    let mut latest: Option<ObjectId> = None;
    for base in bases {
        if repo.mirror.resolve(base.as_str()).await?.is_none() {
            continue;
        }
        let Some(shared) = repo.mirror.common(&base, head).await? else {
            continue;
        };
        latest = match latest {
            Some(known) if repo.mirror.is_ancestor(&shared, &known).await? => Some(known),
            Some(known) if !repo.mirror.is_ancestor(&known, &shared).await? => {
                let who = bot(record.updated_ms);
                match repo.mirror.both(&known, &shared, &who).await? {
                    Some(both) => Some(both),
                    None => return Ok(None),
                }
            }
            Some(_) | None => Some(shared),
        };
    }
    Ok(latest)
}

/// Whether the base lost a commit on which a gate judged the change, and the branch still has any of it. What was taken
/// out must not come back with a landing.
pub(super) async fn rewritten(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    base: &ObjectId,
) -> anyhow::Result<Option<WorkFailure>> {
    for lost in stood_on(ledger, record).await? {
        // A commit that is gone from the mirror too was taken out long ago.
        let is_there = repo.mirror.resolve(lost.as_str()).await?.is_some();
        if is_there && repo.mirror.is_ancestor(&lost, base).await? {
            continue;
        }
        // Somebody may have moved the branch off it by hand.
        if let Some(head) = &record.task.head
            && is_there
            && is_rid_of(repo, head, &lost, base).await?
        {
            continue;
        }
        let detail = format!(
            "`{}` was rewritten: it no longer has {lost}, on which this task was judged; look at what was taken out",
            record.base_branch
        );
        return Ok(Some(WorkFailure::BaseRewritten { detail }));
    }
    Ok(None)
}

/// Whether all that `head` has of `lost` is in `base` as well.
async fn is_rid_of(
    repo: &Repo,
    head: &ObjectId,
    lost: &ObjectId,
    base: &ObjectId,
) -> anyhow::Result<bool> {
    let shared = repo.mirror.all_common(lost, head).await?;
    for commit in &shared {
        if !repo.mirror.is_ancestor(commit, base).await? {
            return Ok(false);
        }
    }
    // A branch with a history of its own is nobody's to judge here.
    Ok(!shared.is_empty())
}

/// Puts the commits of a task since `base`, and the host's artefacts, on top of `below`, which has `base`.
pub(super) async fn put_on(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    head: &ObjectId,
    base: &ObjectId,
    below: &ObjectId,
) -> anyhow::Result<Put> {
    let whole = commit_artefacts(ledger, record, repo, head).await?;
    // The base has all that the task was judged on, so what both share holds nothing that was taken out.
    let shared = repo.mirror.merge_base(base, &whole).await?;
    let who = bot(record.updated_ms);
    let done = repo.mirror.catch_up(&whole, &shared, below, &who).await?;
    Ok(match done {
        CatchUpOutcome::BaseRewritten | CatchUpOutcome::OffBase => Put::Apart,
        CatchUpOutcome::UpToDate => Put::On {
            tip: whole,
            catch_up: CatchUp::UpToDate,
        },
        CatchUpOutcome::Rebased(tip) => Put::On {
            catch_up: CatchUp::Rebased(tip.to_string()),
            tip,
        },
        CatchUpOutcome::Conflict(files) => {
            Put::Conflict(files.iter().map(ToString::to_string).collect())
        }
    })
}

/// Puts the branch to `tip`, if it is where it was seen; else why it is not there.
pub(super) async fn pushed(
    record: &TaskRecord,
    repo: &Repo,
    tip: &ObjectId,
    present: Option<&ObjectId>,
) -> anyhow::Result<Result<(), WorkFailure>> {
    let name = &record.branch;
    Ok(match repo.forge.push(name, tip, present).await? {
        PushOutcome::Done => Ok(()),
        PushOutcome::Moved { actual: Some(at) } => Err(WorkFailure::Infra {
            detail: format!("branch `{name}` moved to {at} meanwhile"),
        }),
        PushOutcome::Moved { actual: None } => Err(WorkFailure::Infra {
            detail: format!("branch `{name}` was removed meanwhile"),
        }),
        PushOutcome::Refused { why } => Err(WorkFailure::Config {
            detail: format!("the forge refuses branch `{name}`: {why}"),
        }),
    })
}

/// The host's artefacts as files of the branch.
pub(super) async fn host_files(
    ledger: &Ledger,
    record: &TaskRecord,
) -> anyhow::Result<Vec<(String, Option<Vec<u8>>)>> {
    let id = record.task.id;
    let list = ledger.read(|tx| Box::pin(tx.host_artefacts(id))).await?;
    let folder = artefact::folder(&record.task.work_item);
    let files = list.into_iter();
    let files = files.map(|a| (format!("{folder}/{}", a.path), Some(a.content.into_bytes())));
    Ok(files.collect())
}

/// Commits the host's artefacts to the branch, once, in one commit; none if a run's commit has them already.
async fn commit_artefacts(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    head: &ObjectId,
) -> anyhow::Result<ObjectId> {
    let files = host_files(ledger, record).await?;
    let tree = repo.mirror.tree_with(head, &files).await?;
    if tree == repo.mirror.tree_of(head).await? {
        return Ok(head.clone());
    }
    let stage = record.task.stage.to_string();
    let trailers = Trailers {
        task: record.task.work_item.as_str(),
        stage: &stage,
        attempt: record.task.attempt(),
        role: "host",
        agent: "host",
    };
    let message = commit_message(
        &format!("{}: artefacts of the host", record.task.work_item),
        &trailers,
    );
    Ok(repo
        .mirror
        .commit(&tree, head, &message, &bot(record.updated_ms))
        .await?)
}
