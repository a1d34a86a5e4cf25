//! Judges what the branch would let in: secrets in its commits and files, and packages with known
//! vulnerabilities in its manifests.

mod dependencies;
mod feed;
mod manifests;
mod patterns;
mod pip_audit;
mod report;
mod secrets;
mod sources;
mod text;
mod tools;

use orch_gate_sdk::{Gate, GateError, Host, Severity, Verdict, describe};
use serde::Deserialize;

use crate::dependencies::Audit;
use crate::secrets::Secrets;
use crate::text::{clean, counted};

/// How grave a vulnerability must be to block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlockSeverity {
    /// Everything of a known severity but mere information.
    Low,
    /// Medium and graver.
    Medium,
    /// High and critical.
    #[default]
    High,
    /// Critical only.
    Critical,
}

impl BlockSeverity {
    fn severity(self) -> Severity {
        match self {
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}

/// Settings of the gate. None of them concerns secrets: a secret always blocks.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Vulnerabilities of this severity and above block.
    pub dep_block_severity: BlockSeverity,
    /// Whether an audit that could not be completed fails; otherwise it passes and says so.
    pub dep_audit_fail_closed: bool,
    /// Which files are audited; without the setting, every kind of manifest and lock file that the gate knows, those
    /// that it only can name included. A pattern without a slash is matched against the file's name in every folder,
    /// one with a slash against the whole path; `*` stands for any characters of one part, `**` for any parts, and
    /// capital letters are small ones.
    pub manifests: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dep_block_severity: BlockSeverity::High,
            dep_audit_fail_closed: false,
            manifests: manifests::patterns().map(str::to_owned).collect(),
        }
    }
}

/// The gate.
pub struct Security;

impl Gate for Security {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "security",
            env!("CARGO_PKG_VERSION"),
            "the branch holds no secret and brings in no package with a grave known vulnerability",
        )
        .status("security_status", "PASS", "FAIL")
        .artefact("17-security-report.md")
    }

    fn check_settings(settings: &Settings) -> Vec<String> {
        let patterns = settings.manifests.iter();
        patterns
            .filter_map(|pattern| patterns::problem(pattern))
            .collect()
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        let secrets = secrets::scan(host)?;
        let audit = dependencies::audit(host, settings)?;
        let degradation = audit.degradation(settings.dep_audit_fail_closed);
        let is_degraded = degradation.is_some();
        let body = report::body(&secrets, &audit);
        let summary = summary(&secrets, &audit);
        let fails = secrets.count > 0
            || audit.blocking > 0
            || (is_degraded && settings.dep_audit_fail_closed);
        let verdict = match fails {
            true => Verdict::fail(summary),
            false => Verdict::pass(summary),
        };
        let verdict = verdict
            .count("secrets_found", integer(secrets.count))
            .count("deps_blocking", integer(audit.blocking))
            .count("deps_warning", integer(audit.warning))
            .flag("deps_audit_degraded", is_degraded)
            .count("deps_unaudited", integer(audit.unaudited.len()))
            .count("deps_preexisting", integer(audit.preexisting))
            .report(body);
        let findings = secrets.findings.into_iter();
        Ok(findings
            .chain(degradation)
            .chain(audit.findings)
            .fold(verdict, Verdict::finding))
    }
}

fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The gravest things first, for a line is read from its start.
fn summary(secrets: &Secrets, audit: &Audit) -> String {
    let mut parts = Vec::new();
    parts.push(match (secrets.count, secrets.preexisting) {
        (0, 0) => "no secrets".to_owned(),
        (0, _) => "no new secrets".to_owned(),
        (count, _) => counted(count, "secret", "secrets"),
    });
    if secrets.preexisting > 0 {
        let known = counted(secrets.preexisting, "secret", "secrets");
        parts.push(format!("{known} that the base has already"));
    }
    if audit.blocking > 0 {
        let one = "blocking vulnerability";
        parts.push(counted(audit.blocking, one, "blocking vulnerabilities"));
    }
    if let Some(reason) = audit.degraded.first() {
        let mut words = format!("DEPENDENCY AUDIT DEGRADED: {}", clean(reason, 300));
        if audit.degraded.len() > 1 {
            words.push_str(&format!(" (and {} more)", audit.degraded.len() - 1));
        }
        parts.push(words);
    } else if audit.manifests.is_empty() {
        parts.push("no manifest to audit".to_owned());
    } else if audit.blocking == 0 {
        parts.push("no blocking vulnerability".to_owned());
    }
    for (count, what) in [
        (audit.warning, "not blocking"),
        (audit.preexisting, "already in the base"),
        (audit.unaudited.len(), "unaudited"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join("; ")
}

orch_gate_sdk::export_gate!(Security);

#[cfg(test)]
mod tests;
