//! Which workspaces are left over, and how their work is kept before they go.

use std::path::{Path, PathBuf};

use anyhow::Context;
use orch_agents::workspace::{Workspace, bot};
use orch_domain::id::ObjectId;
use orch_domain::message::MessageKind;
use orch_domain::task::Status;
use orch_process::git::{Git, Modules, Wanted};
use orch_store::TaskRecord;
use orch_views::disk::{Fate, GcItem, LeftoverKind};

use super::rules::{TaskState, WorkspaceFacts};
use super::{Action, Collector, Planned, name_of, off_thread, rules, task, trash, usage};

/// A workspace that nobody works in any more.
#[derive(Clone)]
pub(super) struct Leftover {
    path: PathBuf,
    repo: String,
    /// Its task, if the store knows it.
    record: Option<TaskRecord>,
    /// What its folder says of the task's id.
    id: Option<i64>,
}

impl Leftover {
    fn state(&self) -> TaskState {
        match &self.record {
            Some(record) if record.task.status == Status::Ended => TaskState::Ended,
            Some(_) => TaskState::Live,
            None => TaskState::Unknown,
        }
    }

    fn why(&self) -> String {
        match (&self.record, self.state()) {
            (Some(record), TaskState::Ended) => {
                format!(
                    "task {} ({}) has ended",
                    record.task.id, record.task.work_item
                )
            }
            (Some(record), _) => format!("it is of task {}", record.task.id),
            (None, _) => "the store knows no task of it".to_owned(),
        }
    }
}

/// Every workspace, those of live tasks too.
pub(super) async fn look(collector: &Collector) -> anyhow::Result<Vec<Planned>> {
    let root = collector.paths.workspaces();
    let listed = off_thread(move || {
        let repos = usage::folders_in(&root);
        let paths: Vec<PathBuf> = repos.iter().flat_map(|r| usage::folders_in(r)).collect();
        paths
    })
    .await?;
    let users = off_thread(usage::Users::look).await??;
    let now = collector.ledger.now();
    let mut planned = Vec::new();
    for path in listed {
        let leftover = leftover(collector, path).await?;
        let facts = facts(collector, &leftover, &users).await?;
        let fate = match rules::workspace(&facts).and_then(|p| Ok((p, home(collector, &leftover)?)))
        {
            Ok((proof, Some((_, id)))) => Fate::Goes(format!(
                "{proof}; what is on no ref goes to `{}` first",
                name_of_ref(id)
            )),
            Ok((proof, None)) => Fate::Goes(format!("{proof}; {EMPTY}")),
            Err(reason) => Fate::Kept(reason),
        };
        let path = leftover.path.clone();
        let goes = matches!(fate, Fate::Goes(_));
        let (bytes, written_ms) = off_thread(move || {
            let bytes = goes.then(|| usage::bytes(&path));
            (bytes, usage::written_ms(&path))
        })
        .await?;
        let since = leftover
            .record
            .as_ref()
            .map_or(written_ms, |r| r.updated_ms);
        planned.push(Planned {
            item: GcItem {
                kind: LeftoverKind::Workspace,
                name: name_of(collector, &leftover.path),
                bytes,
                age_s: (now - since).max(0) / 1000,
                why: leftover.why(),
                fate,
            },
            action: if goes {
                Action::TrashWorkspace(Box::new(leftover))
            } else {
                Action::Keep
            },
        });
    }
    Ok(planned)
}

/// Said of a workspace without a work tree.
const EMPTY: &str = "it holds no work tree";

/// Mirror and task to keep the work for; none if there is no work tree. A dry run can say no more: to know what
/// differs it would have to write into the mirror.
fn home(collector: &Collector, leftover: &Leftover) -> Result<Option<(PathBuf, i64)>, String> {
    if !is_folder(&Workspace::at(&leftover.path).tree()) {
        return Ok(None);
    }
    let Some(id) = leftover.id else {
        return Err(
            "its name says no task to keep its work for; look at it and remove it by hand"
                .to_owned(),
        );
    };
    let mirror = collector.paths.mirror(&leftover.repo);
    if !mirror.join("HEAD").exists() {
        return Err(format!(
            "repository `{}` has no mirror to keep its work in; register it again, or remove the folder by hand",
            leftover.repo
        ));
    }
    Ok(Some((mirror, id)))
}

fn name_of_ref(id: i64) -> String {
    format!("refs/orch/wip/{id}/gc")
}

async fn leftover(collector: &Collector, path: PathBuf) -> anyhow::Result<Leftover> {
    let repo = path.parent().map(usage::file_name).unwrap_or_default();
    let id = rules::task_of_workspace(&usage::file_name(&path));
    let record = match id {
        Some(id) => task(collector, id).await?,
        None => None,
    };
    // A store that began anew gives the same ids to other tasks.
    let is_its = |record: &TaskRecord| {
        let (repo, item) = (record.task.repo.as_str(), record.task.work_item.as_str());
        collector.paths.workspace(repo, record.task.id.0, item) == path
    };
    let record = record.filter(is_its);
    Ok(Leftover {
        path,
        repo,
        record,
        id,
    })
}

