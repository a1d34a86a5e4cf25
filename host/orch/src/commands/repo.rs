//! Repositories: listed, checked, added and removed.

use std::path::Path;

use anyhow::{Context, bail};
use orch_config::HostConfig;
use orch_views::message::Nothing;
use orch_views::page::ListRequest;
use orch_views::repository;
use orch_views::task;

use crate::cli::{Repo, RepoAdd};
use crate::client::{Host, Unborn, load_config};
use crate::init;
use crate::show::{self, out, print};

/// Exit code 1 if a base does not pass.
pub(crate) async fn run(file: &Path, verb: Repo, json: bool) -> anyhow::Result<u8> {
    match verb {
        Repo::List(part) => {
            let host = Host::find_or(file, Unborn::Make).await?;
            let list = host.ask(&repository::LIST, [], &part.page()).await?;
            print(json, &list, show::repository::list)?;
        }
        Repo::Check { name } => {
            let host = Host::find_or(file, Unborn::Make).await?;
            let view = host.ask(&repository::CHECK, [&name], &Nothing {}).await?;
            print(json, &view, show::repository::base)?;
            return Ok(u8::from(view.problem.is_some()));
        }
        Repo::Add(add) => return init::add(file, add_of(add), json).await,
        Repo::Remove { name } => remove(file, &name).await?,
    }
    Ok(0)
}

fn add_of(add: RepoAdd) -> init::Adding {
    init::Adding {
        project: add.project,
        name: add.name,
        base: add.base,
        setup: add.setup,
        test: add.test,
        commit: add.commit,
    }
}

/// Takes the lines of a repository out of the configuration, unless a task of it is under way.
async fn remove(file: &Path, name: &str) -> anyhow::Result<()> {
    let config = load_config(file)?;
    if !config.repositories.contains_key(name) {
        let known: Vec<&str> = config.repositories.keys().map(String::as_str).collect();
        bail!(
            "no repository `{name}`; registered are: {}",
            known.join(", ")
        );
    }
    if config.repositories.len() == 1 {
        bail!(
            "`{name}` is the only repository: a host without any is none; stop it, and remove its folder"
        );
    }
    let host = Host::find_or(file, Unborn::Make).await?;
    let mut after = None;
    loop {
        let request = ListRequest {
            all: false,
            limit: None,
            after,
        };
        let page = host.ask(&task::LIST, [], &request).await?;
        if let Some(task) = page.items.iter().find(|task| task.repo == name) {
            bail!(
                "{} of `{name}` is under way; let it end, or stop it with `orch task stop {name}:{}`",
                task.work_item,
                task.work_item
            );
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}`", file.display()))?;
    let Some(next) = init::edit::without(&text, name) else {
        bail!(
            "`repositories.{name}` of `{}` stands in a form that is not edited here; take it out by hand",
            file.display()
        );
    };
    HostConfig::parse(&file.display().to_string(), &next)?;
    init::edit::replace(file, &next)?;
    out(&format!(
        "`{name}` is taken out; its repository and the host's mirror are left as they are\n"
    ))
}
