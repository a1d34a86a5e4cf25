//! Can a task of this repository come to its end? What the pipeline asks for is held against what is there.
//!
//! Read from the configuration alone. Whether the gates are loaded and the programs installed is looked at by whoever
//! has them.

use orch_domain::pipeline::{self, Entry, HostWork, Mode, Pipeline, Step, role_before};
use orch_domain::stage::{Role, Stage};

use crate::effective::Effective;
use crate::host::HostConfig;
use crate::repositories::RepositoryConfig;

/// Something because of which no task can come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the pipeline: `STAGE: STEP`, or a key.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What would mend it.
    pub remedy: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// What keeps tasks of the repository `name` from coming to their end; empty if nothing does.
pub fn problems(
    host: &HostConfig,
    name: &str,
    repository: &RepositoryConfig,
    effective: &Effective,
    pipeline: &Pipeline,
) -> Vec<Problem> {
    let about = About {
        host,
        name,
        repository,
        effective,
        pipeline,
    };
    let mut found: Vec<Problem> = about.steps().collect();
    found.extend(about.whole());
    found
}

struct About<'a> {
    host: &'a HostConfig,
    name: &'a str,
    repository: &'a RepositoryConfig,
    effective: &'a Effective,
    pipeline: &'a Pipeline,
}

impl About<'_> {
    /// What single steps lack.
    fn steps(&self) -> impl Iterator<Item = Problem> {
        let name = self.name;
        self.pipeline
            .all()
            .enumerate()
            .filter_map(move |(at, (stage, step))| {
                let (what, remedy) = match step {
                    Step::Run(role) => self.agentless(*role)?,
                    Step::Work(HostWork::Staging) if self.repository.staging.is_none() => (
                        "the repository has no staging".to_owned(),
                        format!(
                            "set `repositories.{name}.staging`, or take the step out with a pipeline without it \
                             (`pipeline: {{preset: no-deploy}}`)"
                        ),
                    ),
                    Step::Work(HostWork::Deploy) if self.repository.deploy.is_none() => (
                        "the repository has no deploy hook".to_owned(),
                        format!(
                            "set `repositories.{name}.deploy`, or take the step out (`pipeline: {{preset: no-deploy}}`)"
                        ),
                    ),
                    Step::Gate(id) => {
                        let entry = self.pipeline.entry(id)?;
                        self.never_passes(entry, at)?
                    }
                    Step::Work(_) | Step::Approval => return None,
                };
                Some(Problem {
                    place: format!("{stage}: {}", step.name()),
                    what,
                    remedy,
                })
            })
    }

    fn agentless(&self, role: Role) -> Option<(String, String)> {
        if self.host.role(role).is_some() {
            return None;
        }
        Some((
            format!("no agent works as {role}"),
            "name one under `roles.default` and describe it under `agents`".to_owned(),
        ))
    }

    /// Why an entry that counts could never pass; `at` is where it stands.
    fn never_passes(&self, entry: &Entry, at: usize) -> Option<(String, String)> {
        if entry.mode != Mode::Enforce {
            return None;
        }
        let id = entry.id.as_str();
        let defaults = pipeline::default_entries();
        let ours = defaults.get(&entry.id).map(|e| e.gate.as_str());
        if ours != Some(entry.gate.as_str()) {
            // What another gate reads is its own business.
            return None;
        }
        let before = |wanted: &Step| self.pipeline.all().take(at).any(|(_, step)| step == wanted);
        let lacks = |step: &Step, word: &str| {
            (!before(step)).then(|| {
                (
                    format!("it can never pass: nothing before it does `{word}`"),
                    format!(
                        "put `{word}` before it, or take it out (`gates: {{{id}: {{mode: off}}}}`)"
                    ),
                )
            })
        };
        if let Some(role) = role_before(id) {
            return lacks(&Step::Run(role), &format!("run {role}"));
        }
        let name = self.name;
        match id {
            "staging-status" => lacks(&Step::Work(HostWork::Staging), "work staging"),
            "merge" => lacks(&Step::Work(HostWork::MergePrepare), "work merge-prepare"),
            "deploy-status" => lacks(&Step::Work(HostWork::Deploy), "work deploy"),
            "image-freshness" => {
                let image = self
                    .repository
                    .staging
                    .as_ref()
                    .and_then(|s| s.image.as_ref());
                image.is_none().then(|| (
                    "the repository does not say which image runs on staging".to_owned(),
                    format!("set `repositories.{name}.staging.image`, or `gates: {{image-freshness: {{mode: off}}}}`"),
                ))
            }
            "coverage" => {
                let report = self
                    .effective
                    .ci
                    .as_ref()
                    .and_then(|ci| ci.coverage.as_ref());
                report.is_none().then(|| {
                    (
                        "the repository names no coverage report".to_owned(),
                        "set `ci.coverage` in its .orch.yaml, or `gates: {coverage: {mode: off}}`"
                            .to_owned(),
                    )
                })
            }
            _ => None,
        }
    }

    /// What the pipeline as a whole lacks.
    fn whole(&self) -> impl Iterator<Item = Problem> {
        let has = |wanted: &Step| self.pipeline.all().any(|(_, step)| step == wanted);
        let land = (!has(&Step::Work(HostWork::Land))).then(|| Problem {
            place: Stage::DeployStaging.to_string(),
            what: "a task could end without landing: no step does `work land`".to_owned(),
            remedy:
                "let a stage end with `work merge-prepare, gate merge, work land`, or name a preset"
                    .to_owned(),
        });
        let developer = (!has(&Step::Run(Role::Developer))).then(|| Problem {
            place: Stage::Development.to_string(),
            what: "nobody changes anything: no step does `run developer`".to_owned(),
            remedy: "begin stage `development` with `run developer`".to_owned(),
        });
        land.into_iter().chain(developer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RepoFile;

    const AGENT: &str =
        "agents: {a: {driver: command, program: a}}\nroles: {default: {agent: a}}\n";

    fn found(host: &str, repo: &str) -> Vec<String> {
        let host = HostConfig::parse("orch.yaml", &format!("{AGENT}{host}")).unwrap();
        let file = RepoFile::parse(repo).unwrap();
        let effective = Effective::combine(&host, "shop", &file).unwrap();
        let pipeline = effective.pipeline().unwrap();
        let list = problems(
            &host,
            "shop",
            &host.repositories["shop"],
            &effective,
            &pipeline,
        );
        assert!(list.iter().all(|p| !p.remedy.is_empty()));
        list.iter().map(ToString::to_string).collect()
    }

    fn only(host: &str, repo: &str) -> String {
        let mut list = found(host, repo);
        assert_eq!(list.len(), 1, "{list:?}");
        list.remove(0)
    }

    const TESTED: &str = "ci: {test: make}";

    #[test]
    fn default_and_every_preset_can_be_carried_out() {
        for preset in ["no-deploy", "review-only", "solo"] {
            let host =
                format!("repositories: {{shop: {{path: /a, pipeline: {{preset: {preset}}}}}}}");
            assert_eq!(found(&host, TESTED), [""; 0], "{preset}");
        }
        let bare = "repositories: {shop: {path: /a}}";
        assert_eq!(found(bare, TESTED), [""; 0]);
        let all = "pipeline: {preset: full}\nrepositories: {shop: {path: /a, staging: {hook: a}, deploy: {hook: b}}}";
        assert_eq!(found(all, TESTED), [""; 0]);
    }

    #[test]
    fn step_without_its_configuration_is_found() {
        let full = "pipeline: {preset: full}\nrepositories: {shop: {path: /a}}";
        let list = found(full, TESTED);
        assert_eq!(
            list,
            [
                "deploy-staging: staging: the repository has no staging",
                "deploy: deploy: the repository has no deploy hook"
            ]
        );
        let coverage = "repositories: {shop: {path: /a}}\nextra_gates: [{gate: coverage, stage: deploy-staging}]";
        assert!(only(coverage, TESTED).contains("no coverage report"));
        let image = coverage.replace("coverage", "image-freshness");
        assert!(only(&image, TESTED).contains("which image"));
    }

    #[test]
    fn pipeline_that_could_end_without_landing_is_found() {
        let host = "pipeline: {deploy-staging: [work merge-prepare, gate merge], deploy: []}\nrepositories: {shop: {path: /a}}";
        assert!(only(host, TESTED).contains("without landing"));
    }

    #[test]
    fn gate_whose_subject_nobody_makes_is_found() {
        let host = "pipeline: {review: [gate review-verdict]}\nrepositories: {shop: {path: /a}}";
        assert!(only(host, TESTED).contains("`run reviewer`"));
        let advised = format!("{host}\ngates: {{review-verdict: {{mode: advise}}}}");
        assert_eq!(found(&advised, TESTED), [""; 0]);
    }

    #[test]
    fn review_by_command_and_context_of_another_machine_can_come() {
        let host = "pipeline: {review: [run reviewer, gate review-verdict, gate review-approved]}\nrepositories: {shop: {path: /a}}";
        assert_eq!(found(host, TESTED), [""; 0]);
        let host = "repositories: {shop: {path: /a}}";
        let repo = "ci: {test: make}\nrequired_contexts: [orch/ci, ci/woodpecker]";
        assert_eq!(found(host, repo), [""; 0]);
    }

    #[test]
    fn role_without_an_agent_is_found() {
        let host = HostConfig::parse(
            "orch.yaml",
            "pipeline: {preset: solo}\nrepositories: {shop: {path: /a}}",
        )
        .unwrap();
        let file = RepoFile::parse(TESTED).unwrap();
        let effective = Effective::combine(&host, "shop", &file).unwrap();
        let pipeline = effective.pipeline().unwrap();
        let list = problems(
            &host,
            "shop",
            &host.repositories["shop"],
            &effective,
            &pipeline,
        );
        assert_eq!(
            list[0].to_string(),
            "development: developer: no agent works as developer"
        );
    }
}
