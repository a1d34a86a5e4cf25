//! What people order about gates: where they judge, which version serves, what is pinned.

mod line;

use orch_gates::LibraryError;
use orch_views::gate::{EnableRequest, GateDone};

use self::line::{line_of, with_line, without_line};
use super::error::CommandError;
use orch_config::{ExtraGate, GateGrants, HostConfig, LiveConfig, Replaced};
use orch_judge::Judges;

fn done(gate: &str, message: String) -> GateDone {
    GateDone {
        gate: gate.to_owned(),
        message,
    }
}

fn refused(error: LibraryError) -> CommandError {
    match error {
        LibraryError::Folder { .. } => CommandError::host(error.to_string()),
        LibraryError::NoVersion { ref kept, .. } => {
            let remedy = format!("name one of those that are kept: {kept}");
            CommandError::not_found(error.to_string()).with_remedy(remedy)
        }
        LibraryError::Locked(ref refusal) => {
            CommandError::conflict(error.to_string()).with_remedy(refusal.remedy())
        }
        LibraryError::Load { .. } => CommandError::conflict(error.to_string()),
    }
}

/// What people may order of gates. Clones are the same.
#[derive(Debug, Clone)]
pub struct Gates {
    pub(crate) config: LiveConfig,
    pub(crate) judges: Judges,
}

impl Gates {
    /// Goes back to a version of a gate that served before.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a version that is not kept.
    pub async fn rollback(&self, name: &str, digest: &str) -> Result<GateDone, CommandError> {
        if digest.len() < 6 {
            let refused = CommandError::invalid(format!("`{digest}` is too short"));
            return Err(refused.with_remedy("give at least 6 digits of the digest"));
        }
        let to = self
            .judges
            .library()
            .rollback(name, digest)
            .await
            .map_err(refused)?;
        let message = format!("gate `{name}` serves as {to} until another file is dropped");
        tracing::warn!(
            gate.name = name,
            digest = to,
            "gone back to an earlier version"
        );
        Ok(done(name, message))
    }

    /// Lifts the quarantine of a gate.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if it is in none.
    pub async fn release(&self, name: &str) -> Result<GateDone, CommandError> {
        if self.judges.library().release(name).await {
            return Ok(done(name, format!("gate `{name}` judges again")));
        }
        Err(CommandError::conflict(format!(
            "gate `{name}` is not quarantined"
        )))
    }

    /// Pins every gate to the file that lies in the gates folder now.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the lock file cannot be written.
    pub async fn lock(&self) -> Result<GateDone, CommandError> {
        let count = self.judges.library().lock().await.map_err(refused)?;
        let path = self.config.now().gates_lock().display().to_string();
        Ok(done("", format!("{count} gates are pinned in `{path}`")))
    }

    /// Names a gate in the configuration, so that it judges from now on.
    ///
    /// # Errors
    /// [`CommandError`] when the gate is not there, the configuration would not hold, or the file's form
    /// leaves no place to write the line; the text then has the line to add.
    pub async fn enable(&self, request: EnableRequest) -> Result<GateDone, CommandError> {
        let extra = ExtraGate {
            gate: request.gate,
            stage: request.stage,
            repo: request.repo,
            mode: request.mode,
            settings: request.settings,
        };
        let registry = self.judges.gates();
        let gate = registry
            .judge(&extra.gate)
            .map_err(CommandError::not_found)?;
        let config = self.config.now();
        if config.extra_gates.contains(&extra) {
            return Err(CommandError::conflict(format!(
                "gate `{}` judges there already",
                extra.gate
            )));
        }
        let path = config.file.clone();
        let failed = |e: std::io::Error| CommandError::host(format!("`{}`: {e}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let same = |e: &&ExtraGate| e.gate == extra.gate && e.repo == extra.repo;
        let text = match config.extra_gates.iter().find(same) {
            Some(before) => without_line(&text, before).ok_or_else(|| {
                CommandError::conflict(format!(
                    "`extra_gates` in `{}` names `{}` already",
                    path.display(),
                    extra.gate
                ))
                .with_remedy("change its line there")
            })?,
            None => text,
        };
        let next = with_line(&text, &extra);
        // Read again as a whole, so that a wrong guess about the file's form changes nothing.
        let parsed = HostConfig::parse(&path.display().to_string(), &next)
            .map_err(|e| CommandError::invalid(e.to_string()))?;
        if parsed.extra_gates.last() != Some(&extra) && !parsed.extra_gates.contains(&extra) {
            let line = line_of(&extra);
            let text = format!("`{}` has a form that cannot be edited", path.display());
            let remedy = format!("add under `extra_gates`:  {line}");
            return Err(CommandError::conflict(text).with_remedy(remedy));
        }
        orch_durable::replace(&path, next.as_bytes()).map_err(failed)?;
        let loaded = HostConfig::load(&path, |name| std::env::var(name).ok())
            .map_err(|e| CommandError::host(e.to_string()))?;
        let on_repo = extra.repo.as_deref().unwrap_or_default();
        let grants = GateGrants::of(&loaded, on_repo, &extra.gate)
            .map_err(|e| CommandError::invalid(e.to_string()))?;
        let replaced = self.config.replace(loaded);
        let mut message = format!(
            "gate `{}` judges new tasks at {}, mode {}",
            extra.gate, extra.stage, extra.mode
        );
        match replaced {
            Replaced::Wholly => {}
            Replaced::RestartNeeded => message.push_str(
                "; other changes of the file come into force at the next start of the host",
            ),
            Replaced::Held(key) => {
                let text = format!(
                    "`{}` has nothing under `{key}` any more, so it is not taken over",
                    path.display()
                );
                let refused = CommandError::conflict(text);
                return Err(refused.with_remedy("restart the host if that is meant"));
            }
        }
        if let Some(missing) = grants.missing(gate) {
            message = format!("{message}; but {missing}");
        }
        Ok(done(&extra.gate, message))
    }
}
