//! Whether a run may start now, and how it is started.
//!
//! Four questions come before a launch: whose turn it is, whether the disk has room, whether there is money, and
//! whether the agent can work at all. They are asked in one place, and a refusal uses nothing up.

pub(crate) mod admission;
pub(crate) mod cage;
pub(crate) mod room;
pub(crate) mod trusted;
mod turns;

use std::path::PathBuf;

use orch_agents::folder::RunFolder;
use orch_agents::launcher;
use orch_config::LiveConfig;
use orch_domain::id::{RunId, UnixMs};
use orch_domain::job::PutOff;
use orch_store::{ClaimedJob, JobKey, NewRun, TaskRecord, Tx};
use sha2::{Digest, Sha256};

use self::turns::Turn;
use crate::ledger::Ledger;
use crate::ledger::admission::Admission;
use crate::ledger::paths::Paths;
use crate::ledger::unwritten::Unwritten;

/// What starts runs. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Launchpad {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) paths: Paths,
    /// The program that is started as a supervisor; normally this one.
    pub(crate) orch: PathBuf,
    admission: Admission,
}

/// Why a run may not start yet, and when to ask again.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) until_ms: UnixMs,
    pub(crate) why: PutOff,
}

/// The answer to a task that wants to run an agent.
#[derive(Debug)]
#[must_use]
pub(crate) enum Asked {
    /// It may. Whoever was admitted reports how the run ended.
    Admitted,
    /// Not yet.
    PutOff(Refusal),
    /// It never will: a person has to decide.
    Halt(String),
}

impl Launchpad {
    pub(crate) fn new(
        ledger: Ledger,
        config: LiveConfig,
        paths: Paths,
        orch: PathBuf,
        admission: Admission,
    ) -> Self {
        Self {
            ledger,
            config,
            paths,
            orch,
            admission,
        }
    }

    /// Asks whether it is the task's turn, and whether the host has room and money for its run.
    pub(crate) async fn ask(&self, job: &ClaimedJob, record: &TaskRecord) -> anyhow::Result<Asked> {
        match self.turn(job, record).await? {
            Turn::Never(detail) => return Ok(Asked::Halt(detail)),
            Turn::Later(refusal) => return Ok(Asked::PutOff(refusal)),
            Turn::Now => {}
        }
        let task = &record.task;
        let refused = self.affords(task.id, task.work_item.as_str()).await?;
        Ok(refused.map_or(Asked::Admitted, Asked::PutOff))
    }

    /// Starts the supervisor of a prepared run.
    pub(crate) fn start(&self, folder: &RunFolder) -> anyhow::Result<()> {
        self.start_through(&[], folder)
    }

    /// Starts it by another program, which outlives the host where its children do not.
    pub(crate) fn start_through(
        &self,
        through: &[String],
        folder: &RunFolder,
    ) -> anyhow::Result<()> {
        Ok(launcher::spawn_supervisor(&self.orch, through, folder)?)
    }

    /// Marks the processes of one run, on this machine and for all time: whoever carries it is killed at the
    /// run's end, so another host's run must never have the same.
    pub(crate) fn run_token(&self, folder: &RunFolder) -> String {
        let owner = self.ledger.owner().0;
        let text = format!(
            "{owner}\0{}\0{}",
            folder.path().display(),
            self.ledger.now()
        );
        hex::encode(Sha256::digest(text))
    }
}

/// Records a run, if the job is still this claim's: a handler whose claim was taken must not start anything.
pub(crate) async fn insert_run(
    tx: &mut Tx,
    key: JobKey,
    row: &NewRun,
    now: UnixMs,
) -> Result<RunId, Unwritten> {
    if !tx.holds(key).await? {
        return Err(Unwritten::ClaimLost(key.id));
    }
    Ok(tx.insert_run(row, now).await?)
}
