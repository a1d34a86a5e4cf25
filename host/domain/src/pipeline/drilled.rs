//! What of a pipeline does a drill go through? The change, and every gate that judges changes before one of them would
//! land. Nobody is paid, nobody is asked, nothing is deployed.

use super::{HostWork, IMAGE_FRESHNESS, Pipeline, Step};
use crate::stage::{Role, Stage};

/// Gates that judge what was deployed, or prepared for landing.
const OF_DEPLOYMENTS: [&str; 3] = ["staging", "merge", IMAGE_FRESHNESS];

impl Pipeline {
    /// The pipeline as a drill goes through it.
    #[must_use]
    pub fn drilled(mut self) -> Self {
        self.is_drill = true;
        let entries = &self.entries;
        for (stage, list) in &mut self.steps {
            let landing = |step: &Step| *step == Step::Work(HostWork::MergePrepare);
            if let Some(at) = list.iter().position(landing) {
                list.truncate(at);
            }
            let judges_changes = (Stage::Development..=Stage::DeployStaging).contains(stage);
            list.retain(|step| match step {
                Step::Gate(id) => {
                    let entry = entries.get(id);
                    judges_changes
                        && entry.is_some_and(|e| !OF_DEPLOYMENTS.contains(&e.gate.as_str()))
                }
                Step::Run(_) | Step::Approval | Step::Work(_) => false,
            });
        }
        let development = self.steps.entry(Stage::Development).or_default();
        development.insert(0, Step::Run(Role::Developer));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drill_is_judged_by_every_gate_of_changes_and_has_no_way_to_land() {
        let pipeline = Pipeline::default().drilled();
        let steps = pipeline.all().map(|(stage, step)| (stage, step.name()));
        let steps: Vec<(Stage, String)> = steps.collect();
        let expected = [
            (Stage::Development, "developer"),
            (Stage::Development, "ci-green"),
            (Stage::Review, "review-verdict"),
            (Stage::Testing, "tests-passed"),
        ];
        assert_eq!(
            steps,
            expected.map(|(stage, name)| (stage, name.to_owned()))
        );
    }
}
