//! What did a tool hand back, and what is to be done where it gave no answer?

use orch_gate_sdk::GateError;
use orch_gate_sdk::tools::{Outcome, ToolError};

use crate::text::clean;

/// The file a tool handed back under `name`.
pub(crate) fn output<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a str> {
    let mut outputs = outcome.outputs.iter();
    outputs
        .find(|(path, _)| path == name)
        .map(|(_, content)| content.as_str())
}

/// The error for a tool that the configuration withholds.
pub(crate) fn not_granted(tool: &str, why: &str) -> GateError {
    GateError::Misconfigured(format!(
        "`{tool}` is not granted to this gate ({}); add it to the gate's tools in the host's configuration",
        clean(why, 300)
    ))
}

/// Why a tool gave no answer, and what to do about it.
pub(crate) fn why_not(tool: &str, error: ToolError) -> String {
    match error {
        ToolError::NotGranted(why) | ToolError::NotInstalled(why) => format!(
            "`{tool}` is not installed on the host ({}); install it or correct its path in the host's list of tools",
            clean(&why, 300)
        ),
        ToolError::TimedOut(ms) => format!(
            "`{tool}` was ended after {ms} ms; raise its time limit in the host's list of tools"
        ),
        ToolError::Killed(why) => format!(
            "`{tool}` was killed ({}); see whether its memory limit in the host's list of tools is enough",
            clean(&why, 300)
        ),
        ToolError::Failed(why) => format!(
            "`{tool}` could not be run ({}); see the host's log",
            clean(&why, 300)
        ),
    }
}
