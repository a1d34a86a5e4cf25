//! Whether every repository's configuration can be used and what it comes to, and whether every agent's program is there.

use std::path::Path;

use orch_config::{HostConfig, LiveConfig, Problem, placed_steps, problems};
use orch_domain::pipeline::{Mode, Pipeline, SECURITY, about};
use orch_gates::Settle;
use orch_judge::Judges;
use orch_process::resolve_program;
use orch_views::repository::{PipelineProblem, PipelineView, StepView};

use super::error::{CommandError, host};
use super::unusable::unusable;
use crate::ledger::repos::{InForce, Repo, Repos};

/// Profile of the scanner without which the `security` gate decides nothing, and its program if nothing else is said.
const SECRETS_PROFILE: (&str, &str) = ("gitleaks-history", "gitleaks");

/// Failed probes from which on production is degraded to the gate `post-deploy`, if nothing else is said.
const DEGRADED_AFTER: u64 = 3;

/// Checks configurations. Clones are the same.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub(crate) config: LiveConfig,
    pub(crate) repos: Repos,
    pub(crate) judges: Judges,
}

impl Configuration {
    /// Brings every repository's mirror up to date and says whether its configuration can be used. One that cannot is
    /// no reason to leave the others out.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] that names everything that is wrong, each with its repository or agent.
    pub async fn check(&self) -> Result<Vec<String>, CommandError> {
        let (mut lines, mut wrong, mut remedies) = (Vec::new(), Vec::new(), Vec::new());
        let mut note = |name: &str, error: &CommandError| {
            let what = error.to_string();
            // Most name their repository by themselves.
            wrong.push(match what.contains(&format!("`{name}`")) {
                true => what,
                false => format!("`{name}`: {what}"),
            });
            remedies.extend(error.remedy().map(str::to_owned));
        };
        for (name, agent) in &self.config.now().agents {
            let path = std::env::var("PATH").unwrap_or_default();
            if let Err(error) = resolve_program(&agent.program, &path) {
                let text = format!("agent `{name}`: {:#}", anyhow::Error::from(error));
                let remedy = format!("install the program, or set `agents.{name}.program`");
                note(name, &CommandError::conflict(text).with_remedy(remedy));
            }
        }
        for repo in self.repos.all() {
            match self.repository(repo).await {
                Ok(line) => lines.push(line),
                Err(error) => note(&repo.name, &error),
            }
        }
        if wrong.is_empty() {
            return Ok(lines);
        }
        remedies.dedup();
        let refused = CommandError::conflict(wrong.join("\n"));
        Err(match remedies.is_empty() {
            true => refused,
            false => refused.with_remedy(remedies.join("\n")),
        })
    }

    async fn repository(&self, repo: &Repo) -> Result<String, CommandError> {
        let view = self.pipeline(&repo.name).await?;
        if view.problems.is_empty() {
            return Ok(format!(
                "{}: base {}, configuration {}",
                repo.name,
                view.base,
                &view.configuration[..12]
            ));
        }
        let what = view
            .problems
            .iter()
            .map(|p| format!("{}: {}", p.place, p.what));
        let what: Vec<String> = what.collect();
        let remedies: Vec<String> = view.problems.into_iter().map(|p| p.remedy).collect();
        Err(CommandError::conflict(what.join("\n")).with_remedy(remedies.join("\n")))
    }

    /// Brings a repository's mirror up to date and says what its pipeline is, and what of it can never work.
    ///
    /// # Errors
    /// [`CommandError`] naming the repository, if its base or its own file cannot be used at all.
    pub async fn pipeline(&self, name: &str) -> Result<PipelineView, CommandError> {
        let found = self.repos.get(name);
        let repo = found.map_err(|e| CommandError::not_found(format!("{e:#}")))?;
        repo.prepare().await.map_err(host)?;
        let base = repo.base_tip().await.map_err(host)?;
        if let Some(unfit) = repo.unfit(&base).await.map_err(host)? {
            return Err(CommandError::conflict(unfit.to_string()).with_remedy(unfit.remedy()));
        }
        let config = self.config.now();
        let in_force = repo.in_force(&config, &base).await;
        let InForce {
            effective,
            digest,
            file,
            ..
        } = in_force.map_err(|e| unusable(repo, &e))?;
        let invalid = |e: orch_config::ConfigError| CommandError::invalid(e.to_string());
        let pipeline = effective.pipeline().map_err(invalid)?;
        let steps = placed_steps(&config, name, &file).map_err(invalid)?;
        let mut found = problems(&config, name, &repo.config, &effective, &pipeline);
        found.extend(self.of_gates(&config, &pipeline).await?);
        found.extend(blind_watch(repo, &pipeline));
        let problem = |p: Problem| PipelineProblem {
            place: p.place,
            what: p.what,
            remedy: p.remedy,
        };
        Ok(PipelineView {
            repo: name.to_owned(),
            base: base.to_string(),
            configuration: digest,
            steps: steps
                .into_iter()
                .map(|step| StepView {
                    stage: step.stage.to_string(),
                    does: about(&step.step).unwrap_or_default().to_owned(),
                    step: step.text,
                    mode: step.gate.as_ref().map(|(_, mode)| mode.to_string()),
                    gate: step.gate.map(|(gate, _)| gate),
                    from: step.origin.to_string(),
                    changed_by: step.changed_by,
                })
                .collect(),
            problems: found.into_iter().map(problem).collect(),
        })
    }

