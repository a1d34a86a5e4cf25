//! The pipeline in force, step by step, with where each line of it comes from.

use orch_domain::pipeline::{Mode, Step};
use orch_domain::stage::Stage;

use super::combine::compose;
use super::parse::step_text;
use super::steps::Origin;
use crate::REPO_FILE;
use crate::host::HostConfig;
use crate::repository::RepoFile;
use crate::strict::ConfigError;

/// One step, as it stands in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedStep {
    /// Its stage.
    pub stage: Stage,
    /// As it is written in configuration: `run developer`, `gate ci-green`.
    pub text: String,
    /// The step itself.
    pub step: Step,
    /// Gate component and mode, if it is a gate.
    pub gate: Option<(String, Mode)>,
    /// Where the step comes from.
    pub origin: Origin,
    /// Where else something is said of its entry.
    pub changed_by: Vec<String>,
}

/// Every step of the repository `name`, in order; entries that are off too.
///
/// # Errors
/// [`ConfigError`] if host and repository together make no pipeline.
pub fn placed_steps(
    host: &HostConfig,
    name: &str,
    repo: &RepoFile,
) -> Result<Vec<PlacedStep>, ConfigError> {
    let composed = compose(host, Some((name, repo)), REPO_FILE)?;
    let said_of = |id: &str| {
        let mut places = Vec::new();
        if host.gates.contains_key(id) {
            places.push(format!("`gates.{id}` of orch.yaml"));
        }
        if repo.gates.contains_key(id) {
            places.push(format!("`gates.{id}` of {REPO_FILE}"));
        }
        places
    };
    let lines = composed.origins.into_iter().flat_map(|(stage, list)| {
        list.into_iter()
            .map(move |(step, origin)| (stage, step, origin))
    });
    let steps = lines.map(|(stage, step, origin)| {
        let (gate, changed_by) = match &step {
            Step::Gate(id) => {
                let entry = composed.pipeline.entry(id);
                let gate = entry.map(|entry| (entry.gate.clone(), entry.mode));
                (gate, said_of(id.as_str()))
            }
            Step::Run(_) | Step::Work(_) | Step::Approval => (None, Vec::new()),
        };
        PlacedStep {
            stage,
            text: step_text(&step),
            step,
            gate,
            origin,
            changed_by,
        }
    });
    Ok(steps.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_says_where_it_comes_from() {
        let host = HostConfig::parse(
            "orch.yaml",
            "pipeline: {review: [run reviewer, gate review-verdict]}\n\
             gates: {security: {mode: off}}\n\
             extra_gates: [{gate: mine, stage: review}]\n\
             repositories: {shop: {path: /a}, solo: {path: /b, pipeline: {preset: solo}}}",
        )
        .unwrap();
        let repo =
            RepoFile::parse("ci: {test: make}\ngates: {ci-green: {wait_deadline_s: 5}}").unwrap();
        let lines = |name: &str| -> Vec<String> {
            let steps = placed_steps(&host, name, &repo).unwrap();
            steps
                .iter()
                .map(|s| format!("{} · {} · {} {:?}", s.stage, s.text, s.origin, s.changed_by))
                .collect()
        };
        let shop = lines("shop");
        for line in [
            "development · gate ci-green · default [\"`gates.ci-green` of .orch.yaml\"]",
            "review · gate review-verdict · `pipeline.review` of orch.yaml []",
            "review · gate mine · `extra_gates` of orch.yaml []",
            "deploy-staging · work land · default []",
        ] {
            assert!(shop.iter().any(|l| l == line), "{line}\n{shop:#?}");
        }
        let solo = lines("solo");
        let preset = "preset `solo` (`repositories.solo.pipeline.preset` of orch.yaml)";
        for line in [
            format!("development · run developer · {preset} []"),
            format!(
                "deploy-staging · gate security · {preset} [\"`gates.security` of orch.yaml\"]"
            ),
        ] {
            assert!(solo.contains(&line), "{line}\n{solo:#?}");
        }
    }

    /// The page of every step word and preset, written from the code.
    fn page() -> String {
        use std::fmt::Write as _;

        use orch_domain::pipeline::{
            HostWork, Pipeline, Preset, Rules, about, about_entry, about_role, about_work,
            default_entries,
        };
        use orch_domain::stage::Role;

        let mut page = String::from(include_str!("pipeline-page.md"));
        page.push_str("\n## Steps\n\n| step | what it does |\n|---|---|\n");
        for role in Role::ALL {
            writeln!(page, "| `run {role}` | {} |", about_role(role)).unwrap();
        }
        for work in HostWork::ALL {
            writeln!(page, "| `work {work}` | {} |", about_work(work)).unwrap();
        }
        writeln!(page, "| `approval` | {} |", about(&Step::Approval).unwrap()).unwrap();
        page.push_str("| `gate ENTRY` | The entry of this name judges; see below. |\n");
        page.push_str(
            "\n## Gate entries of the host\n\n| entry | gate | waits at most | passes when |\n|---|---|---|---|\n",
        );
        for (id, entry) in default_entries() {
            writeln!(
                page,
                "| `{id}` | `{}` | {} s | {} |",
                entry.gate,
                entry.wait_deadline_ms / 1000,
                about_entry(id.as_str()).unwrap()
            )
            .unwrap();
        }
        page.push_str("\n## Presets\n");
        for preset in Preset::ALL {
            writeln!(page, "\n### {preset}\n\n{}\n", preset.about()).unwrap();
            let pipeline =
                Pipeline::new(preset.steps(), default_entries(), Rules::default()).unwrap();
            page.push_str("| stage | steps |\n|---|---|\n");
            for stage in Stage::ALL {
                let steps: Vec<String> = pipeline.steps(stage).iter().map(step_text).collect();
                if !steps.is_empty() {
                    writeln!(page, "| `{stage}` | `{}` |", steps.join("`, `")).unwrap();
                }
            }
        }
        page
    }

    #[test]
    fn pipeline_page_says_what_the_code_does() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/operators/pipeline.md"
        );
        let page = page();
        if std::env::var_os("ORCH_BLESS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let on_disk = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            on_disk == page,
            "docs/operators/pipeline.md is out of date; run `ORCH_BLESS=1 cargo test -p orch-config`"
        );
    }
}
