//! Judges the probes after a deploy: is production well? It moves no stage; its verdict is a report and an alert.

use std::fmt::Write as _;

use orch_gate_sdk::evidence::EvidenceError;
use orch_gate_sdk::{Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

/// Name of the series of probes.
const PROBES: &str = "post-deploy/probes";
/// Failed probes whose output is reported.
const REPORTED_MAX: usize = 5;

/// Settings of the gate.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Failed probes that mean that production is degraded; at least 1.
    #[schemars(range(min = 1))]
    pub degraded_after: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { degraded_after: 3 }
    }
}

#[derive(Debug, Deserialize)]
struct Probe {
    ok: bool,
    exit_code: i32,
    output: String,
}

/// The series, as it stands in the evidence.
#[derive(Debug, Deserialize)]
struct Series {
    window_s: u32,
    planned: u32,
    /// What the host does about a bad series; people are told by hosts that do not say.
    #[serde(default = "alert_only")]
    reaction: String,
    probes: Vec<Probe>,
}

fn alert_only() -> String {
    "ALERT_ONLY".to_owned()
}

/// The gate.
pub struct PostDeploy;

impl Gate for PostDeploy {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "post-deploy",
            env!("CARGO_PKG_VERSION"),
            "production answers its probes after the deploy",
        )
        .status("post_deploy_status", "HEALTHY", "DEGRADED")
        .artefact("16-post-deploy-log.md")
    }

    fn check_settings(settings: &Settings) -> Vec<String> {
        let zero = settings.degraded_after == 0;
        let problem =
            "`degraded_after`: use a number from 1 on; 0 would call every deploy degraded";
        zero.then(|| problem.to_owned()).into_iter().collect()
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        let item = host.evidence(PROBES).map_err(|error| match error {
            EvidenceError::Missing => GateError::Misconfigured(
                "nobody probes production; say under `post_deploy` of the repository in orch.yaml how".to_owned(),
            ),
            EvidenceError::TooLarge(_) | EvidenceError::NotText => {
                GateError::Internal("the series of probes cannot be read".to_owned())
            }
        })?;
        let head = host.subject().head_sha;
        if item.sha != head {
            return Err(GateError::Unavailable(format!(
                "the probes are of {}, not of {head}",
                item.sha
            )));
        }
        let series: Series = orch_gate_sdk::parse_settings(&item.content)
            .map_err(|e| GateError::Internal(format!("{PROBES}: {e}")))?;
        let total = series.probes.len();
        // Half a series says too little: the host was down for most of the window.
        if total == 0 || total * 2 < usize::try_from(series.planned).unwrap_or(usize::MAX) {
            let planned = series.planned;
            return Err(GateError::Unavailable(format!(
                "only {total} of {planned} probes were made"
            )));
        }
        Ok(judged(&host.subject().work_item, &series, settings))
    }
}

fn judged(work_item: &str, series: &Series, settings: &Settings) -> Verdict {
    let total = series.probes.len();
    let failed: Vec<&Probe> = series.probes.iter().filter(|p| !p.ok).collect();
    let degraded = failed.len() >= usize::try_from(settings.degraded_after).unwrap_or(usize::MAX);
    let summary = format!("{} of {total} probes failed", failed.len());
    let action = match degraded {
        true => series.reaction.as_str(),
        false => "ALERT_ONLY",
    };
    let verdict = match degraded {
        true => Verdict::fail(summary.clone()).finding(finding("post-deploy/degraded", summary)),
        false => Verdict::pass(summary),
    };
    verdict
        .field("action_taken", action)
        .field("work_item", work_item)
        .count("window_s", i64::from(series.window_s))
        .count("checks_total", count(total))
        .count("checks_failed", count(failed.len()))
        .report(report(&failed))
}

fn report(failed: &[&Probe]) -> String {
    let mut text = String::new();
    for probe in failed.iter().take(REPORTED_MAX) {
        let output = probe.output.trim().replace('\n', "\n    ");
        // Writing to a String cannot fail.
        writeln!(text, "- exit code {}:\n\n    {output}\n", probe.exit_code).ok();
    }
    if failed.len() > REPORTED_MAX {
        writeln!(text, "and {} more", failed.len() - REPORTED_MAX).ok();
    }
    text
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

orch_gate_sdk::export_gate!(PostDeploy);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    fn series(planned: u32, good: usize, bad: usize) -> Fixture {
        let probe = |ok: bool| {
            let code = i32::from(!ok);
            format!(
                r#"{{"at_ms": 0, "ok": {ok}, "exit_code": {code}, "output": "connection refused"}}"#
            )
        };
        let list: Vec<String> = (0..good)
            .map(|_| probe(true))
            .chain((0..bad).map(|_| probe(false)))
            .collect();
        let text = format!(
            r#"{{"started_ms": 0, "window_s": 900, "planned": {planned}, "probes": [{}]}}"#,
            list.join(",")
        );
        Fixture::new().evidence(PROBES, &text)
    }

    #[test]
    fn fewer_failures_than_the_setting_are_healthy() {
        let verdict = series(30, 28, 2).judge::<PostDeploy>().unwrap();
        assert!(verdict.is_pass());
        assert_eq!(verdict.summary(), "2 of 30 probes failed");
    }

    #[test]
    fn as_many_failures_as_the_setting_are_degraded() {
        assert!(series(30, 27, 3).judge::<PostDeploy>().unwrap().is_fail());
        let strict = series(30, 29, 1).settings(r#"{"degraded_after": 1}"#);
        assert!(strict.judge::<PostDeploy>().unwrap().is_fail());
    }

    #[test]
    fn series_with_most_probes_missing_decides_nothing() {
        for fixture in [series(30, 10, 0), series(30, 0, 0)] {
            let error = fixture.judge::<PostDeploy>().unwrap_err();
            assert!(matches!(error, GateError::Unavailable(_)), "{error:?}");
        }
    }

    #[test]
    fn zero_failures_as_the_limit_is_refused() {
        let error = series(1, 1, 0)
            .settings(r#"{"degraded_after": 0}"#)
            .judge::<PostDeploy>();
        assert!(
            matches!(error, Err(GateError::Misconfigured(why)) if why.contains("degraded_after"))
        );
    }

    #[test]
    fn production_that_nobody_probes_is_not_called_healthy() {
        let error = Fixture::new().judge::<PostDeploy>().unwrap_err();
        assert!(matches!(error, GateError::Misconfigured(_)));
    }
}
