//! How each agent command line is launched and how its output is read. Pure: nothing here starts a process.

mod claude;
mod command;
mod json;

use std::collections::BTreeMap;
use std::path::PathBuf;

use orch_domain::outcome::ResultFault;
use serde::{Deserialize, Serialize};

use crate::folder::RESULT_BYTES_MAX;
use crate::stream::Format;
use crate::usage::Usage;

/// Which agent, and how to talk to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Driver {
    /// Any program.
    Command {
        /// Whether the prompt is a file named by `{prompt}` in the arguments, rather than standard input.
        prompt_as_file: bool,
        /// Whether the last line of output must be a JSON object with `is_error`.
        json_result: bool,
        /// What exit codes mean; never 0.
        exit_codes: BTreeMap<i32, DeclaredOutcome>,
    },
    /// The Claude command line.
    Claude {
        /// Model to ask for.
        model: Option<String>,
        /// Dollars after which it ends its run.
        budget_usd: Option<f64>,
    },
}

/// What a driver needs to plan a launch.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Arguments from the configuration.
    pub args: Vec<String>,
    /// Path of the prompt file.
    pub prompt_file: PathBuf,
}

/// How to launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Arguments.
    pub args: Vec<String>,
    /// Variables the driver adds.
    pub env: Vec<(String, String)>,
    /// Whether the prompt is the standard input.
    pub prompt_on_stdin: bool,
    /// Start of the output line after which nothing more is expected.
    pub terminal_line: Option<String>,
    /// How the output tells of events, if it does.
    pub events: Option<Format>,
}

/// What an operator declares that an exit code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredOutcome {
    /// The login is missing or refused.
    AuthRequired,
    /// Come back later; the end is read from the program's words, if it is there.
    RateLimited,
    /// The account has nothing left.
    QuotaExhausted,
    /// It stopped at its turn limit.
    TurnLimit,
    /// It was refused what it needed.
    PermissionBlocked,
    /// The provider failed.
    ProviderError,
    /// It failed for a reason of its own.
    Crashed,
}

/// Most that one run is believed to have cost, dollars. A command line that says more, or less than nothing, has
/// miscounted: what it says would make every budget worthless, or use it up at once.
pub const COST_USD_MAX: f64 = 10_000.0;
/// The cost, if it can be one; zero has no sign.
fn cost(value: &serde_json::Value) -> Option<f64> {
    let usd = value
        .as_f64()
        .filter(|usd| (0.0..=COST_USD_MAX).contains(usd))?;
    Some(usd.abs())
}

/// What an agent's output says of its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terminal {
    /// Whether it says that it failed.
    pub is_error: bool,
    /// Its last words.
    pub text: String,
    /// Status of the provider's answer, if it failed there.
    pub api_status: Option<u16>,
    /// Its sub-type, in the words of the command line.
    pub subtype: String,
    /// When the limit ends that refused it, Unix milliseconds, if it said so in a field; unchecked.
    pub resets_ms: Option<i64>,
    /// What it was not allowed to do.
    pub denials: Vec<String>,
    /// Cost in dollars, if it says so; never more than [`COST_USD_MAX`], never less than nothing.
    pub cost_usd: Option<f64>,
    /// Tokens it used, if it says so; never more than [`crate::usage::TOKENS_MAX`] of a class.
    pub usage: Option<Usage>,
    /// Whether its usage is always counted, so that none means that no model answered.
    pub is_metered: bool,
}

/// What was found at the end of an agent's output.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A terminal event.
    Terminal(Terminal),
    /// Nothing that the driver understands.
    Nothing {
        /// What is wrong with the result.
        fault: ResultFault,
        /// What was found instead.
        detail: String,
        /// The last line, if it can only be the command line's own word and not its agent's; else empty.
        said: String,
    },
    /// The rule of this driver is the exit code, and there was output.
    ExitCode,
}

impl Reading {
    fn nothing(fault: ResultFault, detail: impl Into<String>) -> Self {
        Self::Nothing {
            fault,
            detail: detail.into(),
            said: String::new(),
        }
    }

    /// A result that is longer than what is read of a log, if `stdout` is all of one line.
    fn of_endless_line(stdout: &[u8]) -> Option<Self> {
        let is_cut = stdout.len() >= RESULT_BYTES_MAX;
        let is_one_line = !stdout.trim_ascii_end().contains(&b'\n');
        let why = format!(
            "the last line has {RESULT_BYTES_MAX} bytes or more, and no more is read; its result has to be shorter"
        );
        (is_cut && is_one_line).then(|| Self::nothing(ResultFault::ResultMalformed, why))
    }

    /// A log without any text, if `stdout` is one.
    fn of_silence(stdout: &[u8]) -> Option<Self> {
        if stdout.is_empty() {
            return Some(Self::nothing(ResultFault::LogEmpty, "the log is empty"));
        }
        let is_blank = stdout.iter().all(u8::is_ascii_whitespace);
        let blank = || Self::nothing(ResultFault::LogBlank, "the log is blank");
        is_blank.then(blank)
    }
}

impl Driver {
    /// How to launch.
    pub fn plan(&self, input: &PlanInput) -> Plan {
        match self {
            Self::Command { prompt_as_file, .. } => command::plan(input, *prompt_as_file),
            Self::Claude { model, budget_usd } => {
                claude::plan(input, model.as_deref(), *budget_usd)
            }
        }
    }

    /// Milliseconds until the first sign of life and between two of them after which a run is taken for hung, where
    /// the operator says nothing else; 0 for none. A plain program may be silent and well.
    pub fn silence_ms(&self) -> (u64, u64) {
        match self {
            Self::Command { .. } => (0, 0),
            Self::Claude { .. } => (claude::START_UP_MS, claude::IDLE_MS),
        }
    }

    /// Reads the end of an agent's standard output, of which [`RESULT_BYTES_MAX`] bytes are enough.
    pub fn read(&self, stdout: &[u8]) -> Reading {
        match self {
            Self::Command { json_result, .. } => command::read(stdout, *json_result),
            Self::Claude { .. } => claude::read(stdout),
        }
    }

    /// What the operator declared that this exit code means.
    pub fn declared(&self, exit_code: Option<i32>) -> Option<DeclaredOutcome> {
        match self {
            Self::Command { exit_codes, .. } => {
                let code = exit_code.filter(|code| *code != 0)?;
                exit_codes.get(&code).copied()
            }
            Self::Claude { .. } => None,
        }
    }

    /// Stable name for storage and display.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Claude { .. } => "claude",
        }
    }
}
