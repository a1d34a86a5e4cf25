//! Results as text for people, and as JSON, JUnit and SARIF for other programs.

use std::fmt::Write as _;

use anyhow::Context;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use serde_json::{Value, json};

use crate::cases::CASES_FILE;
use crate::run::CaseResult;

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// As it is.
    Json,
    /// JUnit XML, which CI systems show.
    Junit,
    /// SARIF 2.1.0, which code hosts show beside the code.
    Sarif,
}

impl Format {
    /// The form with this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "junit" => Some(Self::Junit),
            "sarif" => Some(Self::Sarif),
            _ => None,
        }
    }
}

/// The gate that a report is about.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// Name.
    pub gate: String,
    /// The gate's version.
    pub version: String,
    /// Digest of the gate's bytes.
    pub digest: String,
}

/// One thing to show beside the code.
#[derive(Debug, Clone, Serialize)]
pub struct Remark {
    /// Rule.
    pub rule: String,
    /// `error`, `warning` or `note`.
    pub level: String,
    /// Text.
    pub message: String,
    /// File, relative to the repository.
    pub path: Option<String>,
    /// Line, counting from 1.
    pub line: Option<u32>,
}

/// Results of cases in `format`.
///
/// # Errors
/// If a text cannot be written in that form.
pub fn cases(about: &About, results: &[CaseResult], format: Format) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => text(about, results),
        Format::Json => {
            let failed = results.iter().filter(|r| !r.holds()).count();
            let view = json!({"gate": about, "failed": failed, "cases": results});
            format!("{view:#}\n")
        }
        Format::Junit => {
            let list = results
                .iter()
                .map(|r| (r.name.as_str(), r.problems.as_slice()));
            junit(about, list)?
        }
        Format::Sarif => {
            let remarks: Vec<Remark> = results.iter().flat_map(remarks).collect();
            sarif(about, &remarks)
        }
    })
}

fn remarks(result: &CaseResult) -> Vec<Remark> {
    let remark = |problem: &String| Remark {
        rule: "case-failed".to_owned(),
        level: "error".to_owned(),
        message: format!("{}: {problem}", result.name),
        path: Some(CASES_FILE.to_owned()),
        line: None,
    };
    result.problems.iter().map(remark).collect()
}

fn text(about: &About, results: &[CaseResult]) -> String {
    let mut page = String::new();
    for result in results {
        let word = if result.holds() { "ok    " } else { "FAILED" };
        let (name, decision) = (&result.name, &result.decision);
        // Writing to a String cannot fail.
        writeln!(page, "{word} {name} ({decision}, {} µs)", result.elapsed_us).ok();
        for problem in &result.problems {
            writeln!(page, "       {}", problem.replace('\n', "\n       ")).ok();
        }
        if !result.holds() {
            for line in &result.log {
                writeln!(page, "       log: {line}").ok();
            }
        }
    }
    let failed = results.iter().filter(|r| !r.holds()).count();
    let (gate, version) = (&about.gate, &about.version);
    writeln!(
        page,
        "{gate} {version}: {} of {} cases hold",
        results.len() - failed,
        results.len()
    )
    .ok();
    page
}

/// A JUnit report: one test case for each name, failed if it has problems.
///
/// # Errors
/// If it cannot be written.
pub fn junit<'a>(
    about: &About,
    list: impl Iterator<Item = (&'a str, &'a [String])>,
) -> anyhow::Result<String> {
    let mut suite = TestSuite::new(about.gate.as_str());
    for (name, problems) in list {
        let status = match problems.first() {
            None => TestCaseStatus::success(),
            Some(first) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(first.as_str());
                status.set_description(problems.join("\n"));
                status
            }
        };
        suite.add_test_case(TestCase::new(name, status));
    }
    let mut report = quick_junit::Report::new(format!("{} {}", about.gate, about.version));
    report.add_test_suite(suite);
    report.to_string().context("the JUnit report")
}

/// A SARIF log of remarks.
pub fn sarif(about: &About, remarks: &[Remark]) -> String {
    let mut rules: Vec<&str> = remarks.iter().map(|r| r.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let rules: Vec<Value> = rules.into_iter().map(|id| json!({"id": id})).collect();
    let results: Vec<Value> = remarks.iter().map(sarif_result).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": format!("orch gate {}", about.gate), "version": about.version, "rules": rules}},
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn sarif_result(remark: &Remark) -> Value {
    let mut result = json!({
        "ruleId": remark.rule,
        "level": remark.level,
        "message": {"text": remark.message},
    });
    if let Some(path) = &remark.path {
        let mut location = json!({"artifactLocation": {"uri": uri(path)}});
        if let Some(line) = remark.line.filter(|line| *line > 0) {
            location["region"] = json!({"startLine": line});
        }
        result["locations"] = json!([{"physicalLocation": location}]);
    }
    result
}

/// A path as the relative URI that SARIF asks for.
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    path.bytes().fold(String::new(), |mut uri, byte| {
        match plain(byte) {
            true => uri.push(char::from(byte)),
            // Writing to a String cannot fail.
            false => write!(uri, "%{byte:02X}").unwrap_or(()),
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            gate: "notes".to_owned(),
            version: "0.1.0".to_owned(),
            digest: "ab".to_owned(),
        }
    }

    fn result(problems: &[&str]) -> CaseResult {
        CaseResult {
            name: "notes < words".to_owned(),
            problems: problems.iter().map(|p| (*p).to_owned()).collect(),
            decision: "fail".to_owned(),
            reason: None,
            summary: String::new(),
            rules: Vec::new(),
            log: Vec::new(),
            elapsed_us: 1,
            cpu_us: 1,
            memory_bytes: 1,
            host_calls: 1,
        }
    }

    #[test]
    fn junit_names_the_failed_case_and_escapes_it() {
        let xml = cases(
            &about(),
            &[result(&["should pass & is fail"])],
            Format::Junit,
        )
        .unwrap();
        assert!(xml.contains("failures=\"1\""), "{xml}");
        assert!(
            xml.contains("notes &lt; words") && xml.contains("should pass &amp; is fail"),
            "{xml}"
        );
    }

    #[test]
    fn sarif_of_a_finding_has_rule_level_and_place() {
        let remark = Remark {
            rule: "notes/missing".to_owned(),
            level: "error".to_owned(),
            message: "write notes".to_owned(),
            path: Some("docs/my notes.md".to_owned()),
            line: Some(3),
        };
        let log: Value = serde_json::from_str(&sarif(&about(), &[remark])).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "notes/missing");
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "docs/my%20notes.md");
        assert_eq!(place["region"]["startLine"], 3);
    }

    #[test]
    fn text_counts_the_cases_that_hold() {
        let page = cases(&about(), &[result(&[]), result(&["no"])], Format::Text).unwrap();
        assert!(
            page.contains("1 of 2 cases hold") && page.contains("FAILED"),
            "{page}"
        );
    }
}
