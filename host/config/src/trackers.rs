//! Trackers beyond this machine: where they are, and what their states mean.

use std::collections::BTreeMap;

use orch_domain::id::{DoorName, ItemPrefix};
use orch_domain::issue::TrackerState;
use serde::{Deserialize, Serialize};

use crate::forges::ForgePlace;
use crate::repositories::RepositoryConfig;
use crate::strict::{self, ConfigError};
use crate::webhooks::SecretFrom;

/// Name of the tracker that is always there.
pub const LOCAL_TRACKER: &str = "local";
/// Word for the state from which the host begins tasks.
pub const ENTRY_STATE: &str = "entry";

/// A tracker: exactly one of these.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrackerConfig {
    /// A workspace of Plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plane: Option<PlaneConfig>,
    /// Issues of repositories on a forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issues: Option<IssuesConfig>,
}

/// Issues of repositories on a forge.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuesConfig {
    /// Name under `forges`.
    pub forge: String,
    /// What work items are called before their number, by repository.
    pub repositories: BTreeMap<String, String>,
}

/// A workspace of Plane.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneConfig {
    /// Where Plane is.
    pub url: String,
    /// The workspace, as its addresses name it.
    pub workspace: String,
    /// Key of the host's own user there.
    pub key: SecretFrom,
    /// Projects by their ids.
    pub projects: BTreeMap<String, PlaneProjectConfig>,
    /// Calls in a minute; what Plane allows a key.
    #[serde(default = "calls_per_minute")]
    pub calls_per_minute: u32,
}

fn calls_per_minute() -> u32 {
    60
}

/// A project of Plane.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneProjectConfig {
    /// The repository that its work items are about.
    pub repo: String,
    /// What work items are called, before their number.
    pub prefix: String,
    /// Ids of the project's states: `entry`, and one for each state that the host sets or reads.
    pub states: BTreeMap<String, String>,
}

/// Whether a text is an id as Plane has them.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase(),
        })
}

pub(crate) fn check(
    trackers: &BTreeMap<String, TrackerConfig>,
    repositories: &BTreeMap<String, RepositoryConfig>,
    file: &str,
) -> Result<(), ConfigError> {
    for (name, tracker) in trackers {
        let place = format!("trackers.{name}");
        let invalid =
            |at: &str, problem: String| ConfigError::invalid(file, format!("{place}{at}"), problem);
        DoorName::new(name.clone()).map_err(|e| invalid("", e.to_string()))?;
        if name == LOCAL_TRACKER {
            let text = "`local` is the host's own tracker; give this one another name";
            return Err(invalid("", text.to_owned()));
        }
        let plane = match (&tracker.plane, &tracker.issues) {
            (Some(plane), None) => plane,
            (None, Some(issues)) => {
                check_issues(issues, repositories, file, &place)?;
                continue;
            }
            (Some(_), Some(_)) | (None, None) => {
                let text = "give one of `plane` and `issues`".to_owned();
                return Err(invalid("", text));
            }
        };
        plane.key.check(file, &format!("{place}.plane.key"))?;
        let ids = plane.projects.keys();
        let ids = ids.chain(plane.projects.values().flat_map(|p| p.states.values()));
        if let Some(id) = ids.into_iter().find(|id| !is_uuid(id)) {
            let text = format!(
                "`{id}` is no id of Plane; `orch tracker add plane` finds ids by their names"
            );
            return Err(invalid(".plane", text));
        }
        if !(6..=6_000).contains(&plane.calls_per_minute) {
            let text = "use a number from 6 to 6000".to_owned();
            return Err(invalid(".plane.calls_per_minute", text));
        }
        for (id, project) in &plane.projects {
            let at = format!(".plane.projects.{id}");
            if !repositories.contains_key(&project.repo) {
                let known: Vec<&str> = repositories.keys().map(String::as_str).collect();
                let text = match strict::nearest(&project.repo, &known) {
                    Some(near) => {
                        format!("no repository `{}`; did you mean `{near}`?", project.repo)
                    }
                    None => format!(
                        "no repository `{}`; there are: {}",
                        project.repo,
                        known.join(", ")
                    ),
                };
                return Err(invalid(&format!("{at}.repo"), text));
            }
            ItemPrefix::new(project.prefix.clone())
                .map_err(|e| invalid(&format!("{at}.prefix"), e.to_string()))?;
            let words: Vec<&str> = TrackerState::ALL
                .iter()
                .map(|state| state.as_str())
                .chain([ENTRY_STATE])
                .collect();
            if let Some(word) = project.states.keys().find(|w| !words.contains(&w.as_str())) {
                let text = format!("no state `{word}`; use {}", words.join(", "));
                return Err(invalid(&format!("{at}.states"), text));
            }
            if let Some(word) = words.iter().find(|w| !project.states.contains_key(**w)) {
                let text = format!(
                    "the state `{word}` is missing; `orch tracker add plane` writes all of them"
                );
                return Err(invalid(&format!("{at}.states"), text));
            }
            let mut ids: Vec<&String> = project.states.values().collect();
            ids.sort_unstable();
            if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
                let text = format!(
                    "two states have the id `{}`; nobody could tell them apart",
                    twice[0]
                );
                return Err(invalid(&format!("{at}.states"), text));
            }
        }
    }
    Ok(())
}

