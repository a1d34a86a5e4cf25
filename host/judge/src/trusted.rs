//! What of the host's own is not there for a command of the operator's?

use std::path::PathBuf;

use orch_config::{HostConfig, SandboxMode, TrustedMode};
use orch_process::sandbox::Inaccessible;

/// For a command that works in `kept`, folders of the host's; none if the operator lets it see everything.
pub fn inaccessible(config: &HostConfig, kept: Vec<PathBuf>) -> Option<Inaccessible> {
    let is_required = match (config.sandbox.mode, config.sandbox.trusted) {
        (SandboxMode::Off, _) | (_, TrustedMode::Open) => return None,
        (SandboxMode::Enforce, TrustedMode::Auto) => false,
        (SandboxMode::Enforce, TrustedMode::Hidden) => true,
    };
    Some(Inaccessible {
        paths: config.own_places(),
        kept,
        is_required,
    })
}
