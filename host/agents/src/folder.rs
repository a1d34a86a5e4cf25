//! The run folder: the protocol between host and supervisor, on disk.
//!
//! ```text
//! launch.json    what to run; written by the host before the supervisor starts
//! prompt.md      the agent's standard input
//! lock           held by the supervisor for as long as it lives: liveness
//! identity.json  who the supervisor is
//! stdout.raw     the agent's output, capped
//! stderr.raw
//! events.ndjson  what the agent does, if the driver's output tells; bounded
//! log.txt        the same for people
//! log.index.json where the lines of the log begin, once the run has ended
//! stop.json      a request to end the run, with its reason
//! refused.txt    why the agent could not be confined, if it could not; written by what confines
//! passed.txt     the limit of all of its processes together that it was ended for; written by what confines
//! result.json    how it ended; written by fsync and rename, so it is whole or not there
//! ```
//!
//! Files are only ever added to by newer versions, and unknown keys are passed over, so that an old
//! supervisor works with a newer host. A change that an old version would misread raises [`PROTOCOL`]; a version
//! that does not know the number of a folder leaves it alone. `tests/protocol-1` holds folders of today.

mod stop;

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use orch_domain::confined::HeldBy;
use orch_domain::outcome::KillReason;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use stop::StopReason;

/// Version of the protocol that this program writes.
pub const PROTOCOL: u32 = 1;
/// Name of the prompt file.
pub const PROMPT: &str = "prompt.md";
/// Bytes at the end of the output that are read for the result: a result quotes what the agent said last, and a model
/// says some hundred kilobytes at most. Output above its limit keeps as much of its end.
pub const RESULT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Name of the output file.
pub const STDOUT: &str = "stdout.raw";
/// Name of the file in which it stands why the agent was not started, if it could not be confined.
pub const REFUSED: &str = "refused.txt";
/// Name of the file in which the limit of the whole stands that the agent was ended for, if it was.
pub const PASSED: &str = "passed.txt";
/// Name of the file in which it stands by what the agent is held.
pub const HELD_BY: &str = "held-by.txt";
/// Name of the error output file.
pub const STDERR: &str = "stderr.raw";
/// Name of the file that tells what the agent does, one event in a line, if its driver can tell.
pub const EVENTS: &str = "events.ndjson";
/// Name of the log that people read, if there are events.
pub const LOG: &str = "log.txt";
/// Name of the file that says where the lines of the log begin, once it is whole.
pub const INDEX: &str = "log.index.json";
/// Bytes that are read of it.
const REFUSED_BYTES_MAX: u64 = 8 * 1024;
const LAUNCH: &str = "launch.json";
const IDENTITY: &str = "identity.json";
const LOCK: &str = "lock";
const STOP: &str = "stop.json";
const RESULT: &str = "result.json";

/// What the supervisor runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Launch {
    /// Version of the protocol.
    pub protocol: u32,
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Arguments.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Whether `prompt.md` is the standard input.
    pub prompt_on_stdin: bool,
    /// Start of the output line after which nothing more is expected.
    pub terminal_line: Option<String>,
    /// How the output tells of events, if it does; the name of a newer version tells nothing to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// Marks every process of the run in its environment.
    pub token: String,
    /// Limits.
    pub limits: Limits,
    /// Folders that the run writes to; what they hold counts against the limits of the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<PathBuf>,
}

/// Limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Whole run, milliseconds.
    pub wall_ms: u64,
    /// Until the first output, milliseconds; 0 for none.
    pub start_up_ms: u64,
    /// Without output, milliseconds; 0 for none.
    pub idle_ms: u64,
    /// After the terminal line, milliseconds.
    pub after_result_ms: u64,
    /// From SIGINT to SIGTERM, and from SIGTERM to SIGKILL, milliseconds.
    pub grace_ms: u64,
    /// Bytes kept of each output stream.
    pub output_bytes_max: u64,
    /// Bytes of both output streams after which it is ended, kept or not; 0 for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub flood_bytes_max: u64,
    /// Bytes of the disk that it may hold; 0 for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub disk_bytes_max: u64,
    /// Free bytes of the disk below which a run that fills it is ended; 0 for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub disk_free_bytes_min: u64,
}

