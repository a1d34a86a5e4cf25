//! What follows, in the transaction that decides it, from how a release does: production is put back once, deploys are held
//! meanwhile and afterwards, and people are told.

use orch_domain::event::EventKind;
use orch_domain::id::{ObjectId, ReleaseId, RepoName, TaskId, UnixMs};
use orch_domain::job::JobKind;
use orch_domain::names::JobName;
use orch_domain::notice::NoticeKind;
use orch_domain::port::HOST_ACTOR;
use orch_domain::release::{ReleaseState, RollbackEnd};
use orch_store::{EnqueueOutcome, NewJob, NewRelease, Pause, Release, StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::notices::announce;

/// What a job that puts production back is about.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RollbackPayload {
    /// The release that takes the bad one out.
    pub(crate) release: ReleaseId,
}

/// What a watch over production came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchEnd {
    Healthy,
    Degraded {
        /// Whether production is to be put back.
        puts_back: bool,
    },
}

/// Whether deploys of a repository are held.
#[derive(Debug)]
pub(crate) enum Held {
    No,
    /// A person holds them, and why.
    ByPerson(String),
    /// Production is being put back.
    PuttingBack,
    /// Production was put back; what did badly may not come back.
    RolledBack {
        /// The release that took it out.
        id: ReleaseId,
        bad: ObjectId,
        healthy: ObjectId,
    },
}

/// What a pause that holds deploys of a repository is called.
pub(crate) fn scope(repo: &RepoName) -> String {
    format!("deploy:{repo}")
}

async fn pause_of(tx: &mut Tx, repo: &RepoName, now: UnixMs) -> Result<Option<Pause>, StoreError> {
    let scope = scope(repo);
    let pauses = tx.pauses(now).await?;
    Ok(pauses.into_iter().find(|pause| pause.scope == scope))
}

/// Whether deploys of a repository are held now.
pub(crate) async fn held(tx: &mut Tx, repo: &RepoName, now: UnixMs) -> Result<Held, StoreError> {
    let rollback = tx.latest_rollback(repo).await?;
    if rollback.as_ref().is_some_and(|r| r.state.is_under_way()) {
        return Ok(Held::PuttingBack);
    }
    let Some(pause) = pause_of(tx, repo, now).await? else {
        return Ok(Held::No);
    };
    let undone = match rollback.as_ref().and_then(|rollback| rollback.undoes) {
        Some(undone) => tx.release(undone).await?,
        None => None,
    };
    Ok(match (rollback, undone) {
        (Some(rollback), Some(bad)) if pause.set_by == HOST_ACTOR => Held::RolledBack {
            id: rollback.id,
            bad: bad.commit,
            healthy: rollback.commit,
        },
        _ => Held::ByPerson(format!(
            "{} holds deploys of `{repo}` back: {}; `orch unpause {} --reason WHY` lets them go on",
            pause.set_by, pause.reason, pause.scope
        )),
    })
}

/// Lets a deploy begin if deploys are not held, or are held by the rollback that it makes needless, whose hold ends then.
pub(crate) async fn let_through(
    tx: &mut Tx,
    repo: &RepoName,
    lifts: Option<ReleaseId>,
    now: UnixMs,
) -> Result<bool, StoreError> {
    match held(tx, repo, now).await? {
        Held::No => Ok(true),
        Held::RolledBack { id, bad, .. } if lifts == Some(id) => {
            tx.unpause(&scope(repo)).await?;
            let data =
                serde_json::json!({"scope": scope(repo), "reason": format!("{bad} is reverted")});
            tx.append_event(
                None,
                EventKind::Unpaused,
                HOST_ACTOR,
                &data.to_string(),
                now,
            )
            .await?;
            Ok(true)
        }
        Held::ByPerson(_) | Held::PuttingBack | Held::RolledBack { .. } => Ok(false),
    }
}

/// The hook of a task's deploy ended.
pub(super) async fn ended(
    tx: &mut Tx,
    task: TaskId,
    state: ReleaseState,
    now: UnixMs,
) -> Result<(), StoreError> {
    if let Some(release) = tx.release_of(task).await? {
        // One that is not under way was told before; a deploy that an earlier version of the host began has none.
        tx.move_release(release.id, ReleaseState::Begun, state, now)
            .await?;
    }
    Ok(())
}

