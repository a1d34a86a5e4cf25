//! What can be seen of a host, put together.

use orch_config::LiveConfig;
use orch_judge::Judges;

use crate::ledger::Ledger;
use crate::ledger::repos::Repos;
use crate::ledger::status::{BackgroundStatus, WindowStatus};
use crate::ledger::webhooks::WebhookStatus;
use crate::views;

/// What people and machines may see of a host, by noun. Clones share everything.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is named after what it shows")]
pub struct Views {
    pub tasks: views::TaskViews,
    pub runs: views::RunViews,
    pub diffs: views::DiffViews,
    pub artefacts: views::ArtefactViews,
    pub inbox: views::InboxViews,
    pub board: views::BoardViews,
    pub live: views::LiveViews,
    pub queue: views::QueueViews,
    pub gates: views::GateViews,
    pub conduct: views::ConductViews,
    pub drills: views::DrillViews,
    pub evaluations: views::EvaluationViews,
    pub leases: views::LeaseViews,
    pub pauses: views::PauseViews,
    pub alerts: views::AlertViews,
    pub issues: views::IssueViews,
    pub costs: views::CostViews,
    pub people: views::PeopleViews,
    pub host: views::HostViews,
}

impl Views {
    #[expect(
        clippy::too_many_arguments,
        reason = "everything that can be seen is handed in once"
    )]
    pub(super) fn new(
        ledger: &Ledger,
        config: &LiveConfig,
        repos: &Repos,
        judges: &Judges,
        mechanisms: views::Mechanisms,
        background: &BackgroundStatus,
        webhooks: &WebhookStatus,
        windows: &WindowStatus,
    ) -> Self {
        let gates = views::GateViews {
            config: config.clone(),
            judges: judges.clone(),
        };
        let ledger = ledger.clone();
        Self {
            conduct: views::ConductViews {
                ledger: ledger.clone(),
            },
            drills: views::DrillViews {
                ledger: ledger.clone(),
            },
            tasks: views::TaskViews {
                ledger: ledger.clone(),
            },
            runs: views::RunViews {
                ledger: ledger.clone(),
            },
            artefacts: views::ArtefactViews {
                ledger: ledger.clone(),
                repos: repos.clone(),
            },
            diffs: views::DiffViews {
                ledger: ledger.clone(),
                repos: repos.clone(),
            },
            inbox: views::InboxViews {
                ledger: ledger.clone(),
            },
            board: views::BoardViews {
                ledger: ledger.clone(),
            },
            live: views::LiveViews {
                ledger: ledger.clone(),
            },
            queue: views::QueueViews {
                ledger: ledger.clone(),
                mechanisms,
            },
            evaluations: views::EvaluationViews {
                ledger: ledger.clone(),
                judges: judges.clone(),
            },
            leases: views::LeaseViews {
                ledger: ledger.clone(),
            },
            pauses: views::PauseViews {
                ledger: ledger.clone(),
            },
            alerts: views::AlertViews {
                ledger: ledger.clone(),
            },
            issues: views::IssueViews {
                ledger: ledger.clone(),
            },
            costs: views::CostViews {
                ledger: ledger.clone(),
            },
            people: views::PeopleViews {
                ledger: ledger.clone(),
            },
            host: views::HostViews {
                started_ms: ledger.now(),
                repos: repos.clone(),
                gates: gates.clone(),
                background: background.clone(),
                webhooks: webhooks.clone(),
                windows: windows.clone(),
                ledger,
            },
            gates,
        }
    }
}
