//! How often, and how dearly, is a forge asked for what a gate waits for? Nobody tells of a new status, so the host looks;
//! as long as a look shows what the one before showed, nothing is evaluated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use orch_config::{Effective, ForgePlace};
use orch_domain::id::{ObjectId, TaskId, UnixMs};
use orch_domain::imports::{Check, CheckState};
use orch_domain::pipeline::Entry;
use orch_domain::retry::look_again_ms;
use orch_domain::task::Status;
use orch_domain::transition::{Event, Judgement};
use orch_store::TaskRecord;

use super::{CI_GATE, GateStep, forge};
use crate::ledger::ending::{Ending, Write};
use crate::ledger::repos::Repo;

/// Looks that are remembered.
const REMEMBERED_MAX: usize = 1_000;
/// How long the gate waits by itself, milliseconds, unless its settings say otherwise.
const WISH_MS: u64 = 15_000;

/// What the last look showed of the commits that tasks wait with. It is lost with the host, which then looks in full.
#[derive(Debug, Clone, Default)]
pub(in crate::steps) struct Looked(Arc<Mutex<BTreeMap<TaskId, Shown>>>);

/// A commit, and how its contexts stood.
type Shown = (ObjectId, Vec<Check>);

impl Looked {
    /// Whether it is what the last look showed; the next is compared with it.
    fn is_as_before(&self, task: TaskId, shown: Shown) -> bool {
        let mut looked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.len() >= REMEMBERED_MAX && !looked.contains_key(&task) {
            looked.clear();
        }
        looked.get(&task) == Some(&shown) || {
            looked.insert(task, shown);
            false
        }
    }
}

/// Since when a task waits, and for what.
fn waits(status: &Status) -> Option<(UnixMs, &str)> {
    match status {
        Status::Waiting {
            since_ms, reason, ..
        } => Some((*since_ms, reason)),
        Status::Active
        | Status::AwaitingApproval { .. }
        | Status::NeedsInput { .. }
        | Status::Blocked { .. }
        | Status::Stopping
        | Status::Ended => None,
    }
}

/// Whether people were told already that a task waits for this.
pub(super) fn is_said(status: &Status, judgement: &Judgement) -> bool {
    match judgement {
        Judgement::Wait { reason, .. } => waits(status).is_some_and(|(_, said)| said == reason),
        Judgement::Pass
        | Judgement::NotApplicable
        | Judgement::Fail { .. }
        | Judgement::Inconclusive { .. } => false,
    }
}

impl GateStep {
    /// How the step ends if statuses are waited for that stand as they stood at the last look; none if the gate is to be
    /// asked.
    pub(super) async fn still_waits(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        effective: &Effective,
        entry: &Entry,
    ) -> anyhow::Result<Option<Ending>> {
        let is_remote = matches!(repo.config.forge, ForgePlace::On(_));
        let waits = waits(&record.task.status);
        let (true, Some((_, reason)), Some(head)) =
            (is_remote && entry.gate == CI_GATE, waits, &record.task.head)
        else {
            return Ok(None);
        };
        let required = &effective.required_contexts;
        let status = forge::commit_status(&self.ledger, record, repo, head, required).await?;
        let shown = (head.clone(), status.checks);
        if status.state != CheckState::Pending || !self.looked.is_as_before(record.task.id, shown) {
            return Ok(None);
        }
        let settings: serde_json::Value = serde_json::from_str(&entry.settings).unwrap_or_default();
        let wait = Judgement::Wait {
            after_ms: settings["look_again_ms"].as_u64().unwrap_or(WISH_MS),
            reason: reason.to_owned(),
        };
        let judgement = self.paced(record, repo, wait).await?;
        Ok(Some(Ending::Event {
            event: Event::GateJudged {
                entry: entry.id.clone(),
                judgement,
            },
            also: vec![Write::ExpectTask {
                version: record.task.version,
                head: record.task.head.clone(),
            }],
        }))
    }

    /// A judgement as it counts for the queue: what waits for a forge is looked at when it is worth it.
    pub(super) async fn paced(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        judgement: Judgement,
    ) -> anyhow::Result<Judgement> {
        let (ForgePlace::On(_), Judgement::Wait { after_ms, reason }) =
            (&repo.config.forge, &judgement)
        else {
            return Ok(judgement);
        };
        let waiting = self.ledger.read(|tx| Box::pin(tx.count_waiting())).await?;
        let since = waits(&record.task.status).map(|(since, _)| since);
        let waited_ms = since.map_or(0, |since| self.ledger.now() - since);
        Ok(Judgement::Wait {
            after_ms: look_again_ms(*after_ms, waited_ms, waiting),
            reason: reason.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_is_as_before_only_for_the_same_commit_with_the_same_statuses() {
        let looked = Looked::default();
        let shown = |digit: &str, state| {
            let check = Check {
                context: "ci".to_owned(),
                state,
                url: None,
            };
            (ObjectId::new(digit.repeat(40)).unwrap(), vec![check])
        };
        let (none, pending) = (CheckState::None, CheckState::Pending);
        assert!(!looked.is_as_before(TaskId(1), shown("a", none)));
        assert!(looked.is_as_before(TaskId(1), shown("a", none)));
        assert!(!looked.is_as_before(TaskId(2), shown("a", none)));
        assert!(!looked.is_as_before(TaskId(1), shown("a", pending)));
        assert!(!looked.is_as_before(TaskId(1), shown("b", pending)));
        assert!(looked.is_as_before(TaskId(1), shown("b", pending)));
    }
}
