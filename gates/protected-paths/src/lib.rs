//! Judges whether the branch touches what guards the repository: the gates' and the agents' own configuration, CI,
//! owners, scanners, and the tests.
//!
//! An agent that is told to go green can do so by weakening what it is held to. Such a change may be right, but a
//! person says so. The gate asks the repository alone, never an artefact. It is a tripwire: it counts by patterns
//! of lines and does not understand what a test proves.

mod approval;
mod changes;
mod checks;
mod code;
mod command;
mod content;
mod counts;
mod excused;
mod globs;
mod guards;
mod hidden;
mod languages;
mod parts;
mod ran;
mod rules;
mod submodules;
mod text;
mod vacuous;
mod weakened;

use orch_gate_sdk::{Finding, Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

use crate::globs::{Case, Globs};
use crate::guards::Guards;
use crate::text::clean;
use crate::weakened::Looked;

/// Most findings that are listed; all are counted.
const SHOWN_MAX: usize = 200;
/// What makes any of the findings go away.
const HELP: &str = "An approver of the host says yes (`orch task approve`) or no (`orch task reject`); for good, the \
                    operator lists the rule under `waivable` in orch.yaml, and an approver writes a waiver for it \
                    into `.orch.yaml` at the base.";
/// When to look again for a person's answer; an approval wakes the gate anyway.
const LOOK_AGAIN_MS: u64 = 60_000;

/// What becomes of a protected change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The task waits until a person has approved this very commit.
    #[default]
    Approval,
    /// It fails: only a waiver lets it through.
    Fail,
}

/// Settings of the gate. Globs are matched against whole paths; `*` stays within a folder, `**` does not.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Further paths that need a person.
    pub paths: Vec<String>,
    /// Which files are tests; without the setting, those whose names say so in any language that the gate knows.
    pub tests: Vec<String>,
    /// Whether a protected change waits for a person or fails.
    pub answer: Answer,
    /// Paths that need no person; the configuration of gates and agents does nevertheless.
    pub allow: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            answer: Answer::default(),
            paths: Vec::new(),
            tests: languages::test_files(),
            allow: Vec::new(),
        }
    }
}

/// The gate.
pub struct ProtectedPaths;

impl Gate for ProtectedPaths {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "protected-paths",
            env!("CARGO_PKG_VERSION"),
            "the change leaves alone what guards the repository",
        )
        .status("protected_status", "PASS", "FAIL")
    }

    fn check_settings(settings: &Settings) -> Vec<String> {
        let lists = [
            ("paths", &settings.paths),
            ("tests", &settings.tests),
            ("allow", &settings.allow),
        ];
        let problems = lists.map(|(key, globs)| globs::problems(key, globs));
        problems.into_iter().flatten().collect()
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        let read = |globs: &[String], case| {
            Globs::of(globs, case).map_err(|error| GateError::Misconfigured(error.to_string()))
        };
        let allow = read(&settings.allow, Case::Matters)?;
        let changes = changes::of(host)?;
        let guards = Guards::read()?;
        let paths = read(&settings.paths, Case::Ignored)?;
        let mut findings = rules::findings(guards, &changes, &paths, &allow);
        findings.extend(submodules::findings(host, &changes, &allow));
        let own;
        let tests = match settings.tests == languages::test_files() {
            true => languages::usual_tests()?,
            false => {
                own = read(&settings.tests, Case::Matters)?;
                &own
            }
        };
        findings.extend(command::findings(host, guards, &changes, tests, &allow));
        let setups = languages::setups()?;
        let (weakened, looked) = weakened::findings(host, &changes, tests, setups, &allow);
        findings.extend(weakened);
        findings.extend(content::findings(host, &changes, tests, &allow));
        findings.extend(excused::findings(host, &changes, tests, &allow));
        findings.extend(ran::finding_of(host));
        let approver = match findings.is_empty() {
            true => None,
            false => approval::of(host)?,
        };
        if approver.is_none() && !findings.is_empty() && settings.answer == Answer::Approval {
            return Ok(Verdict::wait(LOOK_AGAIN_MS, asked(&findings)));
        }
        Ok(match approver {
            Some(who) => approved(changes.len(), findings, &who),
            None => verdict(changes.len(), findings, &looked),
        }
        .report(report(changes.len(), &looked)))
    }
}

