//! What does each step of a pipeline do, in one sentence for people who put pipelines together?

use super::{HostWork, Step};
use crate::stage::Role;

/// What a step does; none for an entry that the host does not bring along.
pub fn about(step: &Step) -> Option<&'static str> {
    match step {
        Step::Run(role) => Some(about_role(*role)),
        Step::Gate(entry) => about_entry(entry.as_str()),
        Step::Approval => {
            Some("A person approves with `orch task approve`; the task waits until then.")
        }
        Step::Work(work) => Some(about_work(*work)),
    }
}

/// What an agent does in a role.
pub const fn about_role(role: Role) -> &'static str {
    match role {
        Role::Analyst => {
            "An agent writes down what is wanted, with acceptance criteria and a test plan."
        }
        Role::Architect => "An agent records the decisions that the change needs.",
        Role::Developer => "An agent changes the code; its commit is pushed to the task's branch.",
        Role::Reviewer => "An agent reads the change and writes its verdict; it changes nothing.",
        Role::Tester => {
            "An agent tries the change against the test plan and reports; it changes nothing."
        }
    }
}

/// What the host does itself.
pub const fn about_work(work: HostWork) -> &'static str {
    match work {
        HostWork::Staging => "The host deploys to staging by `staging.hook` and runs the suite.",
        HostWork::MergePrepare => {
            "The host takes the merge lease, brings the branch up to date with the base and tests it again."
        }
        HostWork::Land => "The host moves the base to the prepared commit.",
        HostWork::Deploy => "The host runs `deploy.hook`, once.",
    }
}

/// What a gate entry of the host looks at.
pub fn about_entry(entry: &str) -> Option<&'static str> {
    Some(match entry {
        "analysis-complete" => {
            "The analysis is whole: requirements, criteria and a test plan that parses."
        }
        "analysis-approved" => "A person has approved the analysis.",
        "architecture-done" => "There is a decision with a status.",
        "ci-green" => {
            "Every required context of the commit is green; with `ci.test` the host posts `orch/ci`."
        }
        "review-verdict" => "The reviewer's own verdict is an approval.",
        "review-approved" => "A person has approved the pull request on the forge.",
        "tests-passed" => "The tester's report covers the plan and says that it passed.",
        "tests-local" => "The host's own tests of the commit passed.",
        "staging-status" => "Staging was deployed and its suite is green.",
        "merge" => "The prepared commit is up to date and was tested.",
        "deploy-status" => "The deploy hook succeeded.",
        "protected-paths" => {
            "Nothing that guards the repository was changed, or a person approved it."
        }
        "security" => {
            "No secret in the change, no dependency with a known vulnerability that the change adds."
        }
        "coverage" => "Coverage of the lines did not fall.",
        "image-freshness" => "The image on staging is of the commit to land.",
        "post-deploy" => "Production answers after the deploy; moves no task.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::default_entries;

    #[test]
    fn every_entry_of_the_host_is_explained() {
        for id in default_entries().keys() {
            assert!(about_entry(id.as_str()).is_some(), "{id}");
        }
    }
}
