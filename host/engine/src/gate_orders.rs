//! What people order about gates: where they judge, which version serves, what is pinned.

use orch_gates::LibraryError;
use orch_views::gate::{EnableRequest, GateDone};

use crate::commands::CommandError;
use crate::wire::Engine;
use orch_config::{ExtraGate, GateGrants, HostConfig, Replaced};

fn done(gate: &str, message: String) -> GateDone {
    GateDone {
        gate: gate.to_owned(),
        message,
    }
}

fn refused(error: LibraryError) -> CommandError {
    match error {
        LibraryError::Folder { .. } => CommandError::Host(error.to_string()),
        LibraryError::NoVersion { .. } => CommandError::NotFound(error.to_string()),
        LibraryError::Load { .. } | LibraryError::Locked(_) => {
            CommandError::Conflict(error.to_string())
        }
    }
}

impl Engine {
    /// Goes back to a version of a gate that served before.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a version that is not kept.
    pub async fn gate_rollback(&self, name: &str, digest: &str) -> Result<GateDone, CommandError> {
        if digest.len() < 6 {
            let text = format!("`{digest}` is too short; give at least 6 digits of the digest");
            return Err(CommandError::Invalid(text));
        }
        let to = self
            .0
            .judges
            .library
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
    pub async fn gate_release(&self, name: &str) -> Result<GateDone, CommandError> {
        if self.0.judges.library.release(name).await {
            return Ok(done(name, format!("gate `{name}` judges again")));
        }
        Err(CommandError::Conflict(format!(
            "gate `{name}` is in no quarantine"
        )))
    }

    /// Pins every gate to the file that lies in the gates folder now.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the lock file cannot be written.
    pub async fn gate_lock(&self) -> Result<GateDone, CommandError> {
        let count = self.0.judges.library.lock().await.map_err(refused)?;
        let path = self.config().gates_lock().display().to_string();
        Ok(done("", format!("{count} gates are pinned in `{path}`")))
    }

    /// Names a gate in the configuration, so that it judges from now on.
    ///
    /// # Errors
    /// [`CommandError`] when the gate is not there, the configuration would not hold, or the file's form
    /// leaves no place to write the line; the text then has the line to add.
    pub async fn gate_enable(&self, request: EnableRequest) -> Result<GateDone, CommandError> {
        let extra = ExtraGate {
            gate: request.gate,
            stage: request.stage,
            repo: request.repo,
            mode: request.mode,
            settings: request.settings,
        };
        let registry = self.0.judges.runtime.snapshot();
        let gate = registry
            .judge(&extra.gate)
            .map_err(CommandError::NotFound)?;
        let config = self.config();
        if config.extra_gates.contains(&extra) {
            return Err(CommandError::Conflict(format!(
                "gate `{}` judges there already",
                extra.gate
            )));
        }
        let path = config.file.clone();
        let failed = |e: std::io::Error| CommandError::Host(format!("`{}`: {e}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let same = |e: &&ExtraGate| e.gate == extra.gate && e.repo == extra.repo;
        let text = match config.extra_gates.iter().find(same) {
            Some(before) => without_line(&text, before).ok_or_else(|| {
                CommandError::Conflict(format!(
                    "`extra_gates` in `{}` names `{}` already; change its line there",
                    path.display(),
                    extra.gate
                ))
            })?,
            None => text,
        };
        let next = with_line(&text, &extra);
        // Read again as a whole, so that a wrong guess about the file's form changes nothing.
        let parsed = HostConfig::parse(&path.display().to_string(), &next)
            .map_err(|e| CommandError::Invalid(e.to_string()))?;
        if parsed.extra_gates.last() != Some(&extra) && !parsed.extra_gates.contains(&extra) {
            let line = line_of(&extra);
            let text = format!(
                "`{}` has a form that cannot be edited; add under `extra_gates`:  {line}",
                path.display()
            );
            return Err(CommandError::Conflict(text));
        }
        orch_durable::replace(&path, next.as_bytes()).map_err(failed)?;
        let loaded = HostConfig::load(&path, |name| std::env::var(name).ok())
            .map_err(|e| CommandError::Host(e.to_string()))?;
        let on_repo = extra.repo.as_deref().unwrap_or_default();
        let grants = GateGrants::of(&loaded, on_repo, &extra.gate)
            .map_err(|e| CommandError::Invalid(e.to_string()))?;
        let replaced = self.0.config.replace(loaded);
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
                return Err(CommandError::Conflict(format!(
                    "`{}` has nothing under `{key}` any more, so it is not taken over; restart the host if that is meant",
                    path.display()
                )));
            }
        }
        match replaced {
            Replaced::Wholly => {}
            Replaced::RestartNeeded => message.push_str(
                "; other changes of the file come into force at the next start of the host",
            ),
            Replaced::Held(key) => {
                return Err(CommandError::Conflict(format!(
                    "`{}` has nothing under `{key}` any more, so it is not taken over; restart the host if that is meant",
                    path.display()
                )));
            }
        }
        if let Some(missing) = grants.missing(gate) {
            message = format!("{message}; but {missing}");
        }
        Ok(done(&extra.gate, message))
    }
}

/// The entry in one line of YAML, which is JSON.
fn line_of(extra: &ExtraGate) -> String {
    let mut map = serde_json::Map::new();
    map.insert("gate".to_owned(), extra.gate.clone().into());
    map.insert("stage".to_owned(), extra.stage.clone().into());
    if let Some(repo) = &extra.repo {
        map.insert("repo".to_owned(), repo.clone().into());
    }
    map.insert("mode".to_owned(), extra.mode.clone().into());
    if !extra.settings.is_empty() {
        map.insert("settings".to_owned(), extra.settings.clone().into());
    }
    format!("- {}", serde_json::Value::Object(map))
}

/// The text without an entry that was written by [`with_line`]; none if it stands there in another form.
fn without_line(text: &str, extra: &ExtraGate) -> Option<String> {
    if let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(text) {
        let list = map.get_mut("extra_gates")?.as_array_mut()?;
        let same = |v: &serde_json::Value| {
            serde_json::from_value::<ExtraGate>(v.clone()).is_ok_and(|v| v == *extra)
        };
        let at = list.iter().position(same)?;
        list.remove(at);
        return serde_json::to_string_pretty(&map).ok();
    }
    let line = line_of(extra);
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|l| l.trim() == line)?;
    let rest: Vec<&str> = [&lines[..at], &lines[at + 1..]].concat();
    Some(rest.join("\n") + "\n")
}

