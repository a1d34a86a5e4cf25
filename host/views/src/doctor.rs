//! Whether judged processes are confined on this machine, and what they see of it.

use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::repository::BaseView;

/// What a trial of the confinement showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorView {
    /// Version of Landlock, if the kernel has it.
    pub landlock: Option<String>,
    /// What Landlock does not enforce on this kernel; the rest of the cage holds it alone.
    #[serde(default)]
    pub landlock_lacks: Vec<String>,
    /// The git that the host runs, if there is one.
    #[serde(default)]
    pub git: Option<GitSeen>,
    /// By what judged processes are held on this machine: `namespaces`, `landlock`, or nothing.
    #[serde(default)]
    pub profile: Option<String>,
    /// What was tried.
    pub sandbox: Vec<ConfinementCheck>,
    /// Whether all of it held.
    pub held: bool,
    /// Toolchains of this machine that judged processes see.
    pub toolchains: Vec<SeenPlace>,
    /// What the configuration opens beside that.
    pub grants: Vec<SandboxGrant>,
    /// Who may do what.
    pub people: Vec<KnownPerson>,
    /// Windows in which people answer, as the host that runs listens to them.
    #[serde(default)]
    pub windows: Vec<WindowSeen>,
    /// What of that should be mended, in words.
    pub advice: Vec<String>,
    /// How the base of the repository stands that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<BaseView>,
}

/// How a window is listened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowSeen {
    /// Its name.
    pub name: String,
    /// Seconds since it answered last; none if it has not since the host started.
    pub answered_s_ago: Option<u64>,
    /// Why it has not answered since.
    pub failing: Option<String>,
}

/// The git of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GitSeen {
    /// Where it lies.
    pub path: String,
    /// As it says.
    pub version: String,
}

/// One thing that was tried by a confined program, or by a command of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfinementCheck {
    /// Who tried: a profile of the cage, an agent, a gateway, `trusted commands`.
    #[serde(default)]
    pub of: String,
    /// What it must not be able to do, or must be.
    pub name: String,
    /// Whether that held; what is not enforced here does no harm.
    pub held: bool,
    /// What it showed.
    pub answer: CheckAnswer,
    /// What happened.
    pub detail: String,
    /// What to do, or why nothing has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What a trial showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckAnswer {
    /// It ended as it must.
    Holds,
    /// It did not.
    DoesNotHold,
    /// It is not enforced on this machine, or not by this profile.
    NotEnforcedHere,
}

/// A file or folder that judged processes read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenPlace {
    /// Where it lies.
    pub path: String,
    /// What it was found by.
    pub found_by: String,
}

/// Something of the host that the operator has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxGrant {
    /// Key in `orch.yaml`.
    pub key: String,
    /// Where it lies.
    pub path: String,
    /// What it opens, in words.
    pub opens: String,
}

/// A person, and how the host knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownPerson {
    /// Who.
    pub name: String,
    /// What they may do.
    pub role: PersonRole,
    /// By what: a user of this machine, a token, an account of a source.
    pub known_by: String,
}
