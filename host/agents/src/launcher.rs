//! Starts supervisors and waits for runs, one's own or those found after a restart.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use orch_process::identity::ProcessIdentity;
use orch_process::mark::sweep_marked;
use tokio::time::Instant;

use crate::folder::{FolderError, RunFolder, RunState, StopReason};

/// How often a run folder is looked at.
const POLL: Duration = Duration::from_millis(40);
/// How long a supervisor may take to take its folder.
pub const START_MAX: Duration = Duration::from_secs(30);

/// Why a run could not be launched or watched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The supervisor could not be started.
    #[error("the supervisor could not be started")]
    Spawn(#[source] std::io::Error),
    /// The run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Starts the supervisor of a prepared run folder: `orch supervise FOLDER`, detached from the host.
///
/// The supervisor makes itself the leader of a session, so nothing that ends the host's group ends it.
///
/// `through` is a program with its arguments that starts what follows them elsewhere, such as in a unit of its own; empty
/// for a child of the host.
///
/// # Errors
/// [`LaunchError::Spawn`].
pub fn spawn_supervisor(
    orch: &Path,
    through: &[String],
    folder: &RunFolder,
) -> Result<(), LaunchError> {
    orch_durable::point("supervisor-spawn: before");
    let mut command = match through.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(orch);
            command
        }
        None => Command::new(orch),
    };
    command
        .arg("supervise")
        .arg(folder.path())
        .env_clear()
        .envs(orch_durable::environment());
    if !through.is_empty() {
        // Such a program is found by its name, and may look for others by theirs.
        for name in ["PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
        .map_err(LaunchError::Spawn)?;
    orch_durable::point("supervisor-spawn: after");
    // Collected here, so that a supervisor that ends before the host does not stay a zombie. By a thread of its
    // own: the runtime would wait for its tasks at its end, and the host ends while agents work.
    std::thread::Builder::new()
        .name("supervisor-wait".to_owned())
        .spawn(move || child.wait().ok())
        .map_err(LaunchError::Spawn)?;
    Ok(())
}

/// How long a supervisor may take to end a run that it is asked to end: the kill ladder, the sweep and some more.
pub const END_MAX: Duration = Duration::from_secs(60);

/// Ends a run and everything that carries its mark; answers when nothing is left. A supervisor that does not
/// answer is killed itself.
///
/// # Errors
/// [`LaunchError::Folder`].
pub async fn end(folder: &RunFolder, reason: StopReason) -> Result<(), LaunchError> {
    folder.request_stop(reason)?;
    if let Ok(waited) = tokio::time::timeout(END_MAX, wait(folder)).await {
        waited?;
    } else if let Some(supervisor) = folder.supervisor() {
        let identity = ProcessIdentity {
            boot_id: supervisor.boot_id,
            pid: supervisor.pid,
            start_ticks: supervisor.start_ticks,
        };
        identity.kill();
    }
    if let Ok(launch) = folder.launch() {
        // The supervisor swept already, unless it was killed itself.
        tokio::task::spawn_blocking(move || sweep_marked(&launch.token))
            .await
            .map_err(|e| LaunchError::Spawn(std::io::Error::other(e)))?;
    }
    Ok(())
}

/// Waits until the run has ended or is lost. A folder that no supervisor takes within [`START_MAX`] is lost.
/// Works the same in the host that launched the run and in one that found it.
///
/// # Errors
/// [`LaunchError::Folder`].
pub async fn wait(folder: &RunFolder) -> Result<RunState, LaunchError> {
    let begun = Instant::now();
    loop {
        match folder.state()? {
            state @ (RunState::Finished(_) | RunState::Lost) => return Ok(state),
            RunState::NotStarted if begun.elapsed() > START_MAX => return Ok(RunState::Lost),
            RunState::NotStarted | RunState::Running => tokio::time::sleep(POLL).await,
        }
    }
}
