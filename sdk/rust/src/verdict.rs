//! Builds a verdict.

use crate::bindings::orch::gate::types::{self, Decision, Field, Finding, Scalar, Severity};

/// A verdict in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict(types::Verdict);

impl Verdict {
    fn new(decision: Decision, summary: impl Into<String>) -> Self {
        Self(types::Verdict {
            decision,
            summary: summary.into(),
            fields: Vec::new(),
            findings: Vec::new(),
            report: String::new(),
        })
    }

    /// The task may move on.
    pub fn pass(summary: impl Into<String>) -> Self {
        Self::new(Decision::Pass, summary)
    }

    /// The task goes back with the findings.
    pub fn fail(summary: impl Into<String>) -> Self {
        Self::new(Decision::Fail, summary)
    }

    /// Ask again after at least `after_ms` milliseconds.
    pub fn wait(after_ms: u64, summary: impl Into<String>) -> Self {
        Self::new(Decision::Wait(after_ms), summary)
    }

    /// The gate has nothing to say about this task.
    pub fn not_applicable(summary: impl Into<String>) -> Self {
        Self::new(Decision::NotApplicable, summary)
    }

    /// A fail with these findings, or a pass if there are none.
    pub fn from_findings(findings: Vec<Finding>, passed: impl Into<String>) -> Self {
        if findings.is_empty() {
            return Self::pass(passed);
        }
        let summary = match &findings[..] {
            [only] => only.message.lines().next().unwrap_or_default().to_owned(),
            many => format!("{} findings", many.len()),
        };
        let mut verdict = Self::fail(summary);
        verdict.0.findings = findings;
        verdict
    }

    /// Adds a finding.
    #[must_use]
    pub fn finding(mut self, finding: Finding) -> Self {
        self.0.findings.push(finding);
        self
    }

    /// Adds a text key to the verdict's frontmatter.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.fields.push(Field {
            key: key.to_owned(),
            value: Scalar::Text(value.into()),
        });
        self
    }

    /// Adds a number to the verdict's frontmatter.
    #[must_use]
    pub fn count(mut self, key: &str, value: i64) -> Self {
        self.0.fields.push(Field {
            key: key.to_owned(),
            value: Scalar::Integer(value),
        });
        self
    }

    /// Adds a flag to the verdict's frontmatter.
    #[must_use]
    pub fn flag(mut self, key: &str, value: bool) -> Self {
        self.0.fields.push(Field {
            key: key.to_owned(),
            value: Scalar::Flag(value),
        });
        self
    }

    /// Adds a number with a fraction to the verdict's frontmatter; it must be finite.
    #[must_use]
    pub fn number(mut self, key: &str, value: f64) -> Self {
        self.0.fields.push(Field {
            key: key.to_owned(),
            value: Scalar::Number(value),
        });
        self
    }

    /// Sets the Markdown body.
    #[must_use]
    pub fn report(mut self, markdown: impl Into<String>) -> Self {
        self.0.report = markdown.into();
        self
    }

    /// Whether it is a pass.
    pub fn is_pass(&self) -> bool {
        matches!(self.0.decision, Decision::Pass)
    }

    /// Whether it is a fail.
    pub fn is_fail(&self) -> bool {
        matches!(self.0.decision, Decision::Fail)
    }

    /// Milliseconds it wants to wait, if it is a wait.
    pub fn waits_ms(&self) -> Option<u64> {
        match self.0.decision {
            Decision::Wait(ms) => Some(ms),
            Decision::Pass | Decision::Fail | Decision::NotApplicable => None,
        }
    }

    /// Whether it says that the gate does not apply.
    pub fn is_not_applicable(&self) -> bool {
        matches!(self.0.decision, Decision::NotApplicable)
    }

    /// Its one line.
    pub fn summary(&self) -> &str {
        &self.0.summary
    }

    /// Its findings.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }
}

impl From<Verdict> for types::Verdict {
    fn from(verdict: Verdict) -> Self {
        verdict.0
    }
}

/// A blocking finding of high severity without a place.
pub fn finding(rule: &str, message: impl Into<String>) -> Finding {
    Finding {
        rule: rule.to_owned(),
        severity: Severity::High,
        message: message.into(),
        at: None,
        help: None,
        blocking: true,
    }
}

impl Finding {
    /// Puts the finding at a place.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>, line: Option<u32>) -> Self {
        self.at = Some(types::Location {
            path: path.into(),
            line,
        });
        self
    }

    /// Says what would make it go away.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Makes it a remark that fails nothing.
    #[must_use]
    pub fn advisory(mut self) -> Self {
        self.blocking = false;
        self
    }
}