fn check_issues(
    issues: &IssuesConfig,
    repositories: &BTreeMap<String, RepositoryConfig>,
    file: &str,
    place: &str,
) -> Result<(), ConfigError> {
    let place = format!("{place}.issues");
    let invalid = |at: &str, problem: String| {
        Err(ConfigError::invalid(file, format!("{place}{at}"), problem))
    };
    if issues.repositories.is_empty() {
        return invalid(
            ".repositories",
            "name a repository with its prefix".to_owned(),
        );
    }
    for (repo, prefix) in &issues.repositories {
        let at = format!(".repositories.{repo}");
        let forge = repositories.get(repo).map(|repository| &repository.forge);
        match forge {
            Some(ForgePlace::On(on)) if on.name == issues.forge => {}
            Some(_) => {
                let text = format!("`{repo}` does not lie on forge `{}`", issues.forge);
                return invalid(&at, text);
            }
            None => {
                let known: Vec<&str> = repositories.keys().map(String::as_str).collect();
                let text = format!(
                    "there is no repository `{repo}`; registered are: {}",
                    known.join(", ")
                );
                return invalid(&at, text);
            }
        }
        if let Err(error) = ItemPrefix::new(prefix.clone()) {
            return invalid(&at, error.to_string());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostConfig;

    fn states() -> String {
        let words = TrackerState::ALL.iter().map(|s| s.as_str());
        let words = words.chain([ENTRY_STATE]).enumerate();
        let lines = words.map(|(n, word)| format!("{word}: 00000000-0000-0000-0000-{n:012}"));
        lines.collect::<Vec<_>>().join(", ")
    }

    fn text(states: &str, repo: &str) -> String {
        format!(
            "repositories: {{shop: {{path: shop.git}}}}\ntrackers:\n  board:\n    plane:\n      \
             url: http://127.0.0.1:1\n      workspace: acme\n      key: {{env: KEY}}\n      projects:\n        \
             7d373d38-09c8-4b4c-a0cf-e2fbf5a5f935: {{repo: {repo}, prefix: LED, states: {{{states}}}}}\n"
        )
    }

    #[test]
    fn tracker_with_every_state_is_taken_and_one_that_lacks_some_is_refused() {
        HostConfig::parse("orch.yaml", &text(&states(), "shop")).unwrap();
        let missing = states().replace("done: ", "entry2: ");
        for (text, what) in [
            (text(&missing, "shop"), "no state `entry2`"),
            (
                text("entry: 00000000-0000-0000-0000-000000000008", "shop"),
                "is missing",
            ),
            (text(&states(), "shpo"), "did you mean `shop`"),
            (
                text(&states().replace("000000000008", "000000000007"), "shop"),
                "two states",
            ),
            (
                text(&states().replace("000000000008", "8"), "shop"),
                "no id of Plane",
            ),
        ] {
            let error = HostConfig::parse("orch.yaml", &text).unwrap_err();
            assert!(error.to_string().contains(what), "{what}: {error}");
        }
    }

    #[test]
    fn issues_are_of_repositories_that_lie_on_their_forge() {
        let parse = |tracker: &str| {
            let text = format!(
                "forges: {{hub: {{url: \"http://127.0.0.1:1\", token: {{env: T}}}}}}\nrepositories:\n  shop: {{forge: {{name: hub, \
                 repo: acme/shop}}}}\n  till: {{path: till.git}}\ntrackers: {{board: {tracker}}}\n"
            );
            HostConfig::parse("orch.yaml", &text).map_err(|e| e.to_string())
        };
        parse("{issues: {forge: hub, repositories: {shop: SHOP}}}").unwrap();
        for (wrong, says) in [
            (
                "{issues: {forge: hub, repositories: {till: T}}}",
                "does not lie on forge `hub`",
            ),
            (
                "{issues: {forge: hut, repositories: {shop: SHOP}}}",
                "does not lie on forge `hut`",
            ),
            (
                "{issues: {forge: hub, repositories: {toys: T}}}",
                "no repository `toys`",
            ),
            (
                "{issues: {forge: hub, repositories: {}}}",
                "name a repository",
            ),
            (
                "{issues: {forge: hub, repositories: {shop: \"a b\"}}}",
                "prefix",
            ),
            ("{}", "one of `plane` and `issues`"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
