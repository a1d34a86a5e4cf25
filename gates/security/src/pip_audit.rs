//! Which vulnerabilities does pip-audit report for the pinned lines of a requirements file?

use std::collections::BTreeMap;

use orch_gate_sdk::tools::{Input, Request, ToolError};
use orch_gate_sdk::{GateError, Host};
use serde::Deserialize;

use crate::manifests::{PYTHON, Package, normalised};
use crate::text::clean;
use crate::tools::{not_granted, output, why_not};

const TOOL: &str = "pip-audit";
const REPORT: &str = "report.json";

/// What pip-audit says of one file.
#[derive(Debug, Default)]
pub(crate) struct Audited {
    /// Vulnerable packages.
    pub(crate) vulnerable: Vec<(Package, Vec<Vulnerability>)>,
    /// Packages it skipped, with its reason, and packages it does not speak of.
    pub(crate) unaudited: Vec<(Package, String)>,
}

/// One vulnerability as pip-audit reports it.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Vulnerability {
    pub(crate) id: String,
    pub(crate) fix_versions: Vec<String>,
    pub(crate) aliases: Vec<String>,
    pub(crate) description: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Report {
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    version: Option<String>,
    skip_reason: Option<String>,
    #[serde(default)]
    vulns: Vec<Vulnerability>,
}

/// Audits `pinned`, which holds every package once. The inner error says why nothing is known.
///
/// # Errors
/// [`GateError::Misconfigured`] if the gate may not run the tool.
pub(crate) fn run<H: Host>(
    host: &H,
    pinned: &[&Package],
) -> Result<Result<Audited, String>, GateError> {
    let mut content = String::new();
    for package in pinned {
        content.push_str(&format!("{}=={}\n", package.name, package.version));
    }
    let request = Request {
        tool: TOOL.to_owned(),
        args: Vec::new(),
        inputs: vec![Input {
            path: "requirements.txt".to_owned(),
            content,
        }],
        outputs: vec![REPORT.to_owned()],
    };
    let outcome = match host.run_tool(&request) {
        Ok(outcome) => outcome,
        Err(ToolError::NotGranted(why)) => return Err(not_granted(TOOL, &why)),
        Err(error) => return Ok(Err(why_not(TOOL, error))),
    };
    let code = outcome.exit_code;
    let said = || clean(&outcome.stderr, 300);
    if !matches!(code, 0 | 1) {
        return Ok(Err(format!(
            "`{TOOL}` ended with exit code {code}; it said: {}",
            said()
        )));
    }
    let report = output(&outcome, REPORT).unwrap_or_default();
    let report: Report = match serde_json::from_str(report) {
        Ok(report) => report,
        Err(error) => {
            return Ok(Err(format!(
                "`{TOOL}` ended with exit code {code} and its report cannot be read ({error}); it said: {}",
                said()
            )));
        }
    };
    // It also ends with 1 when it fails, so a 1 without a vulnerability vouches for nothing.
    if code == 1 && report.dependencies.iter().all(|d| d.vulns.is_empty()) {
        return Ok(Err(format!(
            "`{TOOL}` ended with exit code 1 and reports no vulnerability; it said: {}",
            said()
        )));
    }
    Ok(Ok(sort(report, pinned)))
}

fn sort(report: Report, pinned: &[&Package]) -> Audited {
    let mut audited = Audited::default();
    let mut silent: BTreeMap<&str, &Package> =
        pinned.iter().map(|p| (p.name.as_str(), *p)).collect();
    for dependency in report.dependencies {
        let name = normalised(&dependency.name);
        let asked = silent.remove(name.as_str());
        // The version as the manifest spells it, so that it compares equal to the base's.
        let package = asked.cloned().unwrap_or_else(|| Package {
            ecosystem: PYTHON,
            name: name.clone(),
            version: dependency.version.clone().unwrap_or_default(),
        });
        if let Some(reason) = dependency.skip_reason {
            let entry = format!("{name} (skipped: {})", clean(&reason, 150));
            audited.unaudited.push((package.clone(), entry));
        }
        if dependency.vulns.is_empty() {
            continue;
        }
        audited.vulnerable.push((package, dependency.vulns));
    }
    for package in silent.into_values() {
        let entry = format!("{}=={} (not in the report)", package.name, package.version);
        audited.unaudited.push((package.clone(), entry));
    }
    audited
}
