//! What a task changed, against the base on which it was judged or in one round.

use std::collections::BTreeMap;

use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::imports::Change;
use orch_process::git::{Changed, FilePatch, GitError, LineKind, PatchHunk};
use orch_store::{EventRow, TaskRecord};
use orch_views::diff::{
    DiffLine, DiffRequest, DiffView, FileChange, FileDiff, Hunk, LineChange, RoundView,
};
use serde::Deserialize;

use crate::commands::{CommandError, named};
use crate::ledger::Ledger;
use crate::ledger::repos::Repos;

/// Files of a difference that are shown.
const FILES_MAX: usize = 2_000;
/// Lines of a difference that are shown.
const LINES_MAX: usize = 50_000;
/// Events from which the rounds are read.
const EVENTS_MAX: u32 = 10_000;

/// Shows what tasks changed. Clones are the same.
#[derive(Debug, Clone)]
pub struct DiffViews {
    pub(crate) ledger: Ledger,
    pub(crate) repos: Repos,
}

/// What is read of a task for its difference.
struct Of {
    record: TaskRecord,
    rounds: Vec<RoundView>,
    judged_on: Option<String>,
    code_tree: Option<String>,
}

impl DiffViews {
    /// What a task changed.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a task or round that is not there, [`CommandError::Conflict`] while there is
    /// nothing to compare.
    pub async fn show(&self, item: &str, request: DiffRequest) -> Result<DiffView, CommandError> {
        let of = self.of(item).await?;
        let repo = self.repos.get(of.record.task.repo.as_str());
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
        let (base, head) = match request.round {
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
        let changed = git.changed(&base, &head).await.map_err(unreadable)?;
        let patch = git.patch(&base, &head).await.map_err(unreadable)?;
        Ok(view(of, request.round, (base, head), changed, patch))
    }

    async fn of(&self, item: &str) -> Result<Of, CommandError> {
        let item = named(item)?;
        let read = self.ledger.read(move |tx| {
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
}

fn id(text: &str) -> Result<ObjectId, CommandError> {
    ObjectId::new(text).map_err(|error| CommandError::host(error.to_string()))
}

fn unreadable(error: GitError) -> CommandError {
    CommandError::conflict(format!(
        "the difference cannot be made: {:#}",
        anyhow::Error::from(error)
    ))
    .with_remedy("look at the branch on its forge; old commits may be gone from the mirror")
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

fn view(
    of: Of,
    round: Option<u32>,
    (base, head): (ObjectId, ObjectId),
    changed: Vec<Changed>,
    patch: Vec<FilePatch>,
) -> DiffView {
    let sum = |of: fn(&Changed) -> u32| changed.iter().map(|c| u64::from(of(c))).sum();
    let mut view = DiffView {
        work_item: of.record.task.work_item.to_string(),
        round,
        base: base.to_string(),
        head: head.to_string(),
        code_tree: of.code_tree,
        rounds: of.rounds,
        total_files: changed.len() as u64,
        added: sum(|c| c.added),
        removed: sum(|c| c.removed),
        is_cut: changed.len() > FILES_MAX,
        files: Vec::new(),
    };
    let mut patches: BTreeMap<Vec<u8>, FilePatch> = patch
        .into_iter()
        .map(|file| (file.path.as_bytes().to_vec(), file))
        .collect();
    let mut left = LINES_MAX;
    for file in changed.into_iter().take(FILES_MAX) {
        let patch = patches.remove(file.path.as_bytes());
        let shown = self::file(file, patch, &mut left);
        view.is_cut |= shown.is_cut;
        view.files.push(shown);
    }
    view
}

fn file(file: Changed, patch: Option<FilePatch>, left: &mut usize) -> FileDiff {
    let mut shown = FileDiff {
        path: file.path.to_string(),
        change: match file.change {
            Change::Added => FileChange::Added,
            // Renames are not looked for, so none is answered.
            Change::Modified | Change::Renamed => FileChange::Changed,
            Change::Deleted => FileChange::Deleted,
        },
        added: file.added,
        removed: file.removed,
        is_binary: patch.as_ref().is_some_and(|patch| patch.is_binary),
        is_cut: patch.as_ref().is_some_and(|patch| patch.is_cut),
        is_protected: orch_judge::is_protected(&file.path.to_string()),
        hunks: Vec::new(),
    };
    for part in patch.into_iter().flat_map(|patch| patch.hunks) {
        if part.lines.len() > *left {
            shown.is_cut = true;
            break;
        }
        *left -= part.lines.len();
        shown.hunks.push(hunk(part));
    }
    shown
}

fn hunk(part: PatchHunk) -> Hunk {
    let line = |(kind, text)| DiffLine {
        change: match kind {
            LineKind::Same => LineChange::Same,
            LineKind::Added => LineChange::Added,
            LineKind::Removed => LineChange::Removed,
        },
        text,
    };
    Hunk {
        old_start: part.old.0,
        old_lines: part.old.1,
        new_start: part.new.0,
        new_lines: part.new.1,
        heading: part.heading,
        lines: part.lines.into_iter().map(line).collect(),
    }
}
