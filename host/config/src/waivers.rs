//! Which findings may a repository accept for a while, and who says so?

use globset::Glob;
use jiff::civil::Date;
use orch_domain::id::PersonName;
use orch_domain::person::PersonRole;

use crate::REPO_FILE;
use crate::host::HostConfig;
use crate::repository::RepoFile;
use crate::strict::ConfigError;

fn fits(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

/// Holds a repository's waivers to what the host allows.
pub(crate) fn check(host: &HostConfig, repo: &RepoFile) -> Result<(), ConfigError> {
    for (index, waiver) in repo.waivers.iter().enumerate() {
        let refuse = |key: &str, problem: String| {
            let place = format!("waivers[{index}].{key}");
            Err(ConfigError::invalid(REPO_FILE, place, problem))
        };
        let rule = &waiver.rule;
        if !host.waivable.iter().any(|pattern| fits(pattern, rule)) {
            return refuse(
                "rule",
                format!("`{rule}` is not among `waivable` in orch.yaml"),
            );
        }
        let who = &waiver.approver;
        let role = PersonName::new(who.clone()).map(|person| host.role_of(&person));
        if role.ok().flatten() < Some(PersonRole::Approver) {
            return refuse(
                "approver",
                format!("`{who}` is no approver; `people` in orch.yaml says who is"),
            );
        }
        if waiver.reason.trim().is_empty() {
            return refuse("reason", "say why".to_owned());
        }
        if waiver.until.parse::<Date>().is_err() {
            let until = &waiver.until;
            return refuse(
                "until",
                format!("`until` must be a day such as 2026-01-31, not `{until}`"),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiver_needs_a_rule_an_approver_a_reason_and_a_day_of_the_hosts() {
        let host = HostConfig::parse(
            "orch.yaml",
            "waivable: ['lint/*']\npeople: {ann: {role: approver}, bob: {role: operator}}",
        )
        .unwrap();
        let text = |rule: &str, who: &str, why: &str, day: &str| {
            format!("waivers: [{{rule: {rule}, approver: {who}, reason: '{why}', until: '{day}'}}]")
        };
        let checked = |text: String| check(&host, &RepoFile::parse(&text).unwrap());
        assert!(checked(text("lint/x", "ann", "old", "2026-12-01")).is_ok());
        for (bad, key) in [
            (text("secret/x", "ann", "old", "2026-12-01"), "rule"),
            (text("lint/x", "bob", "old", "2026-12-01"), "approver"),
            (text("lint/x", "ann", " ", "2026-12-01"), "reason"),
            (text("lint/x", "ann", "old", "soon"), "until"),
        ] {
            let error = checked(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("waivers[0].{key}")), "{error}");
        }
    }
}
