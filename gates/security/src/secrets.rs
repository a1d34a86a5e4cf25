//! Is there a secret in the branch's commits or in the files they leave?
//!
//! A secret always blocks. What was found is never shown, masked by the tool or not: a verdict is read by
//! people and agents and is kept.

use std::collections::BTreeSet;

use orch_gate_sdk::tools::{Request, ToolError};
use orch_gate_sdk::{Finding, GateError, Host, Severity, finding};
use serde::Deserialize;

use crate::text::{clean, counted, rule_id};
use crate::tools::{not_granted, output, why_not};

/// Scans of the host: over the branch's commits, and over the files it leaves.
const SCANS: [&str; 2] = ["gitleaks-history", "gitleaks-files"];
/// File the scans hand back.
const REPORT: &str = "report.json";
/// Exit code of a scan that found something.
const FOUND: i32 = 77;
/// Most leaks that become findings; all are counted.
const SHOWN_MAX: usize = 100;
/// Shorter values are left alone where they occur in a path, for they would blot out the path.
const MASKED_CHARACTERS_MIN: usize = 4;
const MASK: &str = "****";
const HELP: &str = "Rotate the key first: whoever could read the branch may know it. Then remove it from the \
                    files and read it from the environment; the host squashes the branch, so its commits \
                    need no rewriting.";

/// What the scans found.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// How many, those beyond the shown ones included.
    pub(crate) count: usize,
    /// At most [`SHOWN_MAX`].
    pub(crate) findings: Vec<Finding>,
}

/// One entry of the report.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Leak {
    #[serde(rename = "RuleID")]
    rule: String,
    description: String,
    file: String,
    start_line: u32,
    commit: String,
    r#match: String,
    secret: String,
}

impl Leak {
    /// `text` as it may be shown: what leaked may stand in a path or a description, too.
    fn shown(&self, text: &str, characters_max: usize) -> String {
        let mut text = text.to_owned();
        for hidden in [self.r#match.trim(), self.secret.trim()] {
            if hidden.chars().count() >= MASKED_CHARACTERS_MIN {
                text = text.replace(hidden, MASK);
            }
        }
        clean(&text, characters_max)
    }

    fn finding(&self) -> Finding {
        let file = self.shown(&self.file, 300);
        let place = match self.start_line {
            0 => file.clone(),
            line => format!("{file}:{line}"),
        };
        let commit: String = self.shown(&self.commit, 40).chars().take(12).collect();
        let commit = match commit.as_str() {
            "" => "in the files at the head".to_owned(),
            short => format!("in commit {short}"),
        };
        let description = match self.shown(&self.description, 200) {
            none if none.is_empty() => "a secret".to_owned(),
            description => description,
        };
        let message = format!(
            "{place} {commit}: {description} ({MASK}); the key counts as known and must be rotated"
        );
        let line = (self.start_line > 0).then_some(self.start_line);
        secret(&self.shown(&self.rule, 120), message).at(file, line)
    }
}

fn secret(rule: &str, message: String) -> Finding {
    finding(&format!("secret/{}", rule_id(rule)), message)
        .severity(Severity::Critical)
        .help(HELP)
}

/// Runs the scans.
///
/// # Errors
/// [`GateError`] when a scan did not come to an end of its own: nothing is known then, so nothing passes.
pub(crate) fn scan<H: Host>(host: &H) -> Result<Secrets, GateError> {
    let mut seen = BTreeSet::new();
    let mut secrets = Secrets::default();
    for tool in SCANS {
        match run(host, tool)? {
            Ok(leaks) => {
                for leak in leaks {
                    let place = (&leak.rule, &leak.file, leak.start_line, &leak.commit);
                    let key = (place.0.clone(), place.1.clone(), place.2, place.3.clone());
                    if seen.insert(key) {
                        secrets.add(|| leak.finding());
                    }
                }
            }
            Err(why) => secrets.add(|| {
                let message = format!(
                    "`{tool}` found secrets and its report cannot be read ({why}); \
                     have an operator run it by hand on this branch"
                );
                secret("unreadable-report", message)
            }),
        }
    }
    Ok(secrets)
}

impl Secrets {
    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        self.count += 1;
        if self.findings.len() < SHOWN_MAX {
            self.findings.push(finding());
        }
    }

    /// Section of the report.
    pub(crate) fn report(&self) -> String {
        let beyond = self.count - self.findings.len();
        let found = match self.count {
            0 => "No secret was found".to_owned(),
            count => format!("{} found", counted(count, "secret was", "secrets were")),
        };
        let beyond = match beyond {
            0 => String::new(),
            beyond => format!(" {beyond} of them are not listed among the findings."),
        };
        format!(
            "### Secrets\n\n{found} in the branch's commits and in the files it leaves.{beyond}\n"
        )
    }
}

/// What one scan found, or why its report cannot be read though it found something.
fn run<H: Host>(host: &H, tool: &str) -> Result<Result<Vec<Leak>, String>, GateError> {
    let request = Request {
        tool: tool.to_owned(),
        args: Vec::new(),
        inputs: Vec::new(),
        outputs: vec![REPORT.to_owned()],
    };
    let outcome = host
        .run_tool(&request)
        .map_err(|error| no_answer(tool, error))?;
    let report = output(&outcome, REPORT).unwrap_or_default().trim();
    match outcome.exit_code {
        0 | FOUND => {}
        code => {
            let words = clean(&outcome.stderr, 500);
            return Err(GateError::Unavailable(format!(
                "`{tool}` ended with exit code {code}, so nothing is known of secrets; it said: {words}"
            )));
        }
    }
    if outcome.exit_code == 0 && report.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    Ok(match serde_json::from_str::<Option<Vec<Leak>>>(report) {
        Ok(leaks) => match leaks.unwrap_or_default() {
            none if none.is_empty() && outcome.exit_code == FOUND => {
                Err("it names none".to_owned())
            }
            leaks => Ok(leaks),
        },
        // The parser's own words are left out, for they can quote what it stumbled over.
        Err(error) => Err(format!("line {} is no list of leaks", error.line())),
    })
}

fn no_answer(tool: &str, error: ToolError) -> GateError {
    match error {
        ToolError::NotGranted(why) => not_granted(tool, &why),
        other => GateError::Unavailable(why_not(tool, other)),
    }
}
