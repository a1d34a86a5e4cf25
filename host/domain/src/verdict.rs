//! What a gate says, in the host's own words: the contract's verdict types without the contract's wire.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the contract's and say it all")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// Lower-case name as in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity with this lower-case name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Info,
            Self::Low,
            Self::Medium,
            Self::High,
            Self::Critical,
        ]
        .into_iter()
        .find(|s| s.as_str() == name)
    }
}

/// One thing a gate found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable id of the rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, for people and for the developer agent.
    pub message: String,
    /// File, relative to the repository.
    pub path: Option<String>,
    /// Line in `path`, counting from 1.
    pub line: Option<u32>,
    /// What would make the finding go away.
    pub help: Option<String>,
    /// Whether this finding alone fails the verdict.
    pub blocking: bool,
}

/// A value of a frontmatter field.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the contract's and say it all")]
pub enum Scalar {
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
}

/// What a gate decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The task may move on.
    Pass,
    /// The task goes back with the findings.
    Fail,
    /// Not decidable yet; ask again after `after_ms`.
    Wait {
        /// Milliseconds to wait at least; the host applies a floor of 1 s.
        after_ms: u64,
    },
    /// The gate has nothing to say about this task.
    NotApplicable,
}

impl Decision {
    /// Stable name for storage and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Wait { .. } => "wait",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// The verdict as the gate returned it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What was decided.
    pub decision: Decision,
    /// One line for people.
    pub summary: String,
    /// Extra frontmatter keys, in order.
    pub fields: Vec<(String, Scalar)>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Markdown body.
    pub report: String,
}

/// Why an evaluation has no verdict. A closed list: every way a gate can misbehave has one of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InconclusiveReason {
    /// The guest trapped: a panic, `unreachable`, a bad pointer, a stack overflow.
    Trap,
    /// The guest used up its CPU budget.
    Cpu,
    /// The evaluation took longer than its wall clock, tool runs aside.
    Wall,
    /// The guest asked for more memory than granted, summed over its memories.
    Memory,
    /// The guest asked for more table elements, instances or handles than granted.
    Table,
    /// The guest handed over more bytes than the host takes, in a result or in arguments.
    Output,
    /// The guest made too many host calls or read too many bytes.
    HostCalls,
    /// The guest called something it was not granted.
    Denied,
    /// The verdict does not hold what the contract asks for.
    BadVerdict,
    /// The component could not be instantiated.
    Init,
    /// The gate is not loaded: missing, broken or quarantined.
    Load,
    /// The component speaks another version of the contract.
    Incompatible,
    /// The gate says that its settings make no sense, or the schema says so.
    Misconfigured,
    /// The gate says that something it needs did not answer.
    Unavailable,
    /// The gate reports an internal error of its own.
    Internal,
}

impl InconclusiveReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::Trap,
        Self::Cpu,
        Self::Wall,
        Self::Memory,
        Self::Table,
        Self::Output,
        Self::HostCalls,
        Self::Denied,
        Self::BadVerdict,
        Self::Init,
        Self::Load,
        Self::Incompatible,
        Self::Misconfigured,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Stable name for storage and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Output => "output",
            Self::HostCalls => "host-calls",
            Self::Denied => "denied",
            Self::BadVerdict => "bad-verdict",
            Self::Init => "init",
            Self::Load => "load",
            Self::Incompatible => "incompatible",
            Self::Misconfigured => "misconfigured",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The reason with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == name)
    }
}

impl fmt::Display for InconclusiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An evaluation that ended without a verdict. Never a pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Inconclusive {
    /// The closed-list reason.
    pub reason: InconclusiveReason,
    /// What happened, for people; at most 4 KiB.
    pub detail: String,
}

impl Inconclusive {
    /// An inconclusive result; `detail` is cut at 4 KiB.
    pub fn new(reason: InconclusiveReason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > 4096 {
            let mut end = 4096;
            while !detail.is_char_boundary(end) {
                end -= 1;
            }
            detail.truncate(end);
        }
        Self { reason, detail }
    }
}

/// What a gate says of itself when it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The gate's own name.
    pub name: String,
    /// The gate's own version.
    pub version: String,
    /// One line for people.
    pub summary: String,
    /// Frontmatter key that carries the verdict.
    pub status_key: String,
    /// Value of the status key for a pass.
    pub status_pass: String,
    /// Value of the status key for a fail.
    pub status_fail: String,
    /// File the host writes the verdict to, inside the task's folder.
    pub artefact: Option<String>,
    /// JSON Schema of the settings; empty for a gate without settings.
    pub settings_schema: String,
}
