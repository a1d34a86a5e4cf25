//! What a gate says, in the host's own words: the contract's verdict types without the contract's wire.

use crate::words::words;

words! {
    "severity":
    /// How bad a finding is.
    #[expect(missing_docs, reason = "the names are the contract's and say it all")]
    pub enum Severity {
        Info = "info",
        Low = "low",
        Medium = "medium",
        High = "high",
        Critical = "critical",
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
        EvaluationOutcome::from(self).as_str()
    }
}

words! {
    "outcome of an evaluation":
    /// What an evaluation came to, in one word: a decision, or that there is none.
    pub enum EvaluationOutcome {
        /// The task may move on.
        Pass = "pass",
        /// The task goes back with the findings.
        Fail = "fail",
        /// Not decidable yet.
        Wait = "wait",
        /// The gate has nothing to say about this task.
        NotApplicable = "not-applicable",
        /// There is no verdict.
        Inconclusive = "inconclusive",
    }
}

impl From<Decision> for EvaluationOutcome {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Pass => Self::Pass,
            Decision::Fail => Self::Fail,
            Decision::Wait { .. } => Self::Wait,
            Decision::NotApplicable => Self::NotApplicable,
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

words! {
    "inconclusive reason":
    /// Why an evaluation has no verdict. A closed list: every way a gate can misbehave has one of these names.
    pub enum InconclusiveReason {
        /// The guest trapped: a panic, `unreachable`, a bad pointer, a stack overflow.
        Trap = "trap",
        /// The guest used up its CPU budget.
        Cpu = "cpu",
        /// The evaluation took longer than its wall clock, tool runs aside.
        Wall = "wall",
        /// The guest asked for more memory than granted, summed over its memories.
        Memory = "memory",
        /// The guest asked for more table elements, instances or handles than granted.
        Table = "table",
        /// The guest handed over more bytes than the host takes, in a result or in arguments.
        Output = "output",
        /// The guest made too many host calls or read too many bytes.
        HostCalls = "host-calls",
        /// The guest called something it was not granted.
        Denied = "denied",
        /// The verdict does not hold what the contract asks for.
        BadVerdict = "bad-verdict",
        /// The component could not be instantiated.
        Init = "init",
        /// The gate is not loaded: missing, broken or quarantined.
        Load = "load",
        /// The component speaks another version of the contract.
        Incompatible = "incompatible",
        /// The gate says that its settings make no sense, or the schema says so.
        Misconfigured = "misconfigured",
        /// The gate says that something it needs did not answer.
        Unavailable = "unavailable",
        /// The gate reports an internal error of its own.
        Internal = "internal",
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
