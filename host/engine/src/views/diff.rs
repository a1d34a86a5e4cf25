//! What a task changed, against the base on which it was judged or in one round.

use std::collections::BTreeMap;

use orch_domain::imports::Change;
use orch_process::git::{Changed, FilePatch, LineKind, PatchHunk};
use orch_store::RemarkRow;
use orch_views::diff::{
    DiffLine, DiffRequest, DiffView, FileChange, FileDiff, Hunk, LineChange, RoundView,
};
use orch_views::remark::RemarkView;

use crate::commands::{CommandError, Compared, compared, unreadable};
use crate::ledger::Ledger;
use crate::ledger::repos::Repos;

/// Files of a difference that are shown.
const FILES_MAX: usize = 2_000;
/// Lines of a difference that are shown.
const LINES_MAX: usize = 50_000;
/// Remarks that are shown, the latest.
const REMARKS_MAX: u32 = 200;

/// Shows what tasks changed. Clones are the same.
#[derive(Debug, Clone)]
pub struct DiffViews {
    pub(crate) ledger: Ledger,
    pub(crate) repos: Repos,
}

impl DiffViews {
    /// What a task changed.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a task or round that is not there, [`CommandError::Conflict`] while there is
    /// nothing to compare.
    pub async fn show(&self, item: &str, request: DiffRequest) -> Result<DiffView, CommandError> {
        let of = compared(&self.ledger, &self.repos, item, request.round).await?;
        let id = of.record.task.id;
        let said = self
            .ledger
            .read(move |tx| Box::pin(async move { tx.latest_remarks(id, REMARKS_MAX).await }));
        let said = said.await?;
        let changed = of.git.changed(&of.base, &of.head).await;
        let changed = changed.map_err(unreadable)?;
        let patch = of.git.patch(&of.base, &of.head).await.map_err(unreadable)?;
        Ok(view(of, request.round, said, changed, patch))
    }
}

/// A remark, with the round that the run made which was given it.
fn remark(row: RemarkRow, rounds: &[RoundView]) -> RemarkView {
    let by = row.run.map(|(_, job)| format!("job:{job}"));
    let round = rounds.iter().find(|round| by.as_ref() == Some(&round.by));
    RemarkView {
        id: row.id.0,
        path: row.new.place.path,
        line: row.new.place.line,
        side: row.new.place.side,
        excerpt: row.new.place.excerpt,
        text: row.new.text,
        person: row.new.person.to_string(),
        channel: row.new.channel,
        at_ms: row.at_ms,
        head: row.new.head.to_string(),
        base: row.new.base.to_string(),
        state: row.state,
        run: row.run.map(|(run, _)| run.0),
        round: round.map(|round| round.number),
    }
}

fn view(
    of: Compared,
    round: Option<u32>,
    (remarks, total_remarks): (Vec<RemarkRow>, u64),
    changed: Vec<Changed>,
    patch: Vec<FilePatch>,
) -> DiffView {
    let sum = |of: fn(&Changed) -> u32| changed.iter().map(|c| u64::from(of(c))).sum();
    let mut view = DiffView {
        work_item: of.record.task.work_item.to_string(),
        round,
        base: of.base.to_string(),
        head: of.head.to_string(),
        code_tree: of.code_tree,
        remarks: remarks
            .into_iter()
            .map(|row| remark(row, &of.rounds))
            .collect(),
        total_remarks,
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
