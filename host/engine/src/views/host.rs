//! What the host is, how many tasks it carries, and how its background tasks are.

use std::collections::BTreeMap;

use orch_domain::id::{DoorName, UnixMs};
use orch_views::gate::GateState;
use orch_views::host::{
    BackgroundState, BackgroundView, GateCounts, Health, HealthView, PanicView, StatusView,
    TaskCounts, WebhookView, WindowView,
};

use super::gates::GateViews;
use crate::commands::CommandError;
use crate::ledger::Ledger;
use crate::ledger::repos::Repos;
use crate::ledger::status::{Background, BackgroundStatus, TaskState, WindowHeard, WindowStatus};
use crate::ledger::webhooks::{WebhookCounts, WebhookStatus};

/// Shows the host. Clones are the same.
#[derive(Debug, Clone)]
pub struct HostViews {
    pub(crate) ledger: Ledger,
    pub(crate) repos: Repos,
    pub(crate) gates: GateViews,
    pub(crate) background: BackgroundStatus,
    pub(crate) webhooks: WebhookStatus,
    pub(crate) windows: WindowStatus,
    pub(crate) started_ms: UnixMs,
}

impl HostViews {
    /// That the host answers.
    pub fn health(&self) -> HealthView {
        HealthView { status: Health::Ok }
    }

    /// What the host is and how many tasks it carries.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn status(&self) -> Result<StatusView, CommandError> {
        let tally = self.ledger.read(|tx| Box::pin(tx.task_tally())).await?;
        let gates = self.gates.list();
        let loaded = gates.iter().filter(|g| g.state != GateState::Missing);
        let failed = gates.iter().filter(|g| g.error.is_some());
        Ok(StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms: self.started_ms,
            now_ms: self.ledger.now(),
            repositories: self.repos.names(),
            tasks: TaskCounts {
                live: tally.live,
                blocked: tally.need_person,
            },
            gates: GateCounts {
                loaded: loaded.count() as u64,
                failed: failed.count() as u64,
            },
            background: self.background.now().into_iter().map(background).collect(),
            webhooks: self.webhooks(),
            windows: self.windows(),
        })
    }
}

impl HostViews {
    fn windows(&self) -> BTreeMap<String, WindowView> {
        let heard = self.windows.now().into_iter();
        let view = |(name, heard): (DoorName, WindowHeard)| {
            let view = WindowView {
                answered_ms: heard.answered_ms,
                failing: heard.failing,
            };
            (name.to_string(), view)
        };
        heard.map(view).collect()
    }

    fn webhooks(&self) -> BTreeMap<String, WebhookView> {
        let counts = self.webhooks.now().into_iter();
        let view = |(name, c): (DoorName, WebhookCounts)| {
            let view = WebhookView {
                accepted: c.accepted,
                doubled: c.doubled,
                refused: c.refused,
                strangers: c.strangers,
                dead: c.dead,
                last_accepted_ms: c.last_accepted_ms,
            };
            (name.to_string(), view)
        };
        counts.map(view).collect()
    }
}

fn background(task: Background) -> BackgroundView {
    BackgroundView {
        name: task.name.to_owned(),
        description: task.description.to_owned(),
        period_ms: task
            .period
            .map(|p| u64::try_from(p.as_millis()).unwrap_or(u64::MAX)),
        state: match task.state {
            TaskState::Running => BackgroundState::Running,
            TaskState::Pausing => BackgroundState::Pausing,
            TaskState::Ended => BackgroundState::Ended,
        },
        panics: task.panics,
        last_panic: task
            .last_panic
            .map(|(at_ms, says)| PanicView { at_ms, says }),
    }
}
