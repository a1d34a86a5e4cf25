//! Judges the review: what does the reviewer's own artefact say, or what do the pull request's reviews say?
//!
//! The verdict is read from the frontmatter of `12-review.md` and from nowhere else; a negative word wins, and
//! whatever is missing, broken or written by somebody else is a failure.

mod markdown;
mod remarks;

use orch_gate_sdk::documents::{self, By, Claim};
use orch_gate_sdk::forge::{ForgeError, ReviewState};
use orch_gate_sdk::{Finding, Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

use crate::remarks::remarks;

const REVIEW: &str = "12-review.md";
/// Longest body that is handed on as one finding, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Which question is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What does the reviewer's artefact say?
    #[default]
    Verdict,
    /// Has a person approved the pull request?
    Approved,
}

/// Settings of the gate.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which question is asked.
    pub check: Check,
    /// How long to wait before looking for an approval again, in milliseconds.
    pub look_again_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            check: Check::Verdict,
            look_again_ms: 30_000,
        }
    }
}

/// The gate.
pub struct Review;

impl Gate for Review {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "review",
            env!("CARGO_PKG_VERSION"),
            "the review approves the change",
        )
        .status("review_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        match settings.check {
            Check::Verdict => Ok(verdict(host)),
            Check::Approved => approved(host, settings.look_again_ms),
        }
    }
}

fn verdict<H: Host>(host: &H) -> Verdict {
    let (keys, body) = match documents::document(host, REVIEW, By::Role("reviewer")) {
        Ok(document) => document,
        Err(found) => return Verdict::from_findings(vec![*found], ""),
    };
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(documents::names_work_item(
        REVIEW,
        &keys,
        "work_item_id",
        &host.subject().work_item,
    ));
    if keys.text("type").is_none_or(str::is_empty) {
        findings
            .push(finding("review/type", format!("{REVIEW}: `type` is missing")).at(REVIEW, None));
    }
    let remarks = remarks(REVIEW, &body, lines_before(host, &body));
    match documents::claim(REVIEW, &keys, "verdict", "APPROVED", "REQUEST_CHANGES") {
        Err(found) => findings.push(*found),
        Ok(Claim::Positive) => findings.extend(remarks.into_iter().filter(|f| f.blocking)),
        Ok(Claim::Negative) => {
            let named = remarks.iter().any(|f| f.blocking);
            findings.extend(remarks);
            if !named {
                findings.push(finding("review/changes", cut(body.trim())).at(REVIEW, None));
            }
        }
    }
    let blocking = findings.iter().filter(|f| f.blocking).count();
    Verdict::from_findings(findings, "the reviewer approved")
        .count("review_findings", blocking as i64)
}

/// How many lines of the file stand before its body.
fn lines_before<H: Host>(host: &H, body: &str) -> u32 {
    let text = host.read_artefact(REVIEW).unwrap_or_default();
    let before = text.strip_suffix(body).unwrap_or_default();
    u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX)
}

