//! `orch forge add`: writes a server down after it took the token.

use std::path::Path;

use anyhow::bail;
use orch_config::{ForgeConfig, ForgeKind, SecretFrom, SshConfig};
use orch_domain::id::DoorName;
use serde::Serialize;
use serde_json::json;

use crate::cli::edges::{Forge, ForgeAdd};
use crate::client::load_config;
use crate::init::{agents, edit, write};
use crate::setup;
use crate::show::{plain, print};

#[derive(Debug, Serialize)]
struct Added {
    forge: String,
    user: String,
    written: Option<String>,
}

pub(crate) async fn run(file: &Path, verb: Forge, json: bool) -> anyhow::Result<()> {
    let Forge::Add(add) = verb;
    let added = forge(file, add).await?;
    print(json, &added, |added| {
        let text = format!(
            "`{}` takes the token of `{}`\n{}",
            added.forge,
            added.user,
            match &added.written {
                Some(file) =>
                    format!("written to {file}; `orch project add` takes a repository on"),
                None => "it is written down already".to_owned(),
            }
        );
        plain::block(&text)
    })
}

/// Writes the configuration of a host that is only now set up.
fn begin(file: &Path) -> anyhow::Result<()> {
    let text = write::beginning(&agents::chosen(&[])?, &write::Scanners::find());
    edit::replace(file, &text)
}

async fn forge(file: &Path, add: ForgeAdd) -> anyhow::Result<Added> {
    let is_new = !file.exists();
    if is_new {
        begin(file)?;
    }
    let added = added(file, add).await;
    if is_new && added.is_err() {
        // What could not be finished leaves nothing behind.
        std::fs::remove_file(file)?;
    }
    added
}

async fn added(file: &Path, add: ForgeAdd) -> anyhow::Result<Added> {
    let config = load_config(file)?;
    let name = DoorName::new(add.name)?;
    let token = SecretFrom {
        file: add.token_file,
        env: add.token_env,
    };
    let wanted = ForgeConfig {
        kind: ForgeKind::Gitea,
        url: add.url.trim_end_matches('/').to_owned(),
        token: SecretFrom {
            file: token.file.as_deref().map(std::path::absolute).transpose()?,
            env: token.env,
        },
        ca: add.ca.as_deref().map(std::path::absolute).transpose()?,
        ssh: match (add.ssh_url, add.ssh_key, add.ssh_known_hosts) {
            (Some(url), Some(key), Some(known_hosts)) => Some(SshConfig {
                url,
                key: std::path::absolute(key)?,
                known_hosts: std::path::absolute(known_hosts)?,
            }),
            _ => None,
        },
    };
    let user = setup::server(name.as_str(), &wanted)?.whose().await?;
    for source in ["gitea", "forgejo", name.as_str()] {
        let source = DoorName::new(source)?;
        if let Some((person, _)) = config.person_of_account(&source, &user.id.to_string()) {
            bail!(
                "the token belongs to `{}`, who is `{person}` here: Orch could not tell its own words from theirs; make \
                 a user of its own for Orch on the server, and use a token of that one",
                user.login
            );
        }
    }
    let forge = name.to_string();
    if let Some(there) = config.forges.get(&forge) {
        if there.url.trim_end_matches('/') != wanted.url {
            bail!(
                "there is a forge `{forge}` already, at {}; choose another name",
                there.url
            );
        }
        return Ok(Added {
            forge,
            user: user.login,
            written: None,
        });
    }
    let token = match (&wanted.token.file, &wanted.token.env) {
        (Some(file), _) => json!({"file": file}),
        (None, env) => json!({"env": env}),
    };
    let mut entry = json!({"url": wanted.url, "token": token});
    if let Some(ca) = &wanted.ca {
        entry["ca"] = json!(ca);
    }
    if let Some(ssh) = &wanted.ssh {
        entry["ssh"] = json!({"url": ssh.url, "key": ssh.key, "known_hosts": ssh.known_hosts});
    }
    let written = edit::put(file, "forges", &forge, &entry)?;
    Ok(Added {
        forge,
        user: user.login,
        written: Some(written),
    })
}