/// A limit that an older version does not know is not written where there is none.
fn is_none(limit: &u64) -> bool {
    *limit == 0
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_ms: 30 * 60_000,
            start_up_ms: 0,
            idle_ms: 0,
            after_result_ms: 20_000,
            grace_ms: 10_000,
            output_bytes_max: 64 * 1024 * 1024,
            // Hours of a talkative build; a loop that prints reaches it in a minute.
            flood_bytes_max: 4 * 1024 * 1024 * 1024,
            // The build folders of a large workspace, twice over.
            disk_bytes_max: 32 * 1024 * 1024 * 1024,
            // Half of the floor below which no run begins: the host itself can still write.
            disk_free_bytes_min: 512 * 1024 * 1024,
        }
    }
}

/// A request to end a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// Version of the protocol.
    pub protocol: u32,
    /// Exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
    /// Name of the limit that ended it, if one did.
    pub killed: Option<String>,
    /// Why it was asked to stop, if it was.
    pub stopped: Option<StopReason>,
    /// Why it could not be started, if it could not.
    pub launch_error: Option<String>,
    /// Start, Unix milliseconds.
    pub started_ms: i64,
    /// End, Unix milliseconds.
    pub ended_ms: i64,
    /// Whether output was dropped.
    pub truncated: bool,
    /// Processes that had to be killed after the agent's own end.
    pub survivors: u32,
}

impl RunResult {
    /// The limit that ended it, if one did.
    pub fn kill_reason(&self) -> Option<KillReason> {
        self.killed.as_deref().and_then(KillReason::parse)
    }
}

/// Who supervises a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervisor {
    /// Boot of the machine.
    pub boot_id: String,
    /// Process id.
    pub pid: u32,
    /// Start of the process in clock ticks.
    pub start_ticks: u64,
}

/// Where a run is in its life, as the folder tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// No supervisor has taken the folder yet.
    NotStarted,
    /// A supervisor holds it.
    Running,
    /// It ended.
    Finished(RunResult),
    /// Its supervisor died without a result.
    Lost,
}

/// A run folder.
#[derive(Debug, Clone)]
pub struct RunFolder(PathBuf);

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file of it cannot be read or written.
    #[error("run folder: `{path}` cannot be used")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another version of this program wrote it, in a way that this one does not know.
    #[error(
        "run folder: `{path}` is of protocol {found}, this program knows protocol {PROTOCOL}; go on with the version \
         that wrote it or a newer one, until then the run is left as it is and not started again"
    )]
    Protocol {
        /// Which file.
        path: PathBuf,
        /// Version that it is of.
        found: u32,
    },
}

/// What every version says of itself.
#[derive(Deserialize)]
struct Spoken {
    protocol: u32,
}

