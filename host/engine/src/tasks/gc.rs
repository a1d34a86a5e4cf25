//! Removes what nobody needs any more, and only with proof: leftovers of ended tasks, old logs, old refs.
//!
//! A look makes a plan; a dry run shows it. What goes is renamed into the trash first and deleted when it has
//! lain there for long enough. Not here: gate versions (the gates' library) and old rows (the worker's sweep),
//! whose numbers are only reported.

mod checkouts;
mod refs;
mod rules;
mod runs;
mod trash;
mod usage;
mod workspaces;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use orch_config::LiveConfig;
use orch_domain::id::TaskId;
use orch_store::{StoreError, TaskRecord};
use orch_views::disk::{Fate, GcItem, GcView, ITEMS_MAX, LeftoverKind, TableRows};

use super::driver::Stop;
use crate::commands::CommandError;
use crate::launch::room::has_room;
use crate::ledger::Ledger;
use crate::ledger::paths::Paths;
use crate::ledger::repos::Repos;

/// Time from the start of the host to the first look: a start has enough to do.
const FIRST: Duration = Duration::from_secs(300);
/// Time between two looks.
pub(crate) const EVERY: Duration = Duration::from_secs(3600);

/// An item with what is to be done if it goes.
struct Planned {
    item: GcItem,
    action: Action,
}

/// What is done with an item that goes.
enum Action {
    Keep,
    TrashWorkspace(Box<workspaces::Leftover>),
    Trash(PathBuf),
    Delete(PathBuf),
    DropRef(Box<refs::OldRef>),
}

/// What removes leftovers. Clones share the look: two at once would take each other's for failures.
#[derive(Debug, Clone)]
pub struct Collector {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) paths: Paths,
    pub(crate) repos: Repos,
    pub(crate) one_at_a_time: Arc<tokio::sync::Mutex<()>>,
}

impl Collector {
    /// Looks for what nobody needs any more and, unless it is a dry run, removes it.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer. What could not be looked at or removed is in the
    /// report.
    pub async fn gc(&self, dry_run: bool) -> Result<GcView, CommandError> {
        let one_at_a_time = self.one_at_a_time.lock().await;
        let (planned, problems) = plan(self).await;
        let mut items = Vec::with_capacity(planned.len());
        for planned in planned {
            items.push(if dry_run {
                planned.item
            } else {
                carry_out(self, planned).await
            });
        }
        drop(one_at_a_time);
        let counts = self.ledger.read(|tx| Box::pin(tx.row_counts())).await?;
        let rows = counts.into_iter().map(|count| TableRows {
            table: count.table,
            rows: count.rows,
        });
        let goes_to_trash = |kind| match kind {
            LeftoverKind::Workspace | LeftoverKind::RunFolder | LeftoverKind::Checkout => true,
            LeftoverKind::Trash | LeftoverKind::Ref => false,
        };
        Ok(GcView {
            dry_run,
            folder: self.paths.data().to_owned(),
            trashed_bytes: sum(&items, goes_to_trash),
            freed_bytes: sum(&items, |kind| kind == LeftoverKind::Trash),
            total: items.len() as u64,
            items: first(items),
            rows: rows.collect(),
            full: has_room(&self.paths, &self.config.now()).err(),
            problems,
        })
    }
}

/// Removes what nobody needs any more, again and again, until the host ends.
pub(crate) async fn run(collector: Collector, mut stop: Stop) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.asked() => return,
        }
        pause = EVERY;
        // Every step may be broken off: the next look finds the rest.
        let looked = tokio::select! {
            looked = collector.gc(false) => looked,
            () = stop.asked() => return,
        };
        match looked {
            Ok(report) => {
                let gone = |item: &&GcItem| matches!(item.fate, Fate::Went(_));
                let removed = report.items.iter().filter(gone).count();
                tracing::debug!(
                    removed,
                    freed_bytes = report.freed_bytes,
                    "looked for leftovers"
                );
                if let Some(full) = report.full {
                    tracing::warn!("{full}");
                }
            }
            Err(error) => tracing::error!(error = %error, "leftovers cannot be looked for"),
        }
    }
}

/// Everything that could go, and what could not be looked at: one broken mirror must not fill the disk.
async fn plan(collector: &Collector) -> (Vec<Planned>, Vec<String>) {
    let (mut planned, mut problems) = (Vec::new(), Vec::new());
    for (what, found) in [
        ("workspaces", workspaces::look(collector).await),
        ("run folders", runs::look(collector).await),
        ("checkouts", checkouts::look(collector).await),
        ("refs", refs::look(collector).await),
        ("trash", trash::look(collector).await),
    ] {
        match found {
            Ok(found) => planned.extend(found),
            Err(error) => {
                let error = format!("{what}: {error:#}");
                tracing::error!(error, "leftovers cannot be looked for");
                problems.push(error);
            }
        }
    }
    (planned, problems)
}

/// Removes what goes. Only a workspace is looked at once more: what else goes can come into nobody's use again,
/// but for a person who looks at it, whom the rename does not disturb.
async fn carry_out(collector: &Collector, planned: Planned) -> GcItem {
    let Planned { mut item, action } = planned;
    let Fate::Goes(proof) = &item.fate else {
        return item;
    };
    let proof = proof.clone();
    let done = match action {
        Action::Keep => return item,
        Action::TrashWorkspace(leftover) => workspaces::remove(collector, *leftover).await,
        Action::Trash(path) => trash::put(collector, path).await.map(|()| Ok(proof)),
        Action::Delete(path) => trash::delete(path).await.map(|()| Ok(proof)),
        Action::DropRef(old) => refs::remove(*old).await.map(|()| Ok(proof)),
    };
    item.fate = match done {
        Ok(Ok(proof)) => {
            tracing::info!(name = item.name, why = item.why, proof, "removed");
            Fate::Went(proof)
        }
        Ok(Err(reason)) => Fate::Kept(reason),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(name = item.name, why = item.why, error, "cannot be removed");
            Fate::Failed(error)
        }
    };
    item
}

/// As many as a report shows; those that go or went come first.
fn first(mut items: Vec<GcItem>) -> Vec<GcItem> {
    if items.len() > ITEMS_MAX {
        items.sort_by_key(|item| matches!(item.fate, Fate::Kept(_)));
        items.truncate(ITEMS_MAX);
    }
    items
}

fn sum(items: &[GcItem], of: impl Fn(LeftoverKind) -> bool) -> u64 {
    let going = items
        .iter()
        .filter(|item| of(item.kind) && matches!(item.fate, Fate::Goes(_) | Fate::Went(_)));
    going.filter_map(|item| item.bytes).sum()
}

/// The task with this id; none if the store does not know it.
async fn task(collector: &Collector, id: i64) -> anyhow::Result<Option<TaskRecord>> {
    let found = collector
        .ledger
        .read(|tx| Box::pin(tx.task(TaskId(id))))
        .await;
    match found {
        Ok(record) => Ok(Some(record)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A path as reports name it.
fn name_of(collector: &Collector, path: &std::path::Path) -> String {
    let below = path.strip_prefix(collector.paths.data());
    below.unwrap_or(path).display().to_string()
}

/// Does what waits for the disk on a thread that may wait.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("a look at the disk broke off")
}
