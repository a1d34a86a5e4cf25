//! Issues that people put where the host is to begin them, and issues that are gone.

use std::collections::{BTreeMap, HashMap, HashSet};

use orch_config::HostConfig;
use orch_domain::id::{DoorName, IssueId, TaskId, UnixMs};
use orch_domain::message::{MessageKind, Remark};
use orch_domain::person::{Caller, PersonRole};
use orch_domain::port::tracker::{Entry, IssueAt, Tracker, Voice};
use orch_domain::stage::Stage;
use orch_store::Tx;

use super::Reconciler;
use crate::commands::NewOfTracker;
use crate::ledger::apply::By;
use crate::ledger::decisions::{Decision, decide};
use crate::ledger::people::person_of_account;
use crate::ledger::unwritten::Unwritten;

/// Issues that are begun in one look.
const ENTRIES_MAX: u32 = 20;
/// Issues that are asked for by name in one look.
const ASKED_MAX: usize = 20;
/// Every how many looks the issue of a task under way is asked for by name.
const ASK_EVERY_LOOKS: i64 = 10;
/// How often an issue has to be gone until its task is stopped.
const GONE_TIMES: u32 = 2;

/// What the looks at issues remember of each other; all of it can be lost.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Refusals that stand: one answer for each issue and reason.
    refused: HashMap<IssueAt, String>,
    /// What is known of the issues of tasks under way, by their tracker: a look at one forgets nothing of another.
    asked: BTreeMap<DoorName, Asked>,
}

/// What the looks at the issues of one tracker remember.
#[derive(Debug, Default)]
struct Asked {
    /// When the issue of a task was asked for last.
    at_ms: BTreeMap<TaskId, i64>,
    /// How often it was gone, one time after another.
    gone: BTreeMap<TaskId, u32>,
}

/// Begins a task for each issue that stands where people ask for that.
pub(super) async fn begin(
    reconciler: &Reconciler,
    name: &DoorName,
    tracker: &dyn Tracker,
    remembered: &mut Remembered,
) -> anyhow::Result<()> {
    let entries = tracker.entries(ENTRIES_MAX).await?;
    let standing: HashSet<&IssueId> = entries.iter().map(|entry| &entry.issue).collect();
    remembered
        .refused
        .retain(|at, _| at.tracker != *name || standing.contains(&at.issue));
    for entry in &entries {
        let at = IssueAt {
            tracker: name.clone(),
            issue: entry.issue.clone(),
        };
        if let Some(why) = begin_one(reconciler, &at, entry).await? {
            let before = remembered.refused.insert(at.clone(), why.clone());
            if before.as_ref() == Some(&why) {
                continue;
            }
            tracing::warn!(
                work_item = %entry.work_item,
                why,
                "an issue asks for a task that is not begun"
            );
            let remark = Remark::NotBegun { why };
            let text = orch_words::remark::text(&remark);
            let key = format!("not-begun:{}:{}", entry.issue, digest(&text));
            tracker.comment(&at.issue, Voice::Host, &text, &key).await?;
        }
    }
    Ok(())
}

/// Names a text in a key.
pub(super) fn digest(text: &str) -> String {
    let sum = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{sum:016x}")
}

