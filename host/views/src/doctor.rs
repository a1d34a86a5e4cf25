//! Whether tools and tests are confined on this machine.

use serde::{Deserialize, Serialize};

/// What a trial of the confinement showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorView {
    /// Version of Landlock, if the kernel has it.
    pub landlock: Option<String>,
    /// What was tried.
    pub sandbox: Vec<ConfinementCheck>,
    /// Whether all of it held.
    pub held: bool,
}

/// One thing that a confined program tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfinementCheck {
    /// What it must not be able to do, or must be.
    pub name: String,
    /// Whether that held.
    pub held: bool,
    /// What happened.
    pub detail: String,
}
