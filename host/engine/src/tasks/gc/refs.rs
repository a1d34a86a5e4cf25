//! Which refs keep work that never landed for longer than it is kept.

use std::path::PathBuf;

use orch_domain::task::Status;
use orch_process::git::{Git, RefEntry, RefOutcome};
use orch_views::disk::{Fate, GcItem, LeftoverKind};

use super::rules::TaskState;
use super::{Action, Collector, Planned, off_thread, rules, task, usage};

/// Where work that never landed is kept in a mirror.
const KEPT: [&str; 2] = ["refs/orch/wip", "refs/orch/cancelled"];

/// A ref that is kept no longer.
pub(super) struct OldRef {
    mirror: Git,
    entry: RefEntry,
}

/// Refs of every mirror whose commit, and whose task's end, are long past.
pub(super) async fn look(collector: &Collector) -> anyhow::Result<Vec<Planned>> {
    let root = collector.paths.mirrors();
    let mirrors: Vec<PathBuf> = off_thread(move || usage::folders_in(&root)).await?;
    let (days, now) = (collector.config.now().disk.wip_days, collector.ledger.now());
    let mut planned = Vec::new();
    for path in mirrors.iter().filter(|path| path.join("HEAD").exists()) {
        let name = usage::file_name(path);
        let repo = name.trim_end_matches(".git");
        let mirror = Git::at(path)?;
        for prefix in KEPT {
            for entry in mirror.refs(prefix).await? {
                // Most are young: they are not worth a question to the store.
                if !rules::is_old(entry.committed_ms, days, now) {
                    continue;
                }
                let record = match rules::task_of_ref(&entry.name) {
                    Some(id) => task(collector, id).await?,
                    None => None,
                };
                let of_repo = record.filter(|record| record.task.repo.as_str() == repo);
                let known = of_repo.map(|record| {
                    let ended = record.task.status == Status::Ended;
                    let state = if ended {
                        TaskState::Ended
                    } else {
                        TaskState::Live
                    };
                    (state, record.updated_ms)
                });
                let Some(since) = rules::ref_over_since(entry.committed_ms, known) else {
                    continue;
                };
                if !rules::is_old(since, days, now) {
                    continue;
                }
                let proof = format!(
                    "its task is over; `git --git-dir {} update-ref {} {}` brings it back until the mirror is packed \
                     by hand",
                    path.display(),
                    entry.name,
                    entry.commit
                );
                planned.push(Planned {
                    item: GcItem {
                        kind: LeftoverKind::Ref,
                        name: format!("mirrors/{name} {}", entry.name),
                        bytes: None,
                        age_s: (now - since).max(0) / 1000,
                        why: format!("work that never landed is kept for {days} days"),
                        fate: Fate::Goes(proof),
                    },
                    action: Action::DropRef(Box::new(OldRef {
                        mirror: mirror.clone(),
                        entry,
                    })),
                });
            }
        }
    }
    Ok(planned)
}

/// Removes the ref if it still stands where it was seen.
pub(super) async fn remove(old: OldRef) -> anyhow::Result<()> {
    let OldRef { mirror, entry } = old;
    match mirror.delete_ref(&entry.name, &entry.commit).await? {
        RefOutcome::Done | RefOutcome::Refused { actual: None } => Ok(()),
        RefOutcome::Refused {
            actual: Some(actual),
        } => anyhow::bail!("it was moved to {actual} meanwhile"),
    }
}
