//! The configuration: checked, and shown as it applies.

use std::path::Path;

use anyhow::Context;
use orch_config::HostConfig;
use orch_engine::Paths;
use orch_views::message::Nothing;
use orch_views::repository::{self, PipelineView};
use serde::Serialize;

use crate::cli::Config;
use crate::client::{Host, engine, load_config};
use crate::show::{out, plain, print, repository as text};

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    /// Whether a task of each repository can come to its end.
    usable: bool,
    repositories: Vec<PipelineView>,
}

/// Exit code 1 if something can never work.
pub(crate) async fn run(file: &Path, verb: Config, json: bool) -> anyhow::Result<u8> {
    let config = load_config(file)?;
    match verb {
        Config::Show {
            sources,
            repo: None,
        } => show(&config, sources, json).map(|()| 0),
        Config::Show {
            repo: Some(repo), ..
        } => {
            let view = looked_at(config, Some(&repo)).await?.swap_remove(0);
            print(json, &view, text::pipeline).map(|()| 0)
        }
        Config::Check => check(config, json).await,
    }
}

/// A host that runs is asked; else everything is looked at here, agents too.
async fn check(config: HostConfig, json: bool) -> anyhow::Result<u8> {
    let socket = Paths::below(config.data_dir()).socket();
    if Host::at(&socket).await.is_none() {
        let scratch = tempfile::tempdir().context("a folder for the check")?;
        let host = engine(looking(config, scratch.path())).await?;
        let lines = host.api.configuration.check().await?;
        print(json, &lines, |lines| {
            plain::block(&format!(
                "the configuration can be used\n{}",
                lines.join("\n")
            ))
        })?;
        return Ok(0);
    }
    let repositories = looked_at(config, None).await?;
    let usable = repositories.iter().all(|view| view.problems.is_empty());
    let checked = Checked {
        usable,
        repositories,
    };
    if usable || json {
        print(json, &checked, |c| text::checked(&c.repositories))?;
    } else {
        eprintln!("{}", text::checked(&checked.repositories).trim_end());
    }
    Ok(u8::from(!usable))
}

/// A check makes nothing that stays: where no host has run yet it looks from a folder of its own.
fn looking(config: HostConfig, scratch: &Path) -> HostConfig {
    if config.data_dir().exists() {
        return config;
    }
    HostConfig {
        data: Some(scratch.join("data")),
        ..config
    }
}

fn show(config: &HostConfig, sources: bool, json: bool) -> anyhow::Result<()> {
    let mut view = serde_json::to_value(config)?;
    if sources {
        view["sources"] = serde_json::to_value(&config.sources)?;
    }
    if json {
        return print(json, &view, |_| String::new());
    }
    out(&plain::block(&serde_yaml::to_string(&view)?))
}

/// The pipelines of one repository or of all, as a host of this configuration has them.
async fn looked_at(config: HostConfig, only: Option<&str>) -> anyhow::Result<Vec<PipelineView>> {
    let names: Vec<String> = match only {
        Some(name) => vec![name.to_owned()],
        None => config.repositories.keys().cloned().collect(),
    };
    let socket = Paths::below(config.data_dir()).socket();
    let scratch = tempfile::tempdir().context("a folder for the check")?;
    let host = match Host::at(&socket).await {
        Some(host) => host,
        None => Host::opened(looking(config, scratch.path())).await?,
    };
    let mut views = Vec::new();
    for name in names {
        views.push(
            host.ask(&repository::PIPELINE, [&name], &Nothing {})
                .await?,
        );
    }
    Ok(views)
}
