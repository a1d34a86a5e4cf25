//! Judges the covered lines: are there at least as many as the repository has had already?
//!
//! The report is the one that the host's own test run of the head left; nothing that an agent claims counts. The
//! repository's best measure is kept in the gate's memory and moves up only, with the landing of the change.

mod format;
mod go;
mod json;
mod lcov;
mod measure;
mod number;
mod xml;

use orch_gate_sdk::evidence::{EvidenceError, Item};
use orch_gate_sdk::{Finding, Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

use crate::format::Format;
use crate::measure::{Measure, Wrong};
use crate::number::Share;

/// Name of the host's coverage report.
const REPORT: &str = "ci/coverage";
/// Key of the best measure so far.
const BASELINE: &str = "baseline";

/// Settings of the gate.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Least coverage, percent with at most two decimals; none if not given.
    pub minimum: Option<f64>,
    /// Percentage points that coverage may fall below the baseline, with at most two decimals.
    pub tolerance: f64,
    /// How the report is written.
    pub format: Format,
}

/// The host's evidence.
#[derive(Debug, Deserialize)]
struct Report {
    path: String,
    passed: bool,
    content: String,
    /// Why there is no content, if the host could not read the file.
    #[serde(default)]
    problem: Option<String>,
}

/// When to look again for the report of a commit that is being tested.
const LOOK_AGAIN_MS: u64 = 15_000;

/// The gate.
pub struct Coverage;

impl Gate for Coverage {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "coverage",
            env!("CARGO_PKG_VERSION"),
            "the tests cover no smaller share of the lines than before",
        )
        .status("coverage_status", "PASS", "FAIL")
    }

    fn check_settings(settings: &Settings) -> Vec<String> {
        let minimum = settings.minimum.map(|minimum| ("minimum", minimum));
        let all = minimum
            .into_iter()
            .chain([("tolerance", settings.tolerance)]);
        all.filter_map(|(key, value)| hundredths(key, value).err())
            .collect()
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        let least = Least::of(settings)?;
        let report = match report(host)? {
            Latest::Of(report) => report,
            // The host tests every commit that is pushed; the end of that wakes the gate.
            Latest::Older(sha) => {
                let summary = format!("the coverage report of this commit (the last is of {sha})");
                return Ok(Verdict::wait(LOOK_AGAIN_MS, summary));
            }
        };
        if !report.passed {
            let message = "the host's own test run is red, so its coverage counts for nothing";
            let found = finding("coverage/tests-red", message)
                .help("Make the tests pass; the gate `tests` shows what they say.");
            return Ok(Verdict::from_findings(vec![found], ""));
        }
        let read = match report.problem {
            Some(problem) => Err(Wrong::from(problem)),
            None => format::read(&report.content, settings.format),
        };
        let measure = match read {
            Ok(measure) => measure,
            Err(wrong) => return Ok(unreadable(&report.path, &wrong)),
        };
        let baseline = baseline(host)?;
        let verdict = judge(&measure, baseline, &least);
        if verdict.is_pass() && baseline.is_none_or(|baseline| measure.share > baseline) {
            host.remember(BASELINE, &measure.share.to_string());
        }
        Ok(verdict)
    }
}

/// What the settings ask for.
struct Least {
    minimum: Option<Share>,
    tolerance: Share,
}

impl Least {
    fn of(settings: &Settings) -> Result<Self, GateError> {
        let read = |key, value| hundredths(key, value).map_err(GateError::Misconfigured);
        let minimum = settings.minimum.map(|value| read("minimum", value));
        Ok(Self {
            minimum: minimum.transpose()?,
            tolerance: read("tolerance", settings.tolerance)?,
        })
    }
}

/// A setting in hundredths of a percent. Only what two decimals can say is taken, so that nothing is rounded.
fn hundredths(key: &str, percent: f64) -> Result<Share, String> {
    let refused =
        || format!("`{key}` is {percent}; write percent from 0 to 100 with at most two decimals");
    if !(0.0..=100.0).contains(&percent) {
        return Err(refused());
    }
    // Within the bounds, so nothing is lost but a fraction, and that is refused.
    let share = Share((percent * 100.0).round() as u64);
    if (share.percent() - percent).abs() > 1e-9 {
        return Err(refused());
    }
    Ok(share)
}

