//! What a repository may say in `.orch.yaml`, read at its trusted base.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contexts::{self, RequiredContext};
use crate::gates::EntryConfig;
use crate::risk::{DeployApprovalConfig, RiskConfig};
use crate::strict::{self, ConfigError};

/// The repository's own configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepoFile {
    /// How to test a commit.
    pub ci: Option<CiConfig>,
    /// Commit status contexts that must be green; an empty list says that nothing is required.
    pub required_contexts: Option<Vec<RequiredContext>>,
    /// Gate entries to tighten.
    pub gates: BTreeMap<String, EntryConfig>,
    /// Findings that a person has accepted for a while.
    pub waivers: Vec<Waiver>,
    /// Paths that are riskier to change than the host knows.
    pub risk: RiskConfig,
    /// Asks a person about more deploys than the host does.
    pub deploy_approval: DeployApprovalConfig,
}

/// How to test a commit in a clean checkout.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CiConfig {
    /// Shell command that prepares the checkout.
    #[serde(default)]
    pub setup: Option<String>,
    /// Shell command that tests it; exit code 0 is a success.
    pub test: String,
    /// Limit of each command, seconds.
    #[serde(default = "default_timeout")]
    pub timeout_s: u32,
    /// Report of the covered lines that the test command writes, a path in the checkout: LCOV, Cobertura or a
    /// number.
    #[serde(default)]
    pub coverage: Option<String>,
    /// Reports of the tests that the test command writes, JUnit XML or a form that is known as output; a path in the
    /// checkout, in which `*` stands for any text within a folder and `**` for any folders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// How often a red branch is tested again on which only tests failed that were seen to fail now and then on the
    /// base, 0 to 3.
    #[serde(
        default = "default_flaky_reruns",
        skip_serializing_if = "is_default_flaky_reruns"
    )]
    pub flaky_reruns: u32,
}

/// Most runs more that flaky tests can cost a branch.
const FLAKY_RERUNS_MAX: u32 = 3;

fn default_timeout() -> u32 {
    900
}

fn default_flaky_reruns() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_default_flaky_reruns(reruns: &u32) -> bool {
    *reruns == default_flaky_reruns()
}

/// A finding that a person has accepted for a while.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Rule of the finding; must fit a pattern of the host's `waivable`.
    pub rule: String,
    /// Path of the finding; any if not given.
    #[serde(default)]
    pub path: Option<String>,
    /// Why.
    pub reason: String,
    /// Who accepted it; a person of the host's who may approve.
    pub approver: String,
    /// Last day it holds, `YYYY-MM-DD`, UTC.
    pub until: String,
}

impl RepoFile {
    /// Parses the file's text.
    ///
    /// # Errors
    /// [`ConfigError`] naming place and remedy.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: Self = strict::parse(crate::REPO_FILE, text)?;
        file.check(crate::REPO_FILE, "")?;
        Ok(file)
    }

    /// Refuses what no commit could be tested by; `place` stands before the keys in `file`.
    pub(crate) fn check(&self, file: &str, place: &str) -> Result<(), ConfigError> {
        let ci = self.ci.as_ref();
        let (coverage, report) = (
            ci.and_then(|ci| ci.coverage.as_deref()),
            ci.and_then(|ci| ci.report.as_deref()),
        );
        for (key, path, such) in [
            ("coverage", coverage, "coverage/lcov.info"),
            ("report", report, "target/junit.xml"),
        ] {
            if path.is_some_and(|path| !is_inside(path)) {
                let problem = format!("name a file in the checkout, such as `{such}`");
                return Err(ConfigError::invalid(
                    file,
                    format!("{place}ci.{key}"),
                    problem,
                ));
            }
        }
        if ci.is_some_and(|ci| ci.flaky_reruns > FLAKY_RERUNS_MAX) {
            let problem = format!("0 to {FLAKY_RERUNS_MAX} runs more");
            let place = format!("{place}ci.flaky_reruns");
            return Err(ConfigError::invalid(file, place, problem));
        }
        contexts::check(self.required_contexts.as_deref().unwrap_or_default(), file)?;
        self.risk.check(file, place)?;
        self.risk.check_raises(file, place)
    }
}

/// Whether a path stays below the folder that it begins in.
fn is_inside(path: &str) -> bool {
    let plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    !path.is_empty() && std::path::Path::new(path).components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_outside_of_the_checkout_is_refused() {
        for key in ["coverage", "report"] {
            let file =
                |path: &str| RepoFile::parse(&format!("ci: {{test: 'true', {key}: '{path}'}}"));
            assert!(file("target/lcov.info").is_ok());
            for path in ["/etc/passwd", "../lcov.info", "a/../../b", ""] {
                let error = file(path).unwrap_err().to_string();
                assert!(error.contains(&format!("ci.{key}")), "{path}: {error}");
            }
        }
    }

    #[test]
    fn runs_more_for_flaky_tests_have_a_bound() {
        let file =
            |reruns: u32| RepoFile::parse(&format!("ci: {{test: 'true', flaky_reruns: {reruns}}}"));
        assert_eq!(file(3).unwrap().ci.unwrap().flaky_reruns, 3);
        let error = file(4).unwrap_err().to_string();
        assert!(
            error.contains("ci.flaky_reruns") && error.contains("0 to 3"),
            "{error}"
        );
    }
}
