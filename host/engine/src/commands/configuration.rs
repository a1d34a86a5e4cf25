//! Whether every repository's configuration can be used.

use orch_config::LiveConfig;
use orch_judge::Judges;

use super::error::{CommandError, host};
use crate::ledger::repos::{InForce, Repos};

/// Checks configurations. Clones are the same.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub(crate) config: LiveConfig,
    pub(crate) repos: Repos,
    pub(crate) judges: Judges,
}

impl Configuration {
    /// Brings every repository's mirror up to date and says whether its configuration can be used.
    ///
    /// # Errors
    /// [`CommandError::Host`] naming the repository.
    pub async fn check(&self) -> Result<Vec<String>, CommandError> {
        let mut lines = Vec::new();
        for repo in self.repos.all() {
            repo.prepare().await.map_err(host)?;
            let base = repo.base_tip().await.map_err(host)?;
            if let Some(unfit) = repo.unfit(&base).await.map_err(host)? {
                return Err(CommandError::conflict(unfit.to_string()).with_remedy(unfit.remedy()));
            }
            let InForce {
                effective, digest, ..
            } = repo
                .in_force(&self.config.now(), &base)
                .await
                .map_err(host)?;
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
            lines.push(format!(
                "{}: base {base}, configuration {}",
                repo.name,
                &digest[..12]
            ));
        }
        Ok(lines)
    }
}