/// The watch over a release ended.
pub(super) async fn watched(
    tx: &mut Tx,
    id: ReleaseId,
    end: WatchEnd,
    now: UnixMs,
) -> Result<(), StoreError> {
    let state = match end {
        WatchEnd::Healthy => ReleaseState::Healthy,
        WatchEnd::Degraded { .. } => ReleaseState::Degraded,
    };
    if !tx.move_release(id, ReleaseState::Live, state, now).await? {
        return Ok(());
    }
    let Some(bad) = tx.release(id).await? else {
        return Ok(());
    };
    let latest = tx.latest_release(&bad.repo).await?;
    // What was put there since is what does well or badly now.
    let is_still_there = latest.is_some_and(|latest| latest.id == id);
    if end != (WatchEnd::Degraded { puts_back: true }) || !is_still_there {
        return Ok(());
    }
    match tx.healthy_before(&bad.repo, id).await? {
        Some(healthy) => put_back(tx, &bad, &healthy, now).await,
        None => {
            let kind = NoticeKind::RolledBack {
                repo: bad.repo.clone(),
                from: bad.commit,
                to: None,
                end: RollbackEnd::NothingHealthy,
                detail: String::new(),
            };
            announce(tx, Some(bad.task), &format!("rollback-of:{id}"), kind, now).await
        }
    }
}

/// Asks for the rollback, and holds deploys from here on.
async fn put_back(
    tx: &mut Tx,
    bad: &Release,
    healthy: &Release,
    now: UnixMs,
) -> Result<(), StoreError> {
    let scope = scope(&bad.repo);
    // A person who holds them already goes on doing so when the change is reverted.
    if pause_of(tx, &bad.repo, now).await?.is_none() {
        let reason = format!(
            "production is degraded after {} and is put back to {}",
            bad.commit, healthy.commit
        );
        let data = serde_json::json!({"scope": scope, "until_ms": null, "reason": reason});
        tx.append_event(None, EventKind::Paused, HOST_ACTOR, &data.to_string(), now)
            .await?;
        let pause = Pause {
            scope,
            until_ms: None,
            reason,
            set_by: HOST_ACTOR.to_owned(),
            set_ms: now,
        };
        tx.pause(&pause).await?;
    }
    let release = NewRelease {
        repo: bad.repo.clone(),
        task: bad.task,
        commit: healthy.commit.clone(),
        revision: healthy.revision.clone(),
        state: ReleaseState::Asked,
        undoes: Some(bad.id),
    };
    let release = tx.insert_release(&release, now).await?;
    let job = NewJob {
        kind: JobKind::Rollback,
        task: Some(bad.task),
        repo: bad.repo.to_string(),
        payload: serde_json::to_string(&RollbackPayload { release }).unwrap_or_default(),
        priority: 0,
        run_at_ms: now,
        name: Some(JobName::Rollback(release)),
        put_off: None,
    };
    let (EnqueueOutcome::Enqueued(_) | EnqueueOutcome::AlreadyQueued(_)) =
        tx.enqueue(&job, now).await?;
    Ok(())
}

/// A rollback ended, well or not: it is never begun again.
pub(super) async fn rolled_back(
    tx: &mut Tx,
    id: ReleaseId,
    end: RollbackEnd,
    detail: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    let Some(rollback) = tx.release(id).await? else {
        return Ok(());
    };
    let state = match end {
        RollbackEnd::Serves => ReleaseState::Healthy,
        RollbackEnd::StillDegraded => ReleaseState::Degraded,
        RollbackEnd::Unknown => ReleaseState::Unknown,
        RollbackEnd::Failed | RollbackEnd::NothingHealthy | RollbackEnd::NoHook => {
            ReleaseState::Failed
        }
    };
    if !rollback.state.is_under_way() || !tx.move_release(id, rollback.state, state, now).await? {
        return Ok(());
    }
    let undone = match rollback.undoes {
        Some(undone) => tx.release(undone).await?,
        None => None,
    };
    let Some(bad) = undone else { return Ok(()) };
    if state.is_live() {
        tx.move_release(bad.id, bad.state, ReleaseState::RolledBack, now)
            .await?;
    }
    let kind = NoticeKind::RolledBack {
        repo: bad.repo,
        from: bad.commit,
        to: Some(rollback.commit),
        end,
        detail: detail.to_owned(),
    };
    announce(tx, Some(bad.task), &format!("rollback:{id}"), kind, now).await
}

/// A rollback's job takes its host or handler down again and again, and is given up.
pub(super) async fn given_up(
    tx: &mut Tx,
    payload: &str,
    detail: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    match serde_json::from_str::<RollbackPayload>(payload) {
        Ok(RollbackPayload { release }) => {
            rolled_back(tx, release, RollbackEnd::Unknown, detail, now).await
        }
        Err(_) => Ok(()),
    }
}