/// The text with the entry added, comments and order kept.
fn with_line(text: &str, extra: &ExtraGate) -> String {
    // A file in JSON, as programs write it, is written as JSON again.
    if let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(text) {
        let list = map
            .entry("extra_gates")
            .or_insert_with(|| serde_json::json!([]));
        if let (Some(list), Ok(value)) = (list.as_array_mut(), serde_json::to_value(extra)) {
            list.push(value);
        }
        return serde_json::to_string_pretty(&map).unwrap_or_default() + "\n";
    }
    let line = line_of(extra);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = lines.iter().position(|l| l.trim_end() == "extra_gates:");
    match at {
        Some(at) => {
            // As deep as the entries that are there.
            let next = lines
                .get(at + 1)
                .filter(|l| l.trim_start().starts_with("- "));
            let indent = next.map_or(2, |l| l.len() - l.trim_start().len());
            lines.insert(at + 1, format!("{}{line}", " ".repeat(indent)));
        }
        None => {
            lines.push("extra_gates:".to_owned());
            lines.push(format!("  {line}"));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(gate: &str) -> ExtraGate {
        ExtraGate {
            gate: gate.to_owned(),
            stage: "review".to_owned(),
            repo: Some("shop".to_owned()),
            mode: "advise".to_owned(),
            settings: serde_json::Map::new(),
        }
    }

    #[test]
    fn entry_that_is_enabled_anew_stands_there_once() {
        let shop = "repositories: {shop: {path: shop.git}}";
        for text in [
            format!("# ours\n{shop}\n"),
            r#"{"repositories": {"shop": {"path": "shop.git"}}}"#.to_owned(),
        ] {
            let first = with_line(&text, &extra("mine"));
            let bare = without_line(&first, &extra("mine")).expect("it is found");
            let enforced = ExtraGate {
                mode: "enforce".to_owned(),
                ..extra("mine")
            };
            let next = with_line(&bare, &enforced);
            let config = HostConfig::parse("orch.yaml", &next).expect("it parses");
            assert_eq!(config.extra_gates, [enforced], "{next}");
        }
        let by_hand = format!("{shop}\nextra_gates:\n- gate: mine\n  stage: review\n");
        assert_eq!(without_line(&by_hand, &extra("mine")), None);
    }

    #[test]
    fn line_is_added_and_everything_else_stays() {
        let shop = "repositories: {shop: {path: shop.git}}";
        for text in [
            format!("# ours\n{shop}\n"),
            format!("{shop}\nextra_gates:\n  - {{gate: other, stage: review}}\n# end\n"),
            format!("{shop}\nextra_gates:\n- gate: other\n  stage: review\n"),
            r#"{"repositories": {"shop": {"path": "shop.git"}}}"#.to_owned(),
        ] {
            let next = with_line(&text, &extra("mine"));
            let config =
                HostConfig::parse("orch.yaml", &next).unwrap_or_else(|e| panic!("{e}\n{next}"));
            assert!(config.extra_gates.contains(&extra("mine")), "{next}");
            assert_eq!(
                config.extra_gates.len(),
                1 + usize::from(text.contains("other"))
            );
            for comment in ["# ours", "# end"] {
                assert_eq!(text.contains(comment), next.contains(comment), "{next}");
            }
        }
    }
}
