//! Cases of a gate as YAML: an imagined task, and what the gate must say of it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

/// File name that `orch gate test` looks for.
pub const CASES_FILE: &str = "gate-tests.yaml";
/// Largest file of cases, bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most cases of a file.
const CASES_MAX: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it claims.
    pub name: String,
    /// The task; keys that are not given have plain values.
    #[serde(default)]
    pub subject: SubjectSpec,
    /// Settings of the gate.
    #[serde(default = "empty_object")]
    pub settings: serde_json::Value,
    /// Artefacts of the task by path.
    #[serde(default)]
    pub artefacts: BTreeMap<String, ArtefactSpec>,
    /// Files of the repository at the base and at the head; what differs is what the branch changed.
    #[serde(default)]
    pub files: FilesSpec,
    /// Commits of the branch.
    #[serde(default)]
    pub commits: Vec<CommitSpec>,
    /// Commit statuses by context: `success`, `failure`, `pending` or `error`.
    #[serde(default)]
    pub statuses: Option<BTreeMap<String, String>>,
    /// State of the issue.
    #[serde(default)]
    pub tracker: Option<String>,
    /// What the host ran, by name.
    #[serde(default)]
    pub evidence: BTreeMap<String, EvidenceSpec>,
    /// What programs leave, by profile.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSpec>,
    /// Known vulnerabilities; none given means that the feed is out of reach.
    #[serde(default)]
    pub advisories: Option<Vec<AdvisorySpec>>,
    /// Pages by address.
    #[serde(default)]
    pub pages: BTreeMap<String, PageSpec>,
    /// Values that the gate kept from earlier tasks.
    #[serde(default)]
    pub memory: BTreeMap<String, String>,
    /// The clock, Unix milliseconds.
    #[serde(default)]
    pub now_ms: i64,
    /// What must come of it.
    pub expect: Expect,
}

fn empty_object() -> serde_json::Value {
    serde_json::json!({})
}

/// The task under judgement.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct SubjectSpec {
    pub work_item: Option<String>,
    pub title: Option<String>,
    pub repo: Option<String>,
    pub stage: Option<String>,
    pub branch: Option<String>,
    pub base_branch: Option<String>,
    pub attempt: Option<u32>,
}

/// An artefact: its text, or text and author.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ArtefactSpec {
    /// Text, by the role that its name belongs to.
    Text(String),
    /// Text and author.
    Full(AuthoredSpec),
}

/// An artefact with its author.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthoredSpec {
    /// Text.
    pub text: String,
    /// A role, `host`, or `unknown`.
    pub by: String,
}

/// The repository at two commits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesSpec {
    /// Files by path at the merge base.
    pub base: BTreeMap<String, String>,
    /// Files by path at the branch head.
    pub head: BTreeMap<String, String>,
}

/// A commit of the branch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitSpec {
    /// First line of the message.
    pub subject: String,
    /// Role that made it.
    #[serde(default)]
    pub role: Option<String>,
}

/// Evidence: its text, for the head commit, or text and commit.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum EvidenceSpec {
    /// Text, for the head commit.
    Text(String),
    /// Text and commit.
    Full(EvidenceOf),
}

/// Evidence for a commit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceOf {
    /// Text.
    pub text: String,
    /// Commit.
    pub sha: String,
}

/// What a program leaves.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolSpec {
    /// Exit code.
    pub exit_code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Files by name.
    pub outputs: BTreeMap<String, String>,
    /// `not-installed`, `timed-out` or `killed` instead of an end of its own.
    pub error: Option<String>,
}

/// A known vulnerability.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct AdvisorySpec {
    pub ecosystem: String,
    pub package: String,
    pub version: String,
    pub id: String,
    #[serde(default)]
    pub severity: Option<String>,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub fixed_in: Vec<String>,
}

/// A page.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSpec {
    /// HTTP status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Body.
    #[serde(default)]
    pub body: String,
}

fn ok() -> u16 {
    200
}

/// What must come of a case. At least one key must be given.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// `pass`, `fail`, `wait`, `not-applicable` or `inconclusive`.
    pub decision: Option<String>,
    /// Reason of an inconclusive decision.
    pub reason: Option<String>,
    /// Rules of the findings, all of them, in any order.
    pub rules: Option<Vec<String>>,
    /// Texts that the findings' messages hold.
    pub messages: Vec<String>,
    /// Text that the summary, or the reason of an inconclusive decision, holds.
    pub summary: Option<String>,
    /// Fields of the verdict.
    pub fields: BTreeMap<String, serde_json::Value>,
    /// Values that the gate keeps.
    pub memory: BTreeMap<String, String>,
    /// Texts that the problems with the settings hold; the gate does not judge then.
    pub settings_problems: Option<Vec<String>>,
}

/// Reads a file of cases.
///
/// # Errors
/// If it cannot be read, has unknown keys, two cases of one name, or a case that expects nothing.
pub fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    let what = || format!("cases `{}`", path.display());
    let size = std::fs::metadata(path).with_context(what)?.len();
    if size > BYTES_MAX {
        bail!("{} have {size} bytes, more than {BYTES_MAX}", what());
    }
    let text = std::fs::read_to_string(path).with_context(what)?;
    parse(&text).with_context(what)
}

/// Reads cases from a text.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> anyhow::Result<Vec<Case>> {
    let file: CaseFile = serde_yaml::from_str(text)?;
    if file.cases.is_empty() || file.cases.len() > CASES_MAX {
        bail!("there must be 1 to {CASES_MAX} cases under `cases`");
    }
    for (index, case) in file.cases.iter().enumerate() {
        if case.expect == Expect::default() {
            bail!("case `{}` expects nothing; give it a `decision`", case.name);
        }
        if file.cases[..index].iter().any(|c| c.name == case.name) {
            bail!("two cases are named `{}`", case.name);
        }
    }
    Ok(file.cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        format!("{:#}", parse(text).unwrap_err())
    }

    #[test]
    fn case_that_expects_nothing_is_refused() {
        let text = refusal("cases: [{name: a, expect: {}}]");
        assert!(text.contains("`a` expects nothing"), "{text}");
    }

    #[test]
    fn misspelt_key_is_refused_and_named() {
        let text = refusal("cases: [{name: a, artifacts: {}, expect: {decision: pass}}]");
        assert!(text.contains("artifacts"), "{text}");
    }

    #[test]
    fn two_cases_of_one_name_and_an_empty_file_are_refused() {
        let one = "{name: a, expect: {decision: pass}}";
        assert!(refusal(&format!("cases: [{one}, {one}]")).contains("two cases"));
        assert!(refusal("cases: []").contains("1 to"));
    }
}
