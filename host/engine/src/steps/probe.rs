//! Does production serve what it was given? One look, by the operator's own command.

use std::time::Duration;

use orch_config::PostDeployConfig;
use orch_domain::id::{ObjectId, TaskId};
use orch_process::Spec;
use serde::{Deserialize, Serialize};

use super::checkout::{Checkouts, plain_environment};
use super::revision::{InProduction, Seen};
use crate::ledger::Ledger;
use crate::ledger::repos::Repo;

/// Bytes of a failed probe's output in the series.
const TAIL_BYTES: usize = 500;

/// Looks at production. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Prober {
    pub(super) ledger: Ledger,
    pub(super) checkouts: Checkouts,
}

/// One look at production.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Probe {
    pub(super) at_ms: i64,
    pub(super) ok: bool,
    pub(super) exit_code: i32,
    /// Output of a failed probe.
    pub(super) output: String,
}

impl Prober {
    /// In a checkout of what landed: a probe that runs files of it is judged as they were.
    pub(super) async fn probe(
        &self,
        repo: &Repo,
        task: TaskId,
        watch: &PostDeployConfig,
        landed: &ObjectId,
        expected: String,
    ) -> anyhow::Result<Probe> {
        let folder = self.checkouts.make(repo, landed).await?;
        let timeout = Duration::from_secs(u64::from(watch.timeout_s));
        let spec = Spec::shell(&watch.probe, folder.path().join("tree"), timeout);
        let spec = plain_environment(spec, &folder).env("EXPECTED_REVISION", expected.clone());
        let at_ms = self.ledger.now();
        let (checkouts, line) = (&self.checkouts, watch.probe.as_str());
        let done = checkouts.hook(repo, task, &folder, line, spec).await?;
        let output = match (done.success(), done.timed_out) {
            (true, _) => String::new(),
            (false, true) => format!("no answer within {} s", watch.timeout_s),
            (false, false) => self.checkouts.masks().text(&done.tail(TAIL_BYTES)),
        };
        let mut probe = Probe {
            at_ms,
            ok: done.success(),
            exit_code: done.exit.code(),
            output,
        };
        // Whatever answers has to be what was deployed.
        if probe.ok
            && let Some(deploy) = &repo.config.deploy
            && let Some(revision) = &deploy.revision
        {
            let in_production = InProduction {
                checkouts: &self.checkouts,
                repo,
                command: revision,
            };
            if let Seen::Other(said) = in_production.look(&expected).await? {
                probe.ok = false;
                probe.output = said;
            }
        }
        Ok(probe)
    }
}
