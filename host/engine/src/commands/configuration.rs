//! Whether every repository's configuration can be used, and every agent's program is there.

use orch_config::LiveConfig;
use orch_judge::Judges;
use orch_process::resolve_program;

use super::error::{CommandError, host};
use super::unusable::unusable;
use crate::ledger::repos::{InForce, Repo, Repos};

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
        repo.prepare().await.map_err(host)?;
        let base = repo.base_tip().await.map_err(host)?;
        if let Some(unfit) = repo.unfit(&base).await.map_err(host)? {
            return Err(CommandError::conflict(unfit.to_string()).with_remedy(unfit.remedy()));
        }
        let in_force = repo.in_force(&self.config.now(), &base).await;
        let InForce {
            effective, digest, ..
        } = in_force.map_err(|e| unusable(repo, &e))?;
        let pipeline = effective
            .pipeline()
            .map_err(|e| CommandError::host(e.to_string()))?;
        let registry = self.judges.gates();
        for (_, entry) in pipeline.entries_in_use() {
            let Some(gate) = registry.get(&entry.gate) else {
                let why = registry.why_missing(&entry.gate);
                return Err(CommandError::host(format!("entry `{}`: {why}", entry.id)));
            };
            let problems = self.judges.check_settings(gate, &entry.settings).await;
            let problems = problems.map_err(|e| CommandError::host(e.to_string()))?;
            if !problems.is_empty() {
                let text = format!("settings of `{}`: {}", entry.id, problems.join("; "));
                return Err(CommandError::host(text));
            }
        }
        Ok(format!(
            "{}: base {base}, configuration {}",
            repo.name,
            &digest[..12]
        ))
    }
}
