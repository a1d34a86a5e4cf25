//! Why an agent is not able to start: a closed vocabulary, each with its remedy.

use std::path::PathBuf;

/// Why an agent is not able to start. Its text names the thing, the reason and the remedy, and holds no secret.
///
/// Reasons are text rather than linked errors, because an answer is kept and handed to several callers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The program is not there.
    #[error(
        "program `{program}` is not installed (searched: {searched}); install it or name its full path as the agent's `program`"
    )]
    ProgramMissing {
        /// The program.
        program: PathBuf,
        /// Folders that were searched.
        searched: String,
    },
    /// A path that means another file in every working folder.
    #[error(
        "program `{program}` is a relative path; name it by its full path as the agent's `program`"
    )]
    ProgramRelative {
        /// The program.
        program: PathBuf,
    },
    /// There is something, and it is no file that can be executed.
    #[error(
        "program `{program}` is not an executable file; make it one with `chmod +x`, or name the right file as the agent's `program`"
    )]
    ProgramNotExecutable {
        /// The program.
        program: PathBuf,
    },
    /// The system would not start it.
    #[error(
        "`{program} --version` could not be started: {reason}; reinstall the program for this machine"
    )]
    VersionNotStarted {
        /// The program.
        program: PathBuf,
        /// Why.
        reason: String,
    },
    /// It did not end in time.
    #[error(
        "`{program} --version` did not end within {timeout_ms} ms; run it by hand with `HOME={home}` to see what it waits for"
    )]
    VersionTimedOut {
        /// The program.
        program: PathBuf,
        /// The home it was given.
        home: PathBuf,
        /// The limit, milliseconds.
        timeout_ms: u32,
    },
    /// It ended and did not succeed.
    #[error(
        "`{program} --version` failed with exit code {code}: {said}; repair the installation until that command succeeds"
    )]
    VersionFailed {
        /// The program.
        program: PathBuf,
        /// Exit code, as a shell would show it.
        code: i32,
        /// Its last words.
        said: String,
    },
    /// There is no login.
    #[error(
        "login file `{path}` is missing; log in with the agent's command line under that home, set the agent's `home` to one that is logged in, or give it a key by `credential_env`"
    )]
    CredentialsMissing {
        /// The file.
        path: PathBuf,
    },
    /// The login cannot be read.
    #[error("login file `{path}` cannot be read: {reason}; let the host's user read it")]
    CredentialsUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The login is larger than any login is.
    #[error(
        "login file `{path}` is larger than {bytes_max} bytes, which no login file is; remove it and log in again"
    )]
    CredentialsTooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// The login is not JSON.
    #[error("login file `{path}` is not valid JSON: {reason}; remove it and log in again")]
    CredentialsMalformed {
        /// The file.
        path: PathBuf,
        /// Where, without any of its content.
        reason: String,
    },
    /// The login holds no token.
    #[error("login file `{path}` holds no `claudeAiOauth.accessToken`; log in again")]
    CredentialsWithoutToken {
        /// The file.
        path: PathBuf,
    },
    /// The login is over, or will be before a run could make use of it.
    #[error(
        "login in `{path}` expires at {expires_ms} (Unix ms), and now plus {skew_ms} ms of margin is {needed_ms}; start the agent's command line once under that home, or log in again"
    )]
    CredentialsExpired {
        /// The file.
        path: PathBuf,
        /// Its expiry, Unix milliseconds.
        expires_ms: i64,
        /// The margin, milliseconds.
        skew_ms: u32,
        /// What the expiry has to be later than, Unix milliseconds.
        needed_ms: i64,
    },
    /// Something else went wrong; what was not looked at has not passed.
    #[error("preflight could not be finished: {reason}; see the host's log and disk")]
    Unexpected {
        /// What.
        reason: String,
    },
}

impl Failure {
    /// Stable name for storage, metrics and display, without details.
    pub fn marker(&self) -> &'static str {
        match self {
            Self::ProgramMissing { .. } => "program_missing",
            Self::ProgramRelative { .. } => "program_relative",
            Self::ProgramNotExecutable { .. } => "program_not_executable",
            Self::VersionNotStarted { .. } => "version_not_started",
            Self::VersionTimedOut { .. } => "version_timed_out",
            Self::VersionFailed { .. } => "version_failed",
            Self::CredentialsMissing { .. } => "credentials_missing",
            Self::CredentialsUnreadable { .. } => "credentials_unreadable",
            Self::CredentialsTooLarge { .. } => "credentials_too_large",
            Self::CredentialsMalformed { .. } => "credentials_malformed",
            Self::CredentialsWithoutToken { .. } => "credentials_without_token",
            Self::CredentialsExpired { .. } => "credentials_expired",
            Self::Unexpected { .. } => "unexpected",
        }
    }
}
