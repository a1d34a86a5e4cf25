//! How each agent command line is launched and how its output is read. Pure: nothing here starts a process.

mod claude;
mod command;

use std::path::PathBuf;

/// Which agent, and how to talk to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Driver {
    /// Any program.
    Command {
        /// Whether the prompt is a file named by `{prompt}` in the arguments, rather than standard input.
        prompt_as_file: bool,
        /// Whether the last line of output must be a JSON object with `is_error`.
        json_result: bool,
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
}

/// What an agent's output says of its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Terminal {
    /// Whether it says that it failed.
    pub is_error: bool,
    /// Its last words.
    pub text: String,
    /// Status of the provider's answer, if it failed there.
    pub api_status: Option<u16>,
    /// Its sub-type, in the words of the command line.
    pub subtype: String,
    /// What it was not allowed to do.
    pub denials: Vec<String>,
    /// Cost in dollars, if it says so.
    pub cost_usd: Option<f64>,
}

/// What was found at the end of an agent's output.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A terminal event.
    Terminal(Terminal),
    /// Nothing that the driver understands; why.
    Nothing(String),
    /// The rule of this driver is the exit code, and there was output.
    ExitCode,
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

    /// Reads the end of an agent's standard output.
    pub fn read(&self, stdout: &[u8]) -> Reading {
        match self {
            Self::Command { json_result, .. } => command::read(stdout, *json_result),
            Self::Claude { .. } => claude::read(stdout),
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
