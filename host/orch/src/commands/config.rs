//! The configuration: checked, and shown as it applies.

use std::path::Path;

use anyhow::Context;
use orch_config::HostConfig;
use orch_engine::Paths;

use crate::cli::Config;
use crate::client::{Host, load_config};
use crate::setup::setup;
use crate::show::{out, plain, print};

pub(crate) async fn run(file: &Path, verb: Config, json: bool) -> anyhow::Result<()> {
    let config = load_config(file)?;
    match verb {
        Config::Show { sources } => show(&config, sources, json),
        Config::Check => check(config, json).await,
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

async fn check(config: HostConfig, json: bool) -> anyhow::Result<()> {
    let socket = Paths::below(config.data_dir()).socket();
    if Host::at(&socket).await.is_some() {
        let said = "orch.yaml is valid; the host is running, so repositories are not looked at";
        return print(json, &[said], |lines| lines[0].to_owned());
    }
    // A check makes nothing that stays: where no host has run yet it looks from a folder of its own.
    let scratch = tempfile::tempdir().context("a folder for the check")?;
    let config = if config.data_dir().exists() {
        config
    } else {
        HostConfig {
            data: Some(scratch.path().join("data")),
            ..config
        }
    };
    let host = orch_engine::Host::open(setup(config)?).await?;
    let lines = host.configuration.check().await?;
    print(json, &lines, |lines| {
        plain::block(&format!(
            "the configuration can be used\n{}",
            lines.join("\n")
        ))
    })
}
