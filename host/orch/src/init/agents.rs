//! Which coding agents are installed here, and how is each of them started?

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use orch_process::resolve_program;
use serde::Deserialize;

/// An agent that is known by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    name: String,
    /// As it stands in `orch.yaml`.
    config: serde_json::Map<String, serde_json::Value>,
    /// Variable of its key.
    credential: String,
    /// Command that logs it in.
    login: String,
}

/// An agent that the host is to have.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) config: serde_json::Map<String, serde_json::Value>,
    /// How it logs in, if nothing says that it is logged in.
    pub(crate) login: Option<String>,
    /// Whether it is a program of somebody's own, which may know no roles.
    pub(crate) is_script: bool,
}

impl Agent {
    /// Whether nothing is left to do before it can start.
    pub(crate) fn is_ready(&self) -> bool {
        self.login.is_none()
    }

    /// Its home below the folder of the configuration, if it has one there.
    pub(crate) fn home_in(&self, folder: &Path) -> Option<PathBuf> {
        let home = self.config.get("home")?.as_str()?;
        Some(folder.join(home))
    }
}

fn known() -> Vec<Known> {
    serde_yaml::from_str(include_str!("agents.yaml")).expect("a test reads the table")
}

/// The agents that were asked for, or those that are installed.
pub(crate) fn chosen(asked: &[String]) -> anyhow::Result<Vec<Agent>> {
    if !asked.is_empty() {
        return asked.iter().map(|text| one(text)).collect();
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let known = known();
    let installed = known.iter().filter(|k| {
        let program = k.config.get("program").and_then(|p| p.as_str());
        program.is_some_and(|p| resolve_program(Path::new(p), &path).is_ok())
    });
    Ok(installed.map(of_known).collect())
}

fn one(text: &str) -> anyhow::Result<Agent> {
    if let Some(program) = text.strip_prefix("command:") {
        let path = std::fs::canonicalize(program)
            .with_context(|| format!("the agent `{program}`; name a program by its path"))?;
        let config =
            serde_json::json!({"driver": "command", "program": path, "result": "exit-code"});
        let serde_json::Value::Object(config) = config else {
            bail!("an object was made");
        };
        return Ok(Agent {
            name: "script".to_owned(),
            config,
            login: None,
            is_script: true,
        });
    }
    let known = known();
    let Some(found) = known.iter().find(|k| k.name == text) else {
        let names: Vec<&str> = known.iter().map(|k| k.name.as_str()).collect();
        bail!(
            "no agent `{text}` is known; use {}, or `command:PATH` for a program of your own",
            names.join(", ")
        );
    };
    Ok(of_known(found))
}

fn of_known(known: &Known) -> Agent {
    let mut config = known.config.clone();
    let has_key = std::env::var_os(&known.credential).is_some_and(|key| !key.is_empty());
    let login = if has_key {
        config.insert("credential_env".to_owned(), known.credential.clone().into());
        None
    } else {
        // A login lies in a home; one of its own keeps the person's out of the agent's sight.
        let home = format!("{}-home", known.name);
        config.insert("home".to_owned(), home.into());
        Some(known.login.clone())
    };
    Agent {
        name: known.name.clone(),
        config,
        login,
        is_script: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_agent_is_one_that_a_host_takes() {
        for known in known() {
            let agent = of_known(&known);
            let text = serde_json::json!({
                "agents": {agent.name.clone(): agent.config},
                "roles": {"default": {"agent": agent.name}},
            });
            let read = orch_config::HostConfig::parse("orch.yaml", &text.to_string());
            assert!(read.is_ok(), "{text}: {}", read.unwrap_err());
        }
    }

    #[test]
    fn agent_that_nobody_knows_is_refused_with_those_that_are_known() {
        let refused = chosen(&["cluade".to_owned()]).unwrap_err().to_string();
        assert!(
            refused.contains("claude, codex, gemini, opencode"),
            "{refused}"
        );
    }
}