async fn facts(
    collector: &Collector,
    leftover: &Leftover,
    users: &usage::Users,
) -> anyhow::Result<WorkspaceFacts> {
    let (mut open_runs, mut is_removal_due) = (0, false);
    if let Some(record) = &leftover.record {
        let id = record.task.id;
        let store = &collector.ledger;
        open_runs = store.read(|tx| Box::pin(tx.open_runs(id))).await?.len();
        is_removal_due = store
            .read(|tx| Box::pin(tx.is_message_waiting(id, MessageKind::RemoveWorkspace)))
            .await?;
    }
    Ok(WorkspaceFacts {
        task: leftover.state(),
        open_runs,
        is_removal_due,
        pids: users.of(&leftover.path),
    })
}

/// Keeps the work of a leftover and puts it into the trash; answers the proof, or what speaks against it now.
pub(super) async fn remove(
    collector: &Collector,
    seen: Leftover,
) -> anyhow::Result<Result<String, String>> {
    let leftover = leftover(collector, seen.path).await?;
    let kept = match keep(collector, &leftover).await? {
        Ok(kept) => kept,
        Err(reason) => return Ok(Err(reason)),
    };
    // Looked at after the snapshot: whoever wrote meanwhile is still there or wrote before it.
    let users = off_thread(usage::Users::look).await??;
    let proof = match rules::workspace(&facts(collector, &leftover, &users).await?) {
        Ok(proof) => proof,
        Err(reason) => return Ok(Err(reason)),
    };
    trash::put(collector, leftover.path).await?;
    Ok(Ok(format!("{proof}; {kept}")))
}

/// Sees to it that the work of a leftover is on a ref; answers on which, or why it cannot be.
async fn keep(
    collector: &Collector,
    leftover: &Leftover,
) -> anyhow::Result<Result<String, String>> {
    let (mirror, id) = match home(collector, leftover) {
        Ok(Some(home)) => home,
        Ok(None) => return Ok(Ok(EMPTY.to_owned())),
        Err(reason) => return Ok(Err(reason)),
    };
    let git = Git::at(mirror)?;
    let Some(head) = head(collector, leftover, &git).await? else {
        return Ok(Err(format!(
            "nothing says which commit it began with; register repository `{}` again, or remove the folder by hand",
            leftover.repo
        )));
    };
    let modules = Modules::at(collector.paths.submodules());
    let taken = Workspace::at(&leftover.path)
        .with_submodules(modules, Wanted::default())
        .snapshot(&git, &head)
        .await
        .context("its work tree cannot be read")?;
    if let Some(refusal) = taken.refused.iter().find(|r| r.kind.holds_work()) {
        return Ok(Err(format!(
            "no snapshot holds all of its work: {refusal}; look at it and remove it by hand"
        )));
    }
    let tree = taken.tree;
    let began = git.tree_of(&head).await?;
    let changes = git.delta(&began, &tree).await?;
    if changes.is_empty()
        && let Some(name) = git.ref_holding(&head).await?
    {
        return Ok(Ok(format!("its work is commit {head}, held by `{name}`")));
    }
    let name = free_name(collector, &git, id, &head, &tree).await?;
    // Dated now: the ref is to be kept for as long as if the work had been left today.
    let who = bot(collector.ledger.now());
    let message = "Work in progress that was left in a workspace";
    let commit = git.commit(&tree, &head, message, &who).await?;
    git.set_ref(&name, &commit).await?;
    Ok(Ok(format!("its work is commit {commit}, held by `{name}`")))
}

/// The commit that the workspace began with: the task's head, or the base that the mirror knows.
async fn head(
    collector: &Collector,
    leftover: &Leftover,
    git: &Git,
) -> anyhow::Result<Option<ObjectId>> {
    let base = match &leftover.record {
        Some(TaskRecord { task, .. }) if task.head.is_some() => return Ok(task.head.clone()),
        Some(record) => record.base_branch.clone(),
        None => match collector.repos.find(&leftover.repo) {
            Some(repo) => repo.config.base.clone(),
            None => return Ok(None),
        },
    };
    Ok(git.resolve(&format!("refs/remotes/origin/{base}")).await?)
}

/// Name of a ref that holds nothing, or nothing but this very work.
async fn free_name(
    collector: &Collector,
    git: &Git,
    id: i64,
    head: &ObjectId,
    tree: &ObjectId,
) -> anyhow::Result<String> {
    let name = name_of_ref(id);
    let Some(other) = git.resolve(&name).await? else {
        return Ok(name);
    };
    let is_same = git.tree_of(&other).await? == *tree && git.is_ancestor(head, &other).await?;
    if is_same {
        return Ok(name);
    }
    Ok(format!("{name}-{}", collector.ledger.now()))
}

fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}
