//! Which two commits does a task's difference compare: in all, or in one round?

use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_process::git::{Git, GitError};
use orch_store::{EventRow, TaskRecord};
use orch_views::diff::RoundView;
use serde::Deserialize;

use super::error::CommandError;
use super::lookup::named;
use crate::ledger::Ledger;
use crate::ledger::repos::Repos;

/// Events from which the rounds are read.
const EVENTS_MAX: u32 = 10_000;

/// What a difference is made of.
pub(crate) struct Compared {
    pub(crate) record: TaskRecord,
    /// The repository's mirror.
    pub(crate) git: Git,
    pub(crate) rounds: Vec<RoundView>,
    /// Tree of the task's head without its own folder, if a gate has judged it.
    pub(crate) code_tree: Option<String>,
    pub(crate) base: ObjectId,
    pub(crate) head: ObjectId,
}

/// What is read of a task for its difference.
struct Of {
    record: TaskRecord,
    rounds: Vec<RoundView>,
    judged_on: Option<String>,
    code_tree: Option<String>,
}

/// What a task's difference is made of, in all or in one round.
///
/// # Errors
/// [`CommandError::NotFound`] for a task or round that is not there, [`CommandError::Conflict`] while there is nothing
/// to compare.
pub(crate) async fn compared(
    ledger: &Ledger,
    repos: &Repos,
    item: &str,
    round: Option<u32>,
) -> Result<Compared, CommandError> {
    let of = of(ledger, item).await?;
    let repo = repos.get(of.record.task.repo.as_str());
    let repo = repo.map_err(|error| CommandError::not_found(format!("{error:#}")))?;
    let none = || {
        CommandError::conflict(format!("`{item}` has no commit yet"))
            .with_remedy("come back when its first run has ended")
    };
    let head = of.record.task.head.clone().ok_or_else(none)?;
    let git = &repo.mirror;
    let base_of_branch = async |head: &ObjectId| -> Result<ObjectId, CommandError> {
        let tip = format!("refs/remotes/origin/{}", repo.config.base);
        let tip = git
            .resolve(&tip)
            .await
            .map_err(unreadable)?
            .ok_or_else(none)?;
        git.merge_base(&tip, head).await.map_err(unreadable)
    };
    let (base, head) = match round {
        Some(number) => {
            let round = of.rounds.iter().find(|round| round.number == number);
            let round = round.ok_or_else(|| {
                CommandError::not_found(format!("`{item}` has no round {number}"))
                    .with_remedy(format!("it has {} so far", of.rounds.len()))
            })?;
            let to = id(&round.to)?;
            let from = match &round.from {
                Some(from) => id(from)?,
                None => base_of_branch(&to).await?,
            };
            (from, to)
        }
        None => match &of.judged_on {
            // The base as it was judged, of which the branch need not stand on the tip.
            Some(base) => {
                let base = id(base)?;
                let fork = git.merge_base(&base, &head).await.map_err(unreadable)?;
                (fork, head)
            }
            None => (base_of_branch(&head).await?, head),
        },
    };
    Ok(Compared {
        git: git.clone(),
        record: of.record,
        rounds: of.rounds,
        code_tree: of.code_tree,
        base,
        head,
    })
}

/// What is said of commits that cannot be read.
pub(crate) fn unreadable(error: GitError) -> CommandError {
    CommandError::conflict(format!(
        "the difference cannot be made: {:#}",
        anyhow::Error::from(error)
    ))
    .with_remedy("look at the branch on its forge; old commits may be gone from the mirror")
}

async fn of(ledger: &Ledger, item: &str) -> Result<Of, CommandError> {
    let item = named(item)?;
    let read = ledger.read(move |tx| {
        Box::pin(async move {
            let record = tx.task_of_item(&item).await?;
            let id = record.task.id;
            let rounds = rounds(&tx.events(id, 0, EVENTS_MAX).await?);
            let head = record.task.head.as_ref().map(ToString::to_string);
            let (judged_on, code_tree) = match &head {
                Some(head) => (
                    tx.judged_base(id, head).await?,
                    tx.judged_tree(id, head).await?,
                ),
                None => (None, None),
            };
            Ok(Of {
                record,
                rounds,
                judged_on,
                code_tree,
            })
        })
    });
    Ok(read.await?)
}

fn id(text: &str) -> Result<ObjectId, CommandError> {
    ObjectId::new(text).map_err(|error| CommandError::host(error.to_string()))
}

/// Where an event says that the branch is now.
#[derive(Deserialize)]
struct Moved {
    detail: Option<Head>,
}

#[derive(Deserialize)]
struct Head {
    head: Option<String>,
}

/// The rounds among the events of a task: every time that the branch moved by a run or by somebody else.
fn rounds(events: &[EventRow]) -> Vec<RoundView> {
    let mut rounds: Vec<RoundView> = Vec::new();
    for event in events {
        if !matches!(event.kind, EventKind::RunEnded | EventKind::ForeignPush) {
            continue;
        }
        let moved: Option<Moved> = serde_json::from_str(&event.data).ok();
        let Some(to) = moved.and_then(|moved| moved.detail?.head) else {
            continue;
        };
        let from = rounds.last().map(|round| round.to.clone());
        if from.as_deref() == Some(to.as_str()) {
            continue;
        }
        rounds.push(RoundView {
            number: u32::try_from(rounds.len() + 1).unwrap_or(u32::MAX),
            by: event.actor.clone(),
            from,
            to,
            at_ms: event.at_ms,
        });
    }
    rounds
}
