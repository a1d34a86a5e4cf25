//! Which run folders are kept no longer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use orch_agents::folder::{self, RunFolder};
use orch_domain::id::RunId;
use orch_views::disk::{Fate, GcItem, LeftoverKind};

use super::rules::RunState;
use super::{Action, Collector, Planned, name_of, off_thread, rules, usage};

/// Rows that are read at once.
const PAGE: u32 = 5_000;

/// Folders of runs that were taken in long ago, and old ones that no run has.
pub(super) async fn look(collector: &Collector) -> anyhow::Result<Vec<Planned>> {
    let root = collector.paths.runs();
    let listed = off_thread(move || {
        let repos = usage::folders_in(&root);
        let folders: Vec<PathBuf> = repos.iter().flat_map(|r| usage::folders_in(r)).collect();
        folders
    })
    .await?;
    let states = states(collector, &listed).await?;
    let (days, now) = (
        collector.config.now().disk.logs_days,
        collector.ledger.now(),
    );
    let found = off_thread(move || {
        let users = usage::Users::look()?;
        let old = listed.into_iter().filter_map(|path| {
            let state = states.get(&key(&path)).copied();
            let state = state.unwrap_or(RunState::Unknown);
            let since = rules::run_over_since(state, usage::written_ms(&path))?;
            rules::is_old(since, days, now).then_some((path, state, since))
        });
        let judged = old.map(|(path, state, since)| {
            let fate = match free(&path, &users) {
                Ok(proof) => Fate::Goes(proof),
                Err(reason) => Fate::Kept(reason),
            };
            let bytes = matches!(fate, Fate::Goes(_)).then(|| usage::bytes(&path));
            (path, state, since, fate, bytes)
        });
        anyhow::Ok(judged.collect::<Vec<_>>())
    })
    .await??;
    let planned = found
        .into_iter()
        .map(|(path, state, since, fate, bytes)| Planned {
            item: GcItem {
                kind: LeftoverKind::RunFolder,
                name: name_of(collector, &path),
                bytes,
                age_s: (now - since).max(0) / 1000,
                why: why(state, days),
                fate,
            },
            action: Action::Trash(path),
        });
    Ok(planned.collect())
}

fn why(state: RunState, days: u32) -> String {
    match state {
        RunState::TakenIn(_) => format!("its run was taken in {days} days ago or earlier"),
        RunState::Unknown | RunState::Open => "no run of the store has it".to_owned(),
    }
}

/// What the store knows of these folders.
async fn states(
    collector: &Collector,
    folders: &[PathBuf],
) -> anyhow::Result<HashMap<String, RunState>> {
    let mut states: HashMap<String, RunState> = folders
        .iter()
        .map(|path| (key(path), RunState::Unknown))
        .collect();
    let mut after = RunId(0);
    while !states.is_empty() {
        let store = &collector.ledger;
        let page = store
            .read(|tx| Box::pin(tx.run_folders(after, PAGE)))
            .await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for run in &page {
            if let Some(state) = states.get_mut(&key(Path::new(&run.folder))) {
                *state = run.taken_in_ms.map_or(RunState::Open, RunState::TakenIn);
            }
        }
    }
    Ok(states)
}

/// Repository and name of a run folder, which hold even if the data folder was moved: the name begins with the
/// id of the job.
fn key(folder: &Path) -> String {
    let repo = folder.parent().map(usage::file_name).unwrap_or_default();
    format!("{repo}/{}", usage::file_name(folder))
}

/// Whether nobody has the folder: no supervisor its lock, no process a file in it.
fn free(path: &Path, users: &usage::Users) -> Result<String, String> {
    match RunFolder::at(path).state() {
        Ok(folder::RunState::Running) => return Err("a supervisor holds it".to_owned()),
        Ok(
            folder::RunState::NotStarted | folder::RunState::Finished(_) | folder::RunState::Lost,
        ) => {}
        Err(error) => return Err(error.to_string()),
    }
    rules::unused(&users.of(path))?;
    Ok("no supervisor holds it, no process uses it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_is_known_by_its_folder_after_the_data_was_moved() {
        let (then, now) = ("/old/data/runs/shop/7-A-1", "/new/runs/shop/7-A-1");
        assert_eq!(key(Path::new(then)), key(Path::new(now)));
        assert_ne!(key(Path::new(now)), key(Path::new("/new/runs/toys/7-A-1")));
    }
}