fn cut(text: &str) -> String {
    if text.is_empty() {
        return "the reviewer asks for changes and names none".to_owned();
    }
    let mut end = text.len().min(BODY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn approved<H: Host>(host: &H, look_again_ms: u64) -> Result<Verdict, GateError> {
    let request = host.pull_request().map_err(|error| match error {
        ForgeError::Unavailable(why) => GateError::Unavailable(why),
        ForgeError::Denied(why) => GateError::Misconfigured(why),
    })?;
    let Some(request) = request else {
        return Ok(Verdict::wait(look_again_ms, "a pull request"));
    };
    let fresh = || request.reviews.iter().filter(|r| !r.stale);
    if let Some(review) = fresh().find(|r| matches!(r.state, ReviewState::ChangesRequested)) {
        let found = finding(
            "review/changes",
            format!("{} requests changes", review.author),
        );
        return Ok(Verdict::fail("changes are requested").finding(found));
    }
    if fresh().any(|r| matches!(r.state, ReviewState::Approved)) {
        return Ok(Verdict::pass("the pull request is approved"));
    }
    Ok(Verdict::wait(
        look_again_ms,
        format!("an approving review of pull request {}", request.number),
    ))
}

orch_gate_sdk::export_gate!(Review);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::{Fixture, forge};

    fn review(verdict: &str, body: &str) -> String {
        format!(
            "---\ntype: review\nwork_item_id: SHOP-1\nverdict: {verdict}\nversion: 1\n---\n{body}\n"
        )
    }

    fn judge(by: &str, text: &str) -> Verdict {
        Fixture::new()
            .artefact(REVIEW, by, text)
            .judge::<Review>()
            .unwrap()
    }

    #[test]
    fn approval_by_the_reviewer_passes() {
        assert!(judge("reviewer", &review("APPROVED", "Fine.\n- P3 a nit")).is_pass());
    }

    #[test]
    fn requested_changes_fail_with_every_remark() {
        let verdict = judge(
            "reviewer",
            &review(
                "REQUEST_CHANGES",
                "- P1 src/cart.rs:12 ignores discounts\n- P2: slow\n",
            ),
        );
        assert!(verdict.is_fail());
        let place = verdict.findings()[0].at.clone().unwrap();
        assert_eq!((place.path.as_str(), place.line), ("src/cart.rs", Some(12)));
        assert_eq!(verdict.findings().len(), 2);
    }

    #[test]
    fn requested_changes_without_remarks_hand_on_the_whole_body() {
        let verdict = judge(
            "reviewer",
            &review("REQUEST_CHANGES", "Please think again."),
        );
        assert_eq!(verdict.findings()[0].message, "Please think again.");
    }

    #[test]
    fn approval_forged_by_the_developer_fails() {
        assert_eq!(
            judge("developer", &review("APPROVED", "")).findings()[0].rule,
            "artefact/author"
        );
        assert_eq!(
            judge("unknown", &review("APPROVED", "")).findings()[0].rule,
            "artefact/author"
        );
    }

    #[test]
    fn approval_over_a_grave_remark_fails_however_it_is_written() {
        for body in [
            "1. P0 src/a.rs:3 SQL injection",
            "- [ ] P0 src/a.rs:3 SQL injection",
            "### P0",
            "### P0 src/a.rs:3 SQL injection",
            "| P1 | src/a.rs |\n|---|---|\n| P1 | src/a.rs:3 |",
        ] {
            assert!(
                judge("reviewer", &review("APPROVED", body)).is_fail(),
                "{body}"
            );
        }
    }

    #[test]
    fn approval_that_says_that_there_is_nothing_grave_passes() {
        for body in [
            "- P0: none",
            "- **P0**: 0\n- **P1**: 0",
            "> - P0: a hole\n> - P1: a fault",
        ] {
            let verdict = judge("reviewer", &review("APPROVED", body));
            assert!(verdict.is_pass(), "{body}: {verdict:?}");
        }
    }

    #[test]
    fn remark_without_a_place_is_shown_where_it_stands_in_the_file() {
        let verdict = judge(
            "reviewer",
            &review("REQUEST_CHANGES", "\n- P1 the sum is wrong"),
        );
        let place = verdict.findings()[0].at.clone().unwrap();
        assert_eq!((place.path.as_str(), place.line), (REVIEW, Some(8)));
    }

    #[test]
    fn approval_beside_an_open_p1_fails() {
        assert!(judge("reviewer", &review("APPROVED", "- P1 src/a.rs broken")).is_fail());
    }

    #[test]
    fn whatever_is_not_exactly_an_approval_fails() {
        for text in [
            "verdict: APPROVED".to_owned(),
            review("approved", ""),
            review("[APPROVED]", ""),
            review("APPROVED", "").replace("SHOP-1", "SHOP-2"),
            review("APPROVED\nverdict: REQUEST_CHANGES", ""),
            review("APPROVED", "").replace("type: review\n", ""),
        ] {
            assert!(judge("reviewer", &text).is_fail(), "{text}");
        }
        assert!(
            Fixture::new().judge::<Review>().unwrap().is_fail(),
            "no artefact at all"
        );
    }

    #[test]
    fn pull_request_needs_a_fresh_approval() {
        let ask = |state, stale| {
            let review = forge::Review {
                author: "ann".into(),
                state,
                stale,
            };
            Fixture::new()
                .settings(r#"{"check":"approved"}"#)
                .pull_request(vec![review])
                .judge::<Review>()
                .unwrap()
        };
        assert!(ask(ReviewState::Approved, false).is_pass());
        assert!(ask(ReviewState::Approved, true).waits_ms().is_some());
        assert!(ask(ReviewState::ChangesRequested, false).is_fail());
        assert!(ask(ReviewState::Commented, false).waits_ms().is_some());
    }
}