/// The latest report.
enum Latest {
    /// Of the commit under judgement.
    Of(Report),
    /// Of another commit, which says nothing of this one.
    Older(String),
}

fn report<H: Host>(host: &H) -> Result<Latest, GateError> {
    let head = host.subject().head_sha;
    let item = host.evidence(REPORT).map_err(|error| match error {
        EvidenceError::Missing => GateError::Unavailable(
            "the host has no coverage report of this commit; name the file that the test command writes as \
             `ci.coverage` in .orch.yaml"
                .to_owned(),
        ),
        EvidenceError::TooLarge(bytes) => {
            GateError::Internal(format!("the record of the report has {bytes} bytes"))
        }
        EvidenceError::NotText => {
            GateError::Internal("the record of the report is no text".to_owned())
        }
    })?;
    of_commit(&item, &head)
}

fn of_commit(item: &Item, head: &str) -> Result<Latest, GateError> {
    if item.sha != head {
        return Ok(Latest::Older(item.sha.clone()));
    }
    serde_json::from_str(&item.content)
        .map(Latest::Of)
        .map_err(|error| GateError::Internal(format!("{REPORT}: {error}")))
}

/// The best measure so far.
fn baseline<H: Host>(host: &H) -> Result<Option<Share>, GateError> {
    let Some(text) = host.memory(BASELINE) else {
        return Ok(None);
    };
    Share::parse_percent(&text).map(Some).map_err(|why| {
        let shown: String = text.chars().take(40).collect();
        GateError::Internal(format!(
            "the remembered `{BASELINE}` is {shown:?}, which is no percentage: {why}"
        ))
    })
}

/// A report that says nothing fails, or else whoever breaks the report would pass.
fn unreadable(path: &str, wrong: &Wrong) -> Verdict {
    let place = match wrong.line {
        Some(line) => format!("{path}:{line}"),
        None => path.to_owned(),
    };
    let message = format!("the coverage report {place} cannot be read: {}", wrong.what);
    let found = finding("coverage/unreadable", message).at(path, wrong.line).help(
        "Have the test command write the report whole: LCOV, Cobertura, Clover or JaCoCo XML, a profile of Go, JSON of \
         Istanbul, coverage.py or llvm-cov, or a plain percentage.",
    );
    Verdict::from_findings(vec![found], "")
}

fn judge(measure: &Measure, baseline: Option<Share>, least: &Least) -> Verdict {
    let share = measure.share;
    let mut findings: Vec<Finding> = Vec::new();
    if let Some(minimum) = least.minimum.filter(|minimum| share < *minimum) {
        let message = format!("coverage is {share} %; at least {minimum} % are asked for");
        findings.push(finding("coverage/minimum", message).help("Test more of the code."));
    }
    if let Some(before) = baseline.filter(|before| share < before.less(least.tolerance)) {
        let message = format!(
            "coverage fell from {before} % to {share} %; it may fall by {} percentage points",
            least.tolerance
        );
        let help = "Test what the change adds, or bring back the tests that it takes away.";
        findings.push(finding("coverage/fallen", message).help(help));
    }
    let passed = match baseline {
        None => format!("coverage is {share} %, the first measure of this repository"),
        Some(before) => format!("coverage is {share} %, and was {before} %"),
    };
    let mut verdict = Verdict::from_findings(findings, passed).number("coverage", share.percent());
    if let Some(before) = baseline {
        verdict = verdict.number("baseline", before.percent());
    }
    match measure.lines {
        Some(lines) => verdict
            .count("lines_covered", integer(lines.covered))
            .count("lines_total", integer(lines.total)),
        None => verdict,
    }
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

orch_gate_sdk::export_gate!(Coverage);

#[cfg(test)]
mod tests;
