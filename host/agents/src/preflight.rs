//! Is an agent able to start? Asked before a job is claimed; costs no network and no tokens.
//!
//! The rules are those of the reference system: the program is there, `--version` answers, the login is on
//! disk and not about to expire. Exactly the program, home and environment of the run are looked at, and
//! whatever goes wrong on the way is a refusal, never a pass. What a refusal does to the queue is the
//! engine's business; it must not move the circuit breaker and burns no attempt.
//!
//! Not covered: whether the provider accepts the login (only a call could tell), and logins that the command
//! line keeps outside of its file, such as a helper program named in its settings.

mod cache;
mod credentials;
mod failure;
mod mark;
mod marker;
mod program;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use orch_process::sandbox::Confinement;

pub use cache::{Cache, Known};
pub use failure::Failure;
pub use mark::{LoginMark, login_mark};
pub use marker::has_auth_marker;

/// Which agent is looked at: what the launcher would run, and with what.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// The program: an absolute path, or a name that is looked for in the `PATH` of `env`. A caller whose
    /// launcher looks elsewhere resolves the name first.
    pub program: PathBuf,
    /// Home folder of the agent. A `HOME` in `env` wins over it, because that is what the run would see.
    pub home: PathBuf,
    /// The whole environment the launcher would give; of a name that stands in it twice the last one counts.
    pub env: Vec<(String, String)>,
    /// What it logs in with.
    pub credential: Credential,
    /// What the run may do, with the program that confines: its home may hold whatever an earlier run left there.
    pub confinement: Option<(PathBuf, Confinement)>,
}

impl Subject {
    /// The value the run would see of the variable `name`.
    fn variable(&self, name: &str) -> Option<&str> {
        variable(&self.env, name)
    }

    /// The home folder the run would see.
    fn effective_home(&self) -> PathBuf {
        self.variable("HOME")
            .map_or_else(|| self.home.clone(), PathBuf::from)
    }
}

/// Names of variables only: their values may be secrets.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Subject")
            .field("program", &self.program)
            .field("home", &self.home)
            .field("env", &names)
            .field("credential", &self.credential)
            .finish()
    }
}

/// What an agent logs in with, as far as preflight looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The Claude command line's own file, `.claude/.credentials.json` in the home folder, or the same file
    /// in `CLAUDE_CONFIG_DIR` where the environment names one.
    ClaudeFile,
    /// An API key or the like is in the environment; its presence satisfies.
    Given,
    /// The agent needs none, or its login is not to be looked at.
    None,
}

impl Credential {
    /// What the Claude command line would log in with: [`Credential::Given`] if `env` holds a non-empty value
    /// under one of the names it takes a secret from, or under `credential_env` (the operator's word for it);
    /// its file otherwise.
    pub fn of_claude(env: &[(String, String)], credential_env: Option<&str>) -> Self {
        let is_given = CLAUDE_VARIABLES
            .into_iter()
            .chain(credential_env)
            .any(|name| variable(env, name).is_some_and(|value| !value.trim().is_empty()));
        if is_given {
            Self::Given
        } else {
            Self::ClaudeFile
        }
    }
}

/// The variables from which the Claude command line takes a secret, by its documentation.
const CLAUDE_VARIABLES: [&str; 3] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
];

fn variable<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter()
        .rev()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// Limits of a check and of its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long `--version` may take, milliseconds. Two to four seconds come on top for a program that does
    /// not end when asked to.
    pub version_timeout_ms: u32,
    /// How long before its expiry a login is refused, milliseconds: a run that starts with a login about to
    /// expire fails in the middle of its work.
    pub expiry_skew_ms: u32,
    /// How long a pass is believed, milliseconds; never beyond the point where the login would be refused.
    pub passed_ttl_ms: u32,
    /// How long a refusal is believed, milliseconds. Shorter than a pass: nothing runs meanwhile, and the
    /// repair (a login, an installation) must be seen soon. Not zero: a program that hangs would otherwise be
    /// started again by every turn of the claiming loop.
    pub failed_ttl_ms: u32,
}

/// The reference's limit for `--version`, milliseconds.
pub const VERSION_TIMEOUT_MS: u32 = 5_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            version_timeout_ms: VERSION_TIMEOUT_MS,
            expiry_skew_ms: 60_000,
            passed_ttl_ms: 60_000,
            failed_ttl_ms: 10_000,
        }
    }
}

/// What a check found of an agent that is able to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Absolute path of the program that answered.
    pub program: PathBuf,
    /// First line of its `--version`, without control characters, at most 200 characters; may be empty.
    pub version: String,
    /// When its login expires, Unix milliseconds, if its file says so.
    pub expires_ms: Option<i64>,
}

/// A pass, or why not.
pub type Answer = Result<Passed, Failure>;

/// Looks at `subject` now, in order and up to the first refusal: program, `--version`, login. `now_ms` are
/// Unix milliseconds.
///
/// Starts one process and leaves none behind, also when the returned future is dropped. Needs a tokio runtime
/// with time and IO.
///
/// # Errors
/// [`Failure`], also for everything that was not expected.
pub async fn check(subject: &Subject, settings: &Settings, now_ms: i64) -> Answer {
    let limit = Duration::from_millis(u64::from(settings.version_timeout_ms));
    let (name, path) = (
        subject.program.clone(),
        subject.variable("PATH").unwrap_or_default().to_owned(),
    );
    let program = on_disk(limit, move || program::find(&name, &path)).await??;
    let version = program::version(&program, subject, settings.version_timeout_ms).await?;
    let expires_ms = match subject.credential {
        Credential::ClaudeFile => {
            let file = credentials::path(subject);
            let skew_ms = settings.expiry_skew_ms;
            on_disk(limit, move || credentials::look(&file, skew_ms, now_ms)).await??
        }
        Credential::Given | Credential::None => None,
    };
    Ok(Passed {
        program,
        version,
        expires_ms,
    })
}

/// Does `work` on the file system, which may be a network's and hang.
async fn on_disk<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Failure::Unexpected {
            reason: format!("the look at the disk was broken off: {error}"),
        }),
        Err(_elapsed) => Err(Failure::Unexpected {
            reason: format!("the disk did not answer within {} ms", limit.as_millis()),
        }),
    }
}
