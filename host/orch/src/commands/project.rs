//! `orch project add`: takes a repository of a forge on, in steps each of which is left out if it is done.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context, bail};
use orch_config::{ForgePlace, HostConfig};
use orch_domain::id::{DoorName, RepoName};
use serde::Serialize;
use serde_json::{Value, json};

use super::{tracker, webhook};
use crate::cli::edges::{Project, ProjectAdd};
use crate::client::load_config;
use crate::init::edit;
use crate::setup::Servers;
use crate::show::{plain, print};

/// Bytes of a webhook's secret.
const SECRET_BYTES: usize = 32;

#[derive(Debug, Serialize)]
struct Added {
    name: String,
    /// What was done, step by step.
    done: Vec<String>,
    /// What a person has to do.
    left: Vec<String>,
}

pub(crate) async fn run(file: &Path, verb: Project, json: bool) -> anyhow::Result<()> {
    let Project::Add(add) = verb;
    let added = project(file, &add).await?;
    print(json, &added, |added| {
        let mut text = String::new();
        for done in &added.done {
            text += &format!("{done}\n");
        }
        for left in &added.left {
            text += &format!("left to do: {left}\n");
        }
        plain::block(&text)
    })
}

async fn project(file: &Path, add: &ProjectAdd) -> anyhow::Result<Added> {
    let name = RepoName::new(add.name.clone())?.to_string();
    let (mut done, mut left) = (Vec::new(), Vec::new());
    let config = load_config(file)?;
    let servers = Servers::of(&config)?;
    let server = servers.get(&add.forge)?;
    let found = server.look_at(&add.repo).await.with_context(|| {
        format!(
            "`{}` cannot be looked at on forge `{}`; correct --repo, or give the user of the token access",
            add.repo, add.forge
        )
    })?;
    if !found.obstacles.is_empty() {
        bail!("`{}`: {}", found.full_name, found.obstacles.join("; "));
    }
    let base = add.base.clone().unwrap_or(found.default_branch);
    done.push(format!(
        "`{}` is there, its base is `{base}`",
        found.full_name
    ));
    match config.repositories.get(&name).map(|there| &there.forge) {
        None => {
            let prefix = add.prefix.clone().unwrap_or_else(|| name.to_uppercase());
            let entry = json!({"forge": {"name": add.forge, "repo": found.full_name}, "base": base, "prefix": prefix});
            let written = edit::put(file, "repositories", &name, &entry)?;
            done.push(format!("`{name}` is written to {written}"));
        }
        Some(ForgePlace::On(place))
            if place.name == add.forge && place.repo.eq_ignore_ascii_case(&found.full_name) =>
        {
            done.push(format!("`{name}` is registered already"));
        }
        Some(_) => {
            bail!("there is another repository `{name}` already; choose another name")
        }
    }
    if let Some(address) = &add.reached_at {
        hook(file, add, &name, address, (&mut done, &mut left)).await?;
    }
    if let Some(issues) = &add.issues {
        done.push(own_issues(file, add, &name, issues)?);
    }
    if let Some(plane) = &add.plane {
        let (tracker, identifier) = plane
            .split_once(':')
            .with_context(|| format!("`{plane}` is not of the form TRACKER:IDENTIFIER"))?;
        let said = tracker::add_project(file, tracker, identifier, &name, add.create).await?;
        done.extend(said);
    }
    left.push(format!(
        "restart the host if it runs, then `orch repo check {name}` tests its base"
    ));
    Ok(Added { name, done, left })
}

/// Writes the webhook down, makes its secret, and registers it.
async fn hook(
    file: &Path,
    add: &ProjectAdd,
    name: &str,
    address: &str,
    (done, left): (&mut Vec<String>, &mut Vec<String>),
) -> anyhow::Result<()> {
    let own = DoorName::new(add.webhook.clone())?.to_string();
    let url = format!("{}/webhook/{own}", address.trim_end_matches('/'));
    let config = load_config(file)?;
    let entry = match config.webhooks.get(&own) {
        Some(there) if there.repositories.iter().any(|repo| repo == name) => None,
        Some(there) => {
            let mut entry = serde_json::to_value(there)?;
            let list = entry["repositories"].as_array_mut();
            list.context("a webhook has repositories")?
                .push(Value::from(name));
            if there.url.is_none() {
                entry["url"] = Value::from(url);
            }
            Some(entry)
        }
        None => {
            let folder = std::path::absolute(file)?;
            let folder = folder.parent().unwrap_or(Path::new("/"));
            let secret = format!("{own}-webhook.secret");
            if make_secret(&folder.join(&secret))? {
                done.push(format!("a secret is made in `{secret}`"));
            }
            Some(
                json!({"kind": "gitea", "url": url, "secrets": [{"file": secret}], "repositories": [name]}),
            )
        }
    };
    match entry {
        Some(entry) => {
            let written = edit::put(file, "webhooks", &own, &entry)?;
            done.push(format!("webhook `{own}` is written to {written}"));
        }
        None => done.push(format!("webhook `{own}` speaks for it already")),
    }
    let config = load_config(file)?;
    match webhook::register(&config, &own, &add.admin).await {
        Ok(views) => done.push(webhook::text(&views)),
        Err(error) => left.push(format!("{error:#}")),
    }
    if config.http.listen.is_none() {
        left.push(
            "`http.listen` in orch.yaml says where the host takes webhooks, such as 0.0.0.0:8420"
                .to_owned(),
        );
    }
    Ok(())
}

/// A secret that nobody has to think of; false if there is one.
fn make_secret(path: &Path) -> anyhow::Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    let shown = path.display();
    let mut bytes = [0_u8; SECRET_BYTES];
    let mut random = std::fs::File::open("/dev/urandom").context("`/dev/urandom`")?;
    std::io::Read::read_exact(&mut random, &mut bytes).context("`/dev/urandom`")?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let made = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut made = made.with_context(|| format!("`{shown}` cannot be made"))?;
    made.write_all(format!("{text}\n").as_bytes())
        .with_context(|| format!("`{shown}`"))?;
    Ok(true)
}

/// Has the repository's own issues begin tasks; says what was done.
fn own_issues(file: &Path, add: &ProjectAdd, name: &str, tracker: &str) -> anyhow::Result<String> {
    let config: HostConfig = load_config(file)?;
    let prefix = config
        .repositories
        .get(name)
        .and_then(|repo| repo.prefix.clone())
        .unwrap_or_else(|| name.to_uppercase());
    let prefix = add.prefix.clone().unwrap_or(prefix);
    let mut entry = match config.trackers.get(tracker) {
        None => json!({"issues": {"forge": add.forge, "repositories": {}}}),
        Some(there) => match &there.issues {
            Some(issues) if issues.repositories.contains_key(name) => {
                return Ok(format!("its issues are in tracker `{tracker}` already"));
            }
            Some(issues) if issues.forge == add.forge => serde_json::to_value(there)?,
            Some(_) | None => {
                bail!("there is another tracker `{tracker}` already; choose another name")
            }
        },
    };
    entry["issues"]["repositories"][name] = Value::from(prefix);
    let written = edit::put(file, "trackers", tracker, &entry)?;
    Ok(format!(
        "its issues are tracker `{tracker}`, written to {written}: the label `orch/start`, or an assignment to the host's \
         user, begins a task"
    ))
}