/// Begins a task for an issue, if it is nobody's yet; answers why not, if people should know.
async fn begin_one(
    reconciler: &Reconciler,
    at: &IssueAt,
    entry: &Entry,
) -> anyhow::Result<Option<String>> {
    let (issue, entered_ms) = (at.clone(), entry.at_ms);
    let is_free = reconciler
        .ledger
        .read(move |tx| Box::pin(async move { is_free(tx, &issue, entered_ms).await }))
        .await?;
    if !is_free {
        return Ok(None);
    }
    let caller = match asking(reconciler, at, entry).await? {
        Ok(caller) => caller,
        Err(why) => return Ok(Some(why)),
    };
    let new = NewOfTracker {
        at: at.clone(),
        work_item: entry.work_item.clone(),
        repo: entry.repo.clone(),
        title: entry.title.clone(),
        body: entry.text.clone(),
        entered_ms: entry.at_ms,
    };
    match reconciler.tasks.begin_of_tracker(new, &caller).await {
        Ok(done) => {
            tracing::info!(work_item = done.work_item, tracker = %at.tracker, "a task begins from its issue");
            Ok(None)
        }
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// Who asks for an issue, if they may begin tasks and nobody unknown has changed since what it says; why not otherwise.
async fn asking(
    reconciler: &Reconciler,
    at: &IssueAt,
    entry: &Entry,
) -> anyhow::Result<Result<Caller, String>> {
    let (config, now) = (reconciler.config.now(), reconciler.ledger.now());
    let tracker = at.tracker.clone();
    let accounts: Vec<String> = [&entry.by]
        .into_iter()
        .chain(&entry.changed_by)
        .cloned()
        .collect();
    let known = reconciler
        .ledger
        .read(move |tx| {
            Box::pin(async move {
                let mut known = Vec::new();
                for account in accounts {
                    let who = person_of_account(tx, &config, &tracker, &account, now).await?;
                    known.push((account, who));
                }
                Ok(known)
            })
        })
        .await?;
    let stranger = known.iter().find(|(_, who)| who.is_none());
    if let Some((account, _)) = stranger {
        return Ok(Err(format!(
            "`{account}`, who asks for it or changed what it says, is nobody whom the host knows on this tracker; have somebody whom `people` in orch.yaml names move it here again"
        )));
    }
    let Some(caller) = known.into_iter().next().and_then(|(_, who)| who) else {
        return Ok(Err("nobody asks for it".to_owned()));
    };
    let (person, role, least) = (&caller.person, caller.role, PersonRole::Operator);
    Ok(match caller.may(least) {
        true => Ok(caller),
        false => Err(format!("`{person}` is `{role}`, and this takes `{least}`")),
    })
}

/// Whether an issue has no task under way, none whose end the tracker has not been told, and none that began when it was
/// put where it stands: a tracker that does not let the host move it would have one task after another begin.
async fn is_free(
    tx: &mut Tx,
    at: &IssueAt,
    entered_ms: UnixMs,
) -> Result<bool, orch_store::StoreError> {
    let Some(task) = tx.task_of_issue(at).await? else {
        return Ok(true);
    };
    let before = tx.issue_entered_ms(task).await?;
    if before.is_some_and(|before| before >= entered_ms) {
        return Ok(false);
    }
    let stage = tx.task(task).await?.task.stage;
    Ok(stage.is_terminal() && !tx.is_message_waiting(task, MessageKind::IssueState).await?)
}

/// Stops the tasks whose issues were deleted. Not being shown an issue is no proof of that.
pub(super) async fn stop_deleted(
    reconciler: &Reconciler,
    name: &DoorName,
    tracker: &dyn Tracker,
    remembered: &mut Remembered,
) -> anyhow::Result<()> {
    let now = reconciler.ledger.now();
    let interval_s = reconciler.config.now().reconcile.interval_s;
    let every_ms = i64::from(interval_s) * 1000 * ASK_EVERY_LOOKS;
    let of = name.clone();
    let under_way: Vec<(TaskId, IssueId)> = reconciler
        .ledger
        .read(move |tx| Box::pin(async move { tx.issues_under_way(&of).await }))
        .await?;
    let live: HashSet<TaskId> = under_way.iter().map(|(task, _)| *task).collect();
    let remembered = remembered.asked.entry(name.clone()).or_default();
    remembered.at_ms.retain(|task, _| live.contains(task));
    remembered.gone.retain(|task, _| live.contains(task));
    let mut due: Vec<&(TaskId, IssueId)> = under_way
        .iter()
        .filter(|(task, _)| {
            // One that was gone is looked at again at once.
            let is_suspect = remembered.gone.contains_key(task);
            let asked = *remembered.at_ms.entry(*task).or_insert(now);
            is_suspect || now.saturating_sub(asked) >= every_ms
        })
        .collect();
    // Whoever was asked for longest ago comes first, so that many tasks keep none from its turn.
    due.sort_by_key(|(task, _)| remembered.at_ms.get(task).copied());
    due.truncate(ASKED_MAX);
    for (task, issue) in due {
        remembered.at_ms.insert(*task, now);
        if !tracker.is_deleted(issue).await? {
            remembered.gone.remove(task);
            continue;
        }
        let times = remembered.gone.entry(*task).or_insert(0);
        *times += 1;
        if *times < GONE_TIMES {
            continue;
        }
        let (task, by) = (*task, reconciler.ledger.by("tracker"));
        let config = reconciler.config.now();
        let stopped = reconciler
            .ledger
            .write_or(move |tx| Box::pin(async move { stop(tx, task, &config, &by).await }))
            .await?;
        if let Some(item) = stopped {
            reconciler.made_good(&item, "issue-deleted");
        }
    }
    Ok(())
}

/// Stops a task whose issue is gone; answers its name if it was not stopped before.
async fn stop(
    tx: &mut Tx,
    task: TaskId,
    config: &HostConfig,
    by: &By,
) -> Result<Option<String>, Unwritten> {
    let present = tx.task(task).await?.task;
    if present.stop_requested || matches!(present.stage, Stage::Done | Stage::Cancelled) {
        return Ok(None);
    }
    decide(tx, task, &Decision::Stop, config, by).await?;
    Ok(Some(present.work_item.to_string()))
}
