//! Judges the staging image: does what was tried on staging hold the very commit that is about to land?

use orch_gate_sdk::evidence::EvidenceError;
use orch_gate_sdk::{Gate, GateError, Host, NoSettings, Verdict, describe, finding};
use serde::Deserialize;

/// Name of what the host saw of the image.
const IMAGE_LABEL: &str = "staging/image-label";

/// What the host saw, as it stands in the evidence.
#[derive(Debug, Deserialize)]
struct Seen {
    label: String,
    rebuilt: bool,
    /// Whether the label is of another commit with the same code.
    #[serde(default)]
    same_code: bool,
    problem: Option<String>,
}

/// The gate.
pub struct ImageFreshness;

impl Gate for ImageFreshness {
    type Settings = NoSettings;

    fn about() -> describe::About {
        describe::About::new(
            "image-freshness",
            env!("CARGO_PKG_VERSION"),
            "the staging image is of the commit that is about to land",
        )
        .status("image_status", "FRESH", "STALE")
    }

    fn evaluate<H: Host>(host: &H, _: &NoSettings) -> Result<Verdict, GateError> {
        let head = host.subject().head_sha;
        let item = host.evidence(IMAGE_LABEL).map_err(|error| match error {
            EvidenceError::Missing => GateError::Misconfigured(
                "the host has not looked at an image; say under `staging.image` of the repository in orch.yaml how"
                    .to_owned(),
            ),
            EvidenceError::TooLarge(_) | EvidenceError::NotText => {
                GateError::Internal("what the host saw of the image cannot be read".to_owned())
            }
        })?;
        if item.sha != head {
            return Err(GateError::Unavailable(format!(
                "the host looked at the image for {}, not for {head}",
                item.sha
            )));
        }
        let seen: Seen = orch_gate_sdk::parse_settings(&item.content)
            .map_err(|e| GateError::Internal(format!("{IMAGE_LABEL}: {e}")))?;
        let verdict = match problem(&seen, &head) {
            None if seen.same_code => {
                Verdict::pass("the staging image is of a commit with the very code of this one")
            }
            None => Verdict::pass("the staging image is of this commit"),
            Some(message) => Verdict::fail("the staging image is not of this commit")
                .finding(finding("image/stale", message)),
        };
        Ok(verdict
            .field("image_revision", seen.label)
            .flag("image_rebuilt", seen.rebuilt))
    }
}

fn problem(seen: &Seen, head: &str) -> Option<String> {
    if let Some(problem) = &seen.problem {
        return Some(problem.clone());
    }
    // A short or differently written label could stand for another commit: only the whole one counts.
    if seen.label == head || seen.same_code {
        return None;
    }
    let label = match seen.label.as_str() {
        "" => "no revision label",
        label => label,
    };
    let rebuilt = match seen.rebuilt {
        true => "after a rebuild the image says",
        false => "the image says",
    };
    Some(format!("{rebuilt} `{label}` instead of `{head}`"))
}

orch_gate_sdk::export_gate!(ImageFreshness);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    fn judge(label: &str, rebuilt: bool, problem: &str) -> Verdict {
        let content =
            format!(r#"{{"label": "{label}", "rebuilt": {rebuilt}, "problem": {problem}}}"#);
        Fixture::new()
            .evidence(IMAGE_LABEL, &content)
            .judge::<ImageFreshness>()
            .unwrap()
    }

    fn head() -> String {
        Fixture::new().subject().head_sha
    }

    #[test]
    fn image_of_the_commit_passes_also_after_a_rebuild() {
        assert!(judge(&head(), false, "null").is_pass());
        assert!(judge(&head(), true, "null").is_pass());
    }

    #[test]
    fn image_of_a_commit_with_the_same_code_passes_unless_something_failed() {
        let judge = |problem: &str| {
            let label = "0".repeat(40);
            let content = format!(
                r#"{{"label": "{label}", "rebuilt": false, "same_code": true, "problem": {problem}}}"#
            );
            let fixture = Fixture::new().evidence(IMAGE_LABEL, &content);
            fixture.judge::<ImageFreshness>().unwrap()
        };
        let verdict = judge("null");
        assert!(verdict.is_pass() && verdict.summary().contains("very code"));
        assert!(judge("\"the label command took too long\"").is_fail());
    }

    #[test]
    fn image_of_another_commit_fails_and_both_are_named() {
        let verdict = judge("0123abcd", true, "null");
        assert!(verdict.is_fail());
        let message = &verdict.findings()[0].message;
        assert!(
            message.contains("0123abcd")
                && message.contains(&head())
                && message.contains("after a rebuild"),
            "{message}"
        );
    }

    #[test]
    fn beginning_of_the_commit_or_no_label_is_not_the_commit() {
        assert!(judge(&head()[..7], false, "null").is_fail());
        assert!(judge("", false, "null").is_fail());
    }

    #[test]
    fn failed_rebuild_fails_with_its_output() {
        let verdict = judge(
            &head(),
            true,
            "\"the rebuild command ended with exit code 2\"",
        );
        assert!(verdict.is_fail() && verdict.findings()[0].message.contains("exit code 2"));
    }

    #[test]
    fn image_that_nobody_looked_at_is_no_pass() {
        let error = Fixture::new().judge::<ImageFreshness>().unwrap_err();
        assert!(matches!(error, GateError::Misconfigured(why) if why.contains("staging.image")));
    }
}