impl RunFolder {
    /// The folder at `path`, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn error(&self, name: &str) -> impl FnOnce(std::io::Error) -> FolderError {
        let path = self.0.join(name);
        move |source| FolderError::Unusable { path, source }
    }

    /// Makes the folder with what is to be run and the prompt.
    ///
    /// # Errors
    /// [`FolderError`], for instance on a full disk; nothing has been started then.
    pub fn create(&self, launch: &Launch, prompt: &str) -> Result<(), FolderError> {
        fs::create_dir_all(&self.0).map_err(self.error(""))?;
        fs::write(self.0.join(PROMPT), prompt).map_err(self.error(PROMPT))?;
        self.write(LAUNCH, launch)
    }

    /// Why the agent was not started, if it could not be confined.
    pub fn refused(&self) -> Option<String> {
        let mut text = String::new();
        let file = File::open(self.0.join(REFUSED)).ok()?;
        file.take(REFUSED_BYTES_MAX)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }

    /// The limit of all of its processes together that it was ended for, if it was.
    pub fn passed(&self) -> Option<KillReason> {
        let mut word = String::new();
        let file = File::open(self.0.join(PASSED)).ok()?;
        file.take(REFUSED_BYTES_MAX)
            .read_to_string(&mut word)
            .ok()?;
        KillReason::parse(&word)
    }

    /// By what it is or was held, once that is known.
    pub fn held_by(&self) -> Option<HeldBy> {
        let mut word = String::new();
        let file = File::open(self.0.join(HELD_BY)).ok()?;
        file.take(REFUSED_BYTES_MAX)
            .read_to_string(&mut word)
            .ok()?;
        HeldBy::parse(&word)
    }

    /// Reads what is to be run.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn launch(&self) -> Result<Launch, FolderError> {
        self.read_known(LAUNCH)
    }

    /// Takes the folder; none if another supervisor has it.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn lock(&self) -> Result<Option<File>, FolderError> {
        let path = self.0.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(self.error(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(FolderError::Unusable { path, source }),
        }
    }

    /// Writes who supervises.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn write_identity(&self, supervisor: &Supervisor) -> Result<(), FolderError> {
        self.write(IDENTITY, supervisor)
    }

    /// Who supervises, if a supervisor has said so.
    pub fn supervisor(&self) -> Option<Supervisor> {
        self.read(IDENTITY).ok()
    }

    /// Asks the supervisor to end the run.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn request_stop(&self, reason: StopReason) -> Result<(), FolderError> {
        self.write(STOP, &Stop { reason })
    }

    /// The request to end the run, if there is one.
    pub fn stop(&self) -> Option<Stop> {
        self.read(STOP).ok()
    }

    /// Writes how the run ended, durably.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn write_result(&self, result: &RunResult) -> Result<(), FolderError> {
        self.write(RESULT, result)
    }

    /// Where the run is in its life.
    ///
    /// # Errors
    /// [`FolderError`] if the lock cannot be tried, or if launch or result are of another protocol: whoever took
    /// such a run for lost would start it a second time.
    pub fn state(&self) -> Result<RunState, FolderError> {
        if let Some(result) = self.result()? {
            return Ok(RunState::Finished(result));
        }
        if let Err(error @ FolderError::Protocol { .. }) = self.launch() {
            return Err(error);
        }
        if !self.0.join(LOCK).exists() {
            return Ok(RunState::NotStarted);
        }
        let Some(_lock) = self.lock()? else {
            return Ok(RunState::Running);
        };
        // The supervisor may have ended between the two looks.
        if let Some(result) = self.result()? {
            return Ok(RunState::Finished(result));
        }
        Ok(if self.0.join(IDENTITY).exists() {
            RunState::Lost
        } else {
            RunState::NotStarted
        })
    }

    /// Whether output of it was dropped, once it has ended.
    pub fn is_truncated(&self) -> bool {
        let result = self.result();
        result.is_ok_and(|result| result.is_some_and(|result| result.truncated))
    }

    /// How the run ended; a result that cannot be read is none.
    fn result(&self) -> Result<Option<RunResult>, FolderError> {
        match self.read_known(RESULT) {
            Ok(result) => Ok(Some(result)),
            Err(error @ FolderError::Protocol { .. }) => Err(error),
            Err(FolderError::Unusable { .. }) => Ok(None),
        }
    }

    /// The last `bytes_max` bytes of an output file.
    pub fn tail(&self, name: &str, bytes_max: usize) -> Vec<u8> {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.0.join(name))?;
            let (length, most) = (file.metadata()?.len(), bytes_max as u64);
            file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
            let mut bytes = Vec::new();
            // A run that still writes does not make it longer.
            file.take(most).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        // A file that is not there says as little as an empty one.
        read().unwrap_or_default()
    }

    /// Reads a file that says of which protocol it is. That is looked at first: another protocol may have other
    /// keys.
    fn read_known<T: DeserializeOwned>(&self, name: &str) -> Result<T, FolderError> {
        let spoken: Spoken = self.read(name)?;
        if spoken.protocol != PROTOCOL {
            return Err(FolderError::Protocol {
                path: self.0.join(name),
                found: spoken.protocol,
            });
        }
        self.read(name)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, FolderError> {
        let bytes = fs::read(self.0.join(name)).map_err(self.error(name))?;
        serde_json::from_slice(&bytes).map_err(|e| self.error(name)(std::io::Error::other(e)))
    }

    /// Writes a file whole or not at all, and durably.
    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), FolderError> {
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|e| self.error(name)(std::io::Error::other(e)))?;
        orch_durable::replace(&self.0.join(name), &bytes).map_err(self.error(name))
    }
}
