//! Reads whether a person approved this very commit. The host writes it down; an agent cannot.

use orch_gate_sdk::evidence::EvidenceError;
use orch_gate_sdk::{GateError, Host};
use serde::Deserialize;

use crate::text::clean;

/// Name of the approval of this gate's entry.
const APPROVAL: &str = "approval/protected-paths";

#[derive(Deserialize)]
struct Approval {
    by: String,
}

/// Who approved the head commit; none if nobody did, or if they approved another commit.
pub(crate) fn of<H: Host>(host: &H) -> Result<Option<String>, GateError> {
    let item = match host.evidence(APPROVAL) {
        Ok(item) => item,
        Err(EvidenceError::Missing) => return Ok(None),
        Err(EvidenceError::TooLarge(_) | EvidenceError::NotText) => {
            return Err(GateError::Internal(
                "the approval cannot be read".to_owned(),
            ));
        }
    };
    if item.sha != host.subject().head_sha {
        return Ok(None);
    }
    let approval: Approval = orch_gate_sdk::parse_settings(&item.content)
        .map_err(|e| GateError::Internal(format!("{APPROVAL}: {e}")))?;
    Ok(Some(clean(&approval.by, 100)))
}
