//! Which pipelines come ready-made, and which of them fits a repository for which nothing else is said.

use std::collections::BTreeMap;

use super::defaults::{default_steps, entry_id};
use super::{HostWork, Step};
use crate::stage::{Role, Stage};
use crate::words::words;

/// Registry name of the gate that looks for secrets and known vulnerabilities.
pub const SECURITY: &str = "security";

/// Registry name of the gate that has a person look at changes of what guards the repository.
const PROTECTED_PATHS: &str = "protected-paths";

words! {
    "preset":
    /// A pipeline that comes ready-made. Each of them lands, and each has the `security` gate.
    pub enum Preset {
        /// Every role, staging, approvals and the deploy.
        Full = "full",
        /// Every role and approvals; ends with the landing.
        NoDeploy = "no-deploy",
        /// Developer, tests and a reviewer; a change of what guards the repository waits for a person; ends with the
        /// landing.
        ReviewOnly = "review-only",
        /// Developer and tests alone; a change of what guards the repository waits for a person; ends with the landing.
        Solo = "solo",
    }
}

impl Preset {
    /// Its steps.
    pub fn steps(self) -> BTreeMap<Stage, Vec<Step>> {
        let mut steps = default_steps();
        if let Some(list) = steps.get_mut(&Stage::DeployStaging) {
            // Before anybody is asked to approve.
            let at = list.iter().position(|step| *step == Step::Approval);
            list.insert(at.unwrap_or(0), Step::Gate(entry_id(SECURITY)));
        }
        match self {
            Self::Full => return steps,
            Self::NoDeploy => {}
            Self::ReviewOnly | Self::Solo => {
                for stage in [Stage::Analysis, Stage::Architecture, Stage::Testing] {
                    steps.remove(&stage);
                }
                without(&mut steps, |step| *step == Step::Approval);
                // Where no person approves what lands, one is asked about what guards the repository.
                if let Some(list) = steps.get_mut(&Stage::DeployStaging) {
                    list.insert(0, Step::Gate(entry_id(PROTECTED_PATHS)));
                }
            }
        }
        if self == Self::Solo {
            steps.remove(&Stage::Review);
        }
        fit(&mut steps, Site::default());
        steps
    }

    /// What it is for, in one sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Full => {
                "Every role works, a person approves analysis and deploy, staging and production are deployed."
            }
            Self::NoDeploy => {
                "Every role works, a person approves analysis and landing, and the task ends landed."
            }
            Self::ReviewOnly => {
                "The developer works, the tests and a reviewer judge, a change of what guards the repository waits for a person, and the task ends landed."
            }
            Self::Solo => {
                "The developer works, the tests judge, a change of what guards the repository waits for a person, and the task ends landed: for one person and one agent."
            }
        }
    }
}

/// What a repository has beyond its base branch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Site {
    /// Whether it is told how to deploy to staging.
    pub staging: bool,
    /// Whether it is told how to deploy to production.
    pub deploy: bool,
}

/// The steps of a repository for which no pipeline is named: the default ones, without the staging and the deploy that
/// it does not have.
pub fn steps_for(site: Site) -> BTreeMap<Stage, Vec<Step>> {
    let mut steps = default_steps();
    fit(&mut steps, site);
    steps
}

/// Takes out what the site does not have, with the gates that would judge it.
fn fit(steps: &mut BTreeMap<Stage, Vec<Step>>, site: Site) {
    if !site.staging {
        let gate = Step::Gate(entry_id("staging-status"));
        without(steps, |step| {
            *step == gate || *step == Step::Work(HostWork::Staging)
        });
    }
    if !site.deploy {
        let gate = Step::Gate(entry_id("deploy-status"));
        without(steps, |step| {
            *step == gate || *step == Step::Work(HostWork::Deploy)
        });
    }
    steps.retain(|_, list| !list.is_empty());
}

fn without(steps: &mut BTreeMap<Stage, Vec<Step>>, is_out: impl Fn(&Step) -> bool) {
    for list in steps.values_mut() {
        list.retain(|step| !is_out(step));
    }
}

/// The role whose run leaves what a gate of the host reads; none for gates that read something else.
pub fn role_before(entry: &str) -> Option<Role> {
    match entry {
        "analysis-complete" | "analysis-approved" => Some(Role::Analyst),
        "architecture-done" => Some(Role::Architect),
        "review-verdict" => Some(Role::Reviewer),
        "tests-passed" => Some(Role::Tester),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Pipeline, Rules, default_entries};

    #[test]
    fn every_preset_lands_and_looks_for_secrets_before() {
        for preset in Preset::ALL {
            let pipeline = Pipeline::new(preset.steps(), default_entries(), Rules::default())
                .unwrap_or_else(|e| panic!("{preset}: {e}"));
            let at = |wanted: &Step| pipeline.all().position(|(_, step)| step == wanted);
            let land = at(&Step::Work(HostWork::Land)).unwrap();
            let security = at(&Step::Gate(entry_id(SECURITY))).unwrap();
            assert!(security < land, "{preset}");
        }
    }

    #[test]
    fn default_has_the_deploys_that_the_repository_has() {
        let site = |staging, deploy| Site { staging, deploy };
        assert_eq!(steps_for(site(true, true)), default_steps());
        let names = |site| -> Vec<String> {
            let steps = steps_for(site);
            let late = steps.range(Stage::DeployStaging..);
            late.flat_map(|(_, list)| list.iter().map(Step::name))
                .collect()
        };
        assert_eq!(
            names(site(false, false)),
            ["deploy-approval", "merge-prepare", "merge", "land"]
        );
        assert_eq!(
            names(site(false, true)),
            [
                "deploy-approval",
                "merge-prepare",
                "merge",
                "land",
                "deploy",
                "deploy-status"
            ]
        );
    }

    #[test]
    fn change_of_what_guards_the_repository_meets_a_person_in_every_preset() {
        for preset in Preset::ALL {
            let steps = preset.steps();
            let mut names = steps.values().flatten().map(Step::name);
            let asks = |name: String| name == "deploy-approval" || name == PROTECTED_PATHS;
            assert!(names.any(asks), "{preset}");
        }
    }

    #[test]
    fn solo_is_developer_tests_security_and_landing() {
        let steps = Preset::Solo.steps();
        let names: Vec<String> = steps.values().flatten().map(Step::name).collect();
        assert_eq!(
            names,
            [
                "developer",
                "ci-green",
                "protected-paths",
                "security",
                "merge-prepare",
                "merge",
                "land"
            ]
        );
    }
}
