//! Which paths of a repository are risky to change, as host and repository list them?

use globset::{Glob, GlobBuilder};
use orch_domain::risk::Tier;
use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// Most globs of one tier, so that sorting a change stays cheap.
const GLOBS_MAX: usize = 200;

/// Globs of paths by tier. Of several that fit, the highest counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskConfig {
    /// A change of one of these is high.
    pub high: Vec<String>,
    /// A change of one of these is at least medium.
    pub medium: Vec<String>,
    /// A change of nothing but these, and documents, is low.
    pub low: Vec<String>,
}

/// When a person approves a deploy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeployApprovalConfig {
    /// Tier of a change from which on a person is asked; `low`, every change, if not given.
    pub from_risk: Option<Tier>,
}

impl DeployApprovalConfig {
    /// What the host's file says of a repository, tightened by the repository's own.
    pub(crate) fn combined(
        (top, of_repo): (Self, Self),
        own: Self,
        file: &str,
    ) -> Result<Tier, ConfigError> {
        let host = of_repo.from_risk.or(top.from_risk).unwrap_or(Tier::Low);
        match own.from_risk {
            Some(own) if own > host => Err(ConfigError::invalid(
                file,
                "deploy_approval.from_risk",
                format!(
                    "`{own}` asks a person about fewer deploys than `{host}`; a repository can only tighten"
                ),
            )),
            own => Ok(own.unwrap_or(host)),
        }
    }
}

impl RiskConfig {
    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.high.is_empty() && self.medium.is_empty() && self.low.is_empty()
    }

    /// What several say together.
    pub(crate) fn combined<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in all {
            sum.high.extend_from_slice(&one.high);
            sum.medium.extend_from_slice(&one.medium);
            sum.low.extend_from_slice(&one.low);
        }
        sum
    }

    /// Refuses globs that can match nothing; `place` stands before the keys in `file`.
    pub(crate) fn check(&self, file: &str, place: &str) -> Result<(), ConfigError> {
        for (tier, globs) in [
            (Tier::High, &self.high),
            (Tier::Medium, &self.medium),
            (Tier::Low, &self.low),
        ] {
            let refuse = |problem: String| {
                let place = format!("{place}risk.{tier}");
                Err(ConfigError::invalid(file, place, problem))
            };
            if globs.len() > GLOBS_MAX {
                let count = globs.len();
                return refuse(format!("{count} globs; list at most {GLOBS_MAX}"));
            }
            for text in globs {
                if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
                    return refuse(format!(
                        "`{text}` can match nothing; write the path from the repository's top, such as `deploy/**`"
                    ));
                }
                if let Err(error) = risk_glob(text) {
                    return refuse(format!("`{text}` is no glob: {}", error.kind()));
                }
            }
        }
        Ok(())
    }

    /// Refuses that a repository's own file lowers anything.
    pub(crate) fn check_raises(&self, file: &str, place: &str) -> Result<(), ConfigError> {
        if self.low.is_empty() {
            return Ok(());
        }
        Err(ConfigError::invalid(
            file,
            format!("{place}risk.low"),
            "a repository may only raise the risk of its paths; list them under `risk.low` or `repositories.R.risk.low` \
             of orch.yaml",
        ))
    }
}

/// A glob as all of them are read here: `*` stays within a folder, and `A` is `a`, as on some file systems.
///
/// # Errors
/// What is wrong with it.
pub fn risk_glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .case_insensitive(true)
        .build()
}

#[cfg(test)]
mod tests {
    use crate::{Effective, HostConfig, RepoFile};

    fn host(text: &str) -> Result<HostConfig, String> {
        HostConfig::parse("orch.yaml", text).map_err(|e| e.to_string())
    }

    #[test]
    fn repository_raises_and_lowers_nothing() {
        let host = host(
            "risk: {low: ['fixtures/**']}\nrepositories: {shop: {path: a.git, risk: {high: [pay/*]}}}",
        );
        let host = host.unwrap();
        let repo = RepoFile::parse("ci: {test: make}\nrisk: {high: ['auth/**'], medium: [a.txt]}");
        let effective = Effective::combine(&host, "shop", &repo.unwrap()).unwrap();
        let risk = effective.risk;
        assert_eq!(risk.high, ["pay/*", "auth/**"]);
        assert_eq!(
            (risk.medium, risk.low),
            (vec!["a.txt".to_owned()], vec!["fixtures/**".to_owned()])
        );
        let error = RepoFile::parse("risk: {low: ['**']}")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("risk.low") && error.contains("only raise"),
            "{error}"
        );
        let error =
            self::host("repositories: {shop: {path: a.git, orch_yaml: {risk: {low: [a]}}}}");
        assert!(error.is_err_and(|e| e.contains("repositories.shop.orch_yaml.risk.low")));
    }

    #[test]
    fn glob_that_matches_nothing_is_refused_with_its_place() {
        for (text, place) in [
            ("risk: {high: [/etc]}", "risk.high"),
            ("risk: {medium: ['a/../b']}", "risk.medium"),
            (
                "repositories: {shop: {path: a.git, risk: {low: ['a[']}}}",
                "repositories.shop.risk.low",
            ),
        ] {
            let error = host(text).unwrap_err();
            assert!(error.contains(place) && error.contains('`'), "{error}");
        }
    }
}