    /// Gates that are not there or do not take their settings, and programs that they cannot do without.
    async fn of_gates(
        &self,
        config: &HostConfig,
        pipeline: &Pipeline,
    ) -> Result<Vec<Problem>, CommandError> {
        if self.judges.gates().failures().any(|f| f.error.may_pass()) {
            // What a start had no time for is loaded now: asked is what is wrong with the gates, and not how busy the
            // machine is.
            self.judges.library().sync(Settle::Now).await;
        }
        let registry = self.judges.gates();
        let mut found = Vec::new();
        for (stage, entry) in pipeline.entries_in_use() {
            let problem = |what: String, remedy: String| Problem {
                place: format!("{stage}: {}", entry.id),
                what,
                remedy,
            };
            let Some(gate) = registry.get(&entry.gate) else {
                let why = registry.why_missing(&entry.gate);
                let out = format!(
                    "take the entry out (`gates: {{{}: {{mode: off}}}}`)",
                    entry.id
                );
                let remedy = match registry.failure(&entry.gate) {
                    Some(failure) if failure.error.may_pass() => {
                        "the machine is at fault and not the file: look again when it has less to do; a host that runs \
                         tries again by itself"
                            .to_owned()
                    }
                    Some(failure) => format!(
                        "put another file in the place of `{}`, or {out}",
                        failure.file.display()
                    ),
                    None => format!(
                        "put `{}.wasm` into `{}`, or {out}",
                        entry.gate,
                        config.gates_dir().display()
                    ),
                };
                found.push(problem(why, remedy));
                continue;
            };
            let problems = self.judges.check_settings(gate, &entry.settings).await;
            let problems = problems.map_err(|e| CommandError::host(e.to_string()))?;
            if !problems.is_empty() {
                let what = format!("its settings are not taken: {}", problems.join("; "));
                let remedy = format!("mend `gates.{}.settings`", entry.id);
                found.push(problem(what, remedy));
            }
            if entry.gate == SECURITY
                && entry.mode == Mode::Enforce
                && let Some(program) = missing_scanner(config)
            {
                let what = format!("it can never pass: `{program}` is not installed");
                let remedy = format!(
                    "install gitleaks, name its path under `tools.{}.program`, or switch the gate off (`gates: {{{}: {{mode: off}}}}`)",
                    SECRETS_PROFILE.0, entry.id
                );
                found.push(problem(what, remedy));
            }
        }
        Ok(found)
    }
}

/// A watch that would not find production degraded if every one of its probes failed.
fn blind_watch(repo: &Repo, pipeline: &Pipeline) -> Option<Problem> {
    let (watch, entry) = (repo.config.post_deploy.as_ref()?, pipeline.watch_entry()?);
    let settings: serde_json::Value = serde_json::from_str(&entry.settings).unwrap_or_default();
    let after = settings["degraded_after"]
        .as_u64()
        .unwrap_or(DEGRADED_AFTER);
    let made = u64::from(watch.probes);
    (made < after).then(|| Problem {
        place: "post_deploy".to_owned(),
        what: format!("production is never found degraded: {made} probes are made, and {after} have to fail"),
        remedy: format!(
            "set `repositories.{}.post_deploy.probes` to at least {after}, or `degraded_after` of `gates.{}.settings` to \
             at most {made}",
            repo.name, entry.id
        ),
    })
}

/// The program that looks for secrets, if it is not there.
fn missing_scanner(config: &HostConfig) -> Option<String> {
    let (profile, program) = SECRETS_PROFILE;
    let named = config.tools.get(profile).and_then(|t| t.program.clone());
    let program = named.unwrap_or_else(|| program.to_owned().into());
    let path = std::env::var("PATH").unwrap_or_default();
    let found = resolve_program(Path::new(&program), &path);
    found.is_err().then(|| program.display().to_string())
}

/// What keeps every task of a repository from coming to its end, as a refusal.
pub(super) fn hopeless(
    config: &HostConfig,
    repo: &Repo,
    effective: &orch_config::Effective,
    pipeline: &Pipeline,
) -> Option<CommandError> {
    let found = problems(config, &repo.name, &repo.config, effective, pipeline);
    let first = found.into_iter().next()?;
    let what = format!("no task of `{}` could come to its end: {first}", repo.name);
    Some(CommandError::conflict(what).with_remedy(first.remedy))
}
