//! Judges the architecture: is there at least one decision record with a status and a decision?

use orch_gate_sdk::documents::{self, By};
use orch_gate_sdk::frontmatter::{self, Value};
use orch_gate_sdk::{Finding, Gate, GateError, Host, NoSettings, Verdict, describe, finding};

/// The gate.
pub struct Architecture;

impl Gate for Architecture {
    type Settings = NoSettings;

    fn about() -> describe::About {
        describe::About::new(
            "architecture",
            env!("CARGO_PKG_VERSION"),
            "decisions are recorded",
        )
        .status("architecture_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, _: &NoSettings) -> Result<Verdict, GateError> {
        let names: Vec<String> = host
            .artefacts()
            .into_iter()
            .map(|a| a.path)
            .filter(|p| is_record(p))
            .collect();
        if names.is_empty() {
            let missing = finding("adr/missing", "there is no decision record under 06-adr/")
                .help("write 06-adr/ADR-001-<topic>.md with a status and a `## Decision`");
            return Ok(Verdict::fail("no decision record").finding(missing));
        }
        let findings: Vec<Finding> = names.iter().flat_map(|name| judge(host, name)).collect();
        Ok(Verdict::from_findings(
            findings,
            format!("{} decision records", names.len()),
        ))
    }
}

fn is_record(path: &str) -> bool {
    path.strip_prefix("06-adr/ADR-")
        .is_some_and(|rest| rest.ends_with(".md") && !rest.contains('/'))
}

fn judge<H: Host>(host: &H, name: &str) -> Vec<Finding> {
    let text = match documents::text(host, name, By::Role("architect")) {
        Ok(text) => text,
        Err(found) => return vec![*found],
    };
    let mut findings = Vec::new();
    let (status, body) = if text.starts_with("---") {
        match frontmatter::parse(&text) {
            Ok(document) => (
                document
                    .mapping
                    .get("status")
                    .and_then(Value::to_scalar_text),
                document.body.to_owned(),
            ),
            Err(error) => {
                return vec![
                    finding("artefact/frontmatter", format!("{name}: {error}")).at(name, None),
                ];
            }
        }
    } else {
        (None, text.clone())
    };
    let status = status
        .filter(|s| !s.trim().is_empty())
        .or_else(|| section(&body, "Status"));
    if status.is_none() {
        findings.push(finding("adr/status", format!("{name} has no status")).at(name, None));
    }
    if section(&body, "Decision").is_none() {
        findings.push(
            finding(
                "adr/decision",
                format!("{name} has no text under `## Decision`"),
            )
            .at(name, None),
        );
    }
    findings
}

/// Text under the heading `title`, of any level, up to the next heading; none if it is missing or empty.
fn section(body: &str, title: &str) -> Option<String> {
    let mut lines = body.lines().skip_while(|line| {
        let heading = line.trim_start_matches('#');
        !(line.starts_with('#') && heading.trim().eq_ignore_ascii_case(title))
    });
    lines.next()?;
    let text: Vec<&str> = lines.take_while(|line| !line.starts_with('#')).collect();
    let text = text.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

orch_gate_sdk::export_gate!(Architecture);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    const GOOD: &str =
        "# ADR-001 Sums\n\n## Status\n\nAccepted\n\n## Decision\n\nWe add in integers.\n";

    fn rules(text: &str) -> Vec<String> {
        let fixture = Fixture::new().artefact("06-adr/ADR-001-sums.md", "architect", text);
        fixture
            .judge::<Architecture>()
            .unwrap()
            .findings()
            .iter()
            .map(|f| f.rule.clone())
            .collect()
    }

    #[test]
    fn record_with_status_and_decision_passes() {
        assert!(rules(GOOD).is_empty());
        assert!(rules("---\nstatus: accepted\n---\n## Decision\nYes.\n").is_empty());
    }

    #[test]
    fn record_without_status_or_with_an_empty_decision_fails() {
        assert_eq!(rules(&GOOD.replace("Accepted", "")), ["adr/status"]);
        assert_eq!(
            rules(&GOOD.replace("We add in integers.", "")),
            ["adr/decision"]
        );
    }

    #[test]
    fn no_record_fails() {
        let verdict = Fixture::new()
            .artefact("07-data.md", "architect", "x")
            .judge::<Architecture>()
            .unwrap();
        assert!(verdict.is_fail());
    }

    #[test]
    fn record_by_the_developer_counts_for_nothing() {
        let fixture = Fixture::new().artefact("06-adr/ADR-001-x.md", "developer", GOOD);
        assert_eq!(
            fixture.judge::<Architecture>().unwrap().findings()[0].rule,
            "artefact/author"
        );
    }
}
