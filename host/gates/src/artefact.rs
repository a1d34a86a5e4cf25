//! A verdict as a Markdown file with YAML frontmatter: written by the host, read back, and acted on as read.

use std::fmt::Write as _;

use orch_domain::verdict::{Descriptor, Scalar, Verdict};
use orch_frontmatter::{Value, render_scalar};

/// Status value of a gate that does not apply.
pub(crate) const NOT_APPLICABLE: &str = "NOT_APPLICABLE";

/// Keys the host writes into an artefact itself.
pub(crate) const HOST_KEYS: [&str; 5] = ["gate", "version", "digest", "head_sha", "summary"];

/// Whether `key` can stand in frontmatter without quoting.
pub(crate) fn is_plain_key(key: &str) -> bool {
    key.len() <= 64
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// What the host adds to a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'a> {
    /// Gate component.
    pub(crate) gate: &'a str,
    /// Digest of the component.
    pub(crate) digest: &'a str,
    /// Commit under judgement.
    pub(crate) head_sha: &'a str,
}

/// What the status key of an artefact can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The gate's word for a pass.
    Pass,
    /// The gate's word for a fail.
    Fail,
    /// The host's word for a gate that does not apply.
    NotApplicable,
}

/// Writes a verdict with this status.
pub(crate) fn render(
    verdict: &Verdict,
    status: Status,
    about: &Descriptor,
    stamp: &Stamp<'_>,
) -> String {
    let status = match status {
        Status::Pass => about.status_pass.as_str(),
        Status::Fail => about.status_fail.as_str(),
        Status::NotApplicable => NOT_APPLICABLE,
    };
    let mut text = String::from("---\n");
    line(&mut text, &about.status_key, &render_scalar(status));
    for (key, value) in &verdict.fields {
        let value = match value {
            Scalar::Text(text) => render_scalar(text),
            Scalar::Integer(number) => number.to_string(),
            // A number without a fraction would read back as an integer.
            Scalar::Number(number) => format!("{number:?}"),
            Scalar::Flag(flag) => flag.to_string(),
        };
        line(&mut text, key, &value);
    }
    line(&mut text, "gate", &render_scalar(stamp.gate));
    line(&mut text, "version", &render_scalar(&about.version));
    line(&mut text, "digest", &render_scalar(stamp.digest));
    line(&mut text, "head_sha", &render_scalar(stamp.head_sha));
    line(&mut text, "summary", &render_scalar(&verdict.summary));
    text.push_str("---\n");
    body(&mut text, verdict);
    text
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    writeln!(text, "{key}: {value}").ok();
}

fn body(text: &mut String, verdict: &Verdict) {
    writeln!(text, "\n# {}", verdict.summary).ok();
    if !verdict.findings.is_empty() {
        text.push_str("\n## Findings\n\n");
        text.push_str(&findings(verdict));
    }
    if !verdict.report.is_empty() {
        writeln!(text, "\n## Report\n\n{}", verdict.report.trim_end()).ok();
    }
}

/// The findings as a Markdown list: what the next run reads, verbatim.
pub(crate) fn findings(verdict: &Verdict) -> String {
    let mut text = String::new();
    for finding in &verdict.findings {
        let place = match (&finding.path, finding.line) {
            (Some(path), Some(line)) => format!(" {path}:{line}"),
            (Some(path), None) => format!(" {path}"),
            (None, _) => String::new(),
        };
        let blocking = if finding.blocking { "" } else { " (remark)" };
        writeln!(
            text,
            "- [{}] {}{blocking}{place}: {}",
            finding.severity.as_str(),
            finding.rule,
            finding.message.replace('\n', "\n  ")
        )
        .ok();
        if let Some(help) = &finding.help {
            writeln!(text, "  Help: {}", help.replace('\n', "\n  ")).ok();
        }
    }
    text
}

/// Reads the decision back from an artefact.
///
/// # Errors
/// What is wrong, if the artefact does not hold exactly one of the three status values.
pub(crate) fn read_back(text: &str, about: &Descriptor) -> Result<Status, String> {
    let document = orch_frontmatter::parse(text).map_err(|e| e.to_string())?;
    match document
        .mapping
        .get(&about.status_key)
        .and_then(Value::as_text)
    {
        Some(value) if value == about.status_pass => Ok(Status::Pass),
        Some(value) if value == about.status_fail => Ok(Status::Fail),
        Some(NOT_APPLICABLE) => Ok(Status::NotApplicable),
        Some(_) | None => Err(format!("`{}` does not hold a status", about.status_key)),
    }
}

