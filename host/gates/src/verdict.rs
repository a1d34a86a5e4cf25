//! Does a verdict hold what the contract asks for, and is its text fit to be shown?

use orch_domain::verdict::{Descriptor, Inconclusive, InconclusiveReason, Scalar, Verdict};

use crate::artefact::{HOST_KEYS, is_plain_key};
use crate::limits::Limits;

/// Holds a verdict to what the contract asks for, and cuts texts to their bounds.
pub(crate) fn check_verdict(
    mut verdict: Verdict,
    about: &Descriptor,
    limits: &Limits,
) -> Result<Verdict, Inconclusive> {
    let bad = |detail: String| Err(Inconclusive::new(InconclusiveReason::BadVerdict, detail));
    if verdict.findings.len() > limits.findings {
        let detail = format!(
            "it returned {} findings, more than {}",
            verdict.findings.len(),
            limits.findings
        );
        return Err(Inconclusive::new(InconclusiveReason::Output, detail));
    }
    if verdict.fields.len() > limits.fields {
        let detail = format!(
            "it returned {} fields, more than {}",
            verdict.fields.len(),
            limits.fields
        );
        return Err(Inconclusive::new(InconclusiveReason::Output, detail));
    }
    let text_bytes = |value: &Scalar| match value {
        Scalar::Text(text) => text.len(),
        Scalar::Integer(_) | Scalar::Number(_) | Scalar::Flag(_) => 0,
    };
    let fields_bytes: usize = verdict
        .fields
        .iter()
        .map(|(_, value)| text_bytes(value))
        .sum();
    if fields_bytes > limits.text_bytes {
        // The strict parser would refuse to read such a frontmatter back.
        let detail = format!(
            "its fields have {fields_bytes} bytes, more than {}",
            limits.text_bytes
        );
        return Err(Inconclusive::new(InconclusiveReason::Output, detail));
    }
    for (index, (key, value)) in verdict.fields.iter().enumerate() {
        if !is_plain_key(key) || *key == about.status_key || HOST_KEYS.contains(&key.as_str()) {
            return bad(format!(
                "`{}` cannot be a field of the verdict",
                clean(key, 80)
            ));
        }
        if verdict.fields[..index].iter().any(|(k, _)| k == key) {
            return bad(format!("field `{key}` stands twice"));
        }
        if matches!(value, Scalar::Number(number) if !number.is_finite()) {
            return bad(format!("field `{key}` is not a finite number"));
        }
    }
    verdict.summary =
        clean(&verdict.summary, limits.text_bytes.min(2048)).replace(['\n', '\r'], " ");
    for finding in &mut verdict.findings {
        finding.rule = clean(&finding.rule, 200).replace(['\n', '\r'], " ");
        finding.message = clean(&finding.message, limits.text_bytes);
        finding.help = finding
            .help
            .as_ref()
            .map(|help| clean(help, limits.text_bytes));
        finding.path = finding
            .path
            .as_ref()
            .map(|path| clean(path, 1024).replace(['\n', '\r'], " "));
    }
    if verdict.report.len() > limits.report_bytes {
        verdict.report = format!(
            "{}\n\n(the report is cut here)",
            clean(&verdict.report, limits.report_bytes)
        );
    } else {
        verdict.report = clean(&verdict.report, limits.report_bytes);
    }
    Ok(verdict)
}

/// Cuts a text and replaces control characters, which could repaint a terminal or hide text.
pub(crate) fn clean(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let keep = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text[..end]
        .chars()
        .map(|c| if keep(c) { c } else { '\u{fffd}' })
        .collect()
}