/// The question to a person: what was changed, the first things by name.
fn asked(findings: &[Finding]) -> String {
    const NAMED: usize = 5;
    let mut text: Vec<&str> = findings
        .iter()
        .take(NAMED)
        .map(|f| f.message.as_str())
        .collect();
    let more = format!("and {} more", findings.len().saturating_sub(NAMED));
    if findings.len() > NAMED {
        text.push(&more);
    }
    format!(
        "a person must approve protected changes: {}",
        text.join("; ")
    )
}

/// A pass that names who answers for it; what was approved stays on record.
fn approved(files_changed: usize, mut findings: Vec<Finding>, who: &str) -> Verdict {
    let count = findings.len();
    findings.truncate(SHOWN_MAX);
    let summary = format!("{count} protected changes, approved by {who}");
    let verdict = Verdict::pass(summary)
        .field("approved_by", who)
        .count("files_changed", integer(files_changed))
        .count("protected_changes", integer(count));
    findings
        .into_iter()
        .map(Finding::advisory)
        .fold(verdict, Verdict::finding)
}

fn verdict(files_changed: usize, mut findings: Vec<Finding>, looked: &Looked) -> Verdict {
    let count = findings.len();
    findings.truncate(SHOWN_MAX);
    if count > SHOWN_MAX {
        // A waiver of what is listed must not let the rest through.
        let message = format!(
            "{} more protected changes are not listed",
            count - SHOWN_MAX
        );
        findings.push(finding("protected/more", message).help("Split the change."));
    }
    let passed = format!(
        "nothing that guards the repository is changed, as far as its name or language tells{}",
        not_compared(looked)
    );
    Verdict::from_findings(findings, passed)
        .count("files_changed", integer(files_changed))
        .count("protected_changes", integer(count))
}

/// What of the changed tests could not be compared, for the summary; empty if all of them could.
fn not_compared(looked: &Looked) -> String {
    let mut text = String::new();
    let named = |paths: &[String]| {
        let first = paths.first().map(|path| clean(path, 100));
        let more = paths.len().saturating_sub(1);
        match (first.unwrap_or_default(), more) {
            (first, 0) => first,
            (first, more) => format!("{first} and {more} more"),
        }
    };
    if !looked.guessed.is_empty() {
        text.push_str("; tests in a language that is not known: ");
        text.push_str(&named(&looked.guessed));
    }
    if !looked.data.is_empty() {
        text.push_str("; data of tests that nobody compared: ");
        text.push_str(&named(&looked.data));
    }
    text
}

/// What was looked at and what was not.
fn report(files_changed: usize, looked: &Looked) -> String {
    const NAMED: usize = 50;
    let mut text = format!(
        "{files_changed} changed files were looked at by their paths, and {} of them as tests of a known language, \
         by counting tests, assertions and markers that skip; each was looked through for text that nobody sees, and \
         its names of checks of rights and marks that excuse code from a check were counted.\n",
        looked.compared
    );
    for (what, paths) in [
        (
            "Tests in a language that is not known, looked at by what many languages have in common",
            &looked.guessed,
        ),
        (
            "Text and data among the tests, in which nothing can be counted",
            &looked.data,
        ),
    ] {
        if paths.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{what}:\n\n"));
        for path in paths.iter().take(NAMED) {
            text.push_str(&format!("- {}\n", clean(path, 200)));
        }
        if paths.len() > NAMED {
            text.push_str(&format!("- and {} more\n", paths.len() - NAMED));
        }
    }
    text.push_str("\nNot looked at: whether a test still proves what it proved.\n");
    text
}

fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A finding about a path of the branch.
fn protected(rule: &str, path: &str, what: &str) -> Finding {
    let path = clean(path, 300);
    finding(&format!("protected/{rule}"), format!("{path} {what}"))
        .at(path, None)
        .help(HELP)
}

orch_gate_sdk::export_gate!(ProtectedPaths);

#[cfg(test)]
mod tests;