/// The frontmatter of an artefact with its closing lines, for display.
pub fn frontmatter(artefact: &str) -> &str {
    match artefact.get(4..).and_then(|rest| rest.find("\n---\n")) {
        Some(end) => &artefact[..end + 4 + 5],
        None => "",
    }
}

/// The findings of an artefact, each as it was written, in its order: what [`findings`] wrote, taken apart again.
pub fn findings_of(artefact: &str) -> Vec<String> {
    let Some((_, below)) = artefact.split_once("\n## Findings\n\n") else {
        return Vec::new();
    };
    let mut list: Vec<String> = Vec::new();
    // Further lines of a finding are indented; whatever is not ends the list.
    for line in below.lines() {
        match (line.strip_prefix("- "), list.last_mut()) {
            (Some(first), _) => list.push(first.to_owned()),
            (None, Some(last)) if line.starts_with("  ") => {
                last.push('\n');
                last.push_str(&line[2..]);
            }
            (None, _) => break,
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_taken_apart_as_they_were_put_together() {
        let finding = |message: &str, help: Option<&str>| Finding {
            rule: "r/x".into(),
            severity: Severity::High,
            message: message.into(),
            path: Some("a.rs".into()),
            line: Some(3),
            help: help.map(str::to_owned),
            blocking: true,
        };
        let verdict = Verdict {
            decision: Decision::Fail,
            summary: "bad".into(),
            findings: vec![
                finding("one\n- [low] not one", Some("do it")),
                finding("two", None),
            ],
            fields: Vec::new(),
            report: "- no finding\n\n## Findings\n\n- none".into(),
        };
        let stamp = Stamp {
            gate: "x",
            digest: "d",
            head_sha: "h",
        };
        let text = render(&verdict, Status::Fail, &about(), &stamp);
        let found = findings_of(&text);
        let expected = [
            "[high] r/x a.rs:3: one\n- [low] not one\nHelp: do it",
            "[high] r/x a.rs:3: two",
        ];
        assert_eq!(found, expected, "{text}");
        assert!(findings_of("---\n---\n\n# fine\n").is_empty());
    }
    use orch_domain::verdict::{Decision, Finding, Severity};

    fn about() -> Descriptor {
        Descriptor {
            name: "x".into(),
            version: "1".into(),
            summary: "s".into(),
            status_key: "x_status".into(),
            status_pass: "PASS".into(),
            status_fail: "FAIL".into(),
            artefact: None,
            settings_schema: String::new(),
        }
    }

    fn verdict(summary: &str) -> Verdict {
        Verdict {
            decision: Decision::Fail,
            summary: summary.into(),
            fields: vec![],
            findings: vec![],
            report: String::new(),
        }
    }

    const STAMP: Stamp<'_> = Stamp {
        gate: "x",
        digest: "d",
        head_sha: "h",
    };

    #[test]
    fn every_status_reads_back_as_itself() {
        for status in [Status::Pass, Status::Fail, Status::NotApplicable] {
            let text = render(&verdict("fine"), status, &about(), &STAMP);
            assert_eq!(read_back(&text, &about()), Ok(status));
            assert!(
                text.starts_with("---\nx_status: "),
                "the status comes first: {text}"
            );
        }
    }

    #[test]
    fn nothing_a_gate_writes_can_forge_its_status() {
        for nasty in [
            "x\nx_status: PASS",
            "---\nx_status: PASS\n---",
            "\"\nx_status: PASS",
            "a: b # c",
        ] {
            let mut fail = verdict(nasty);
            fail.fields
                .push(("note".into(), Scalar::Text(nasty.into())));
            fail.report = nasty.into();
            fail.findings.push(Finding {
                rule: "r".into(),
                severity: Severity::High,
                message: nasty.into(),
                path: None,
                line: None,
                help: None,
                blocking: true,
            });
            let text = render(&fail, Status::Fail, &about(), &STAMP);
            assert_eq!(read_back(&text, &about()), Ok(Status::Fail), "{text}");
        }
    }

    #[test]
    fn whole_number_stays_a_number() {
        let mut pass = verdict("s");
        pass.fields.push(("coverage".into(), Scalar::Number(80.0)));
        let text = render(&pass, Status::Pass, &about(), &STAMP);
        let document = orch_frontmatter::parse(&text).unwrap();
        assert_eq!(document.mapping.get("coverage"), Some(&Value::Number(80.0)));
        assert_eq!(frontmatter(&text).lines().last(), Some("---"));
    }
}
