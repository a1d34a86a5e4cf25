//! `orch webhook`: made, repaired and looked at where they are registered.

use std::path::Path;

use anyhow::{Context, bail};
use orch_clients::gitea::{GiteaServer, WantedHook};
use orch_config::{ForgePlace, HostConfig, SecretFrom, WebhookConfig, WebhookKind};
use orch_domain::port::webhook::Registered;
use serde::Serialize;

use crate::cli::edges::{Admin, Webhook};
use crate::client::load_config;
use crate::setup::{Servers, secret, server};
use crate::show::{plain, print};

/// What became of the webhook of a repository, or how it is.
#[derive(Debug, Serialize)]
pub(crate) struct HookView {
    webhook: String,
    repo: String,
    /// Whether it tells what it should, as far as can be seen.
    is_well: bool,
    /// What was done, or what is wrong.
    says: Vec<String>,
}

/// Exit code 1 if one does not tell what it should.
pub(crate) async fn run(file: &Path, verb: Webhook, json: bool) -> anyhow::Result<u8> {
    let config = load_config(file)?;
    let views = match verb {
        Webhook::Register(asked) => register(&config, &asked.name, &asked.admin).await?,
        Webhook::Check { name } => check(&config, name.as_deref()).await?,
    };
    let is_well = views.iter().all(|view| view.is_well);
    print(json, &views, |views| text(views))?;
    Ok(u8::from(!is_well))
}

pub(crate) fn text(views: &[HookView]) -> String {
    let lines = views.iter().map(|view| {
        let says = view.says.join("; ");
        plain::block(&format!(
            "webhook `{}` of `{}`: {says}",
            view.webhook, view.repo
        ))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn named<'a>(config: &'a HostConfig, name: &str) -> anyhow::Result<&'a WebhookConfig> {
    config.webhooks.get(name).with_context(|| {
        let known: Vec<&str> = config.webhooks.keys().map(String::as_str).collect();
        format!(
            "there is no webhook `{name}` in orch.yaml; there are: {}. `orch project add` makes one",
            known.join(", ")
        )
    })
}

/// Registers a webhook at the forge of each of its repositories.
pub(crate) async fn register(
    config: &HostConfig,
    name: &str,
    admin: &Admin,
) -> anyhow::Result<Vec<HookView>> {
    let webhook = named(config, name)?;
    if webhook.kind != WebhookKind::Gitea {
        bail!(
            "webhook `{name}` is not one of a Gitea or Forgejo server; register it by hand, as docs/operators says"
        );
    }
    let url = webhook.url.clone().with_context(|| {
        format!(
            "`webhooks.{name}.url` is missing: say where the forge reaches this host, such as https://orch.example.org/webhook/{name}"
        )
    })?;
    let Some(first) = webhook.secrets.first() else {
        bail!("`webhooks.{name}` has no secret; name one under `secrets`");
    };
    let wanted = WantedHook {
        url,
        secret: secret(first),
    };
    let mut views = Vec::new();
    for repo in &webhook.repositories {
        let Some((forge, place)) = on_forge(config, repo) else {
            continue;
        };
        let server = as_admin(config, forge, admin)?;
        let done = server.register_hook(place, &wanted).await.with_context(|| {
            "the webhook is not registered; an administrator of the repository may do it: `--admin-token-file FILE`"
        })?;
        let what = match (done.is_new, done.mended.is_empty()) {
            (true, _) => "registered".to_owned(),
            (false, true) => "is as it should be".to_owned(),
            (false, false) => format!("repaired: {}", done.mended.join("; ")),
        };
        views.push(HookView {
            webhook: name.to_owned(),
            repo: repo.clone(),
            is_well: true,
            says: [vec![what], done.notes].concat(),
        });
    }
    if views.is_empty() {
        bail!("webhook `{name}` speaks for no repository of a forge");
    }
    Ok(views)
}

async fn check(config: &HostConfig, name: Option<&str>) -> anyhow::Result<Vec<HookView>> {
    if let Some(name) = name {
        named(config, name)?;
    }
    let servers = Servers::of(config)?;
    let mut views = Vec::new();
    for (own, webhook) in &config.webhooks {
        if name.is_some_and(|name| name != own) {
            continue;
        }
        let url = webhook.url.as_deref();
        for repo in &webhook.repositories {
            let Some((forge, place)) = on_forge(config, repo) else {
                continue;
            };
            let registered = match url {
                Some(url) => servers.get(forge)?.registered(place, url).await?,
                None => Registered::Hidden {
                    why: format!(
                        "`webhooks.{own}.url` does not say where the forge reaches this host"
                    ),
                },
            };
            let repair = format!("`orch webhook register {own}` mends it");
            let (is_well, says) = match registered {
                Registered::Fine => (true, "tells what it should".to_owned()),
                Registered::Hidden { why } => (true, format!("cannot be seen: {why}")),
                Registered::Missing => (false, format!("is not registered; {repair}")),
                Registered::Off => (false, format!("is switched off; {repair}")),
                Registered::Short { missing } => (
                    false,
                    format!("does not tell of {}; {repair}", missing.join(", ")),
                ),
            };
            views.push(HookView {
                webhook: own.clone(),
                repo: repo.clone(),
                is_well,
                says: vec![says],
            });
        }
    }
    Ok(views)
}

/// Forge and place of a repository that lies on one.
fn on_forge<'a>(config: &'a HostConfig, repo: &str) -> Option<(&'a str, &'a str)> {
    match &config.repositories.get(repo)?.forge {
        ForgePlace::On(place) => Some((&place.name, &place.repo)),
        ForgePlace::Local => None,
    }
}

/// The server of a forge, asked with the administrator's token if one is given.
fn as_admin(config: &HostConfig, forge: &str, admin: &Admin) -> anyhow::Result<GiteaServer> {
    let there = config.forges.get(forge);
    let mut there = there
        .cloned()
        .with_context(|| format!("there is no forge `{forge}` in orch.yaml"))?;
    let given = SecretFrom {
        file: admin
            .admin_token_file
            .as_deref()
            .map(std::path::absolute)
            .transpose()?,
        env: admin.admin_token_env.clone(),
    };
    if given != SecretFrom::default() {
        let read = secret(&given).check();
        read.context("the token of the administrator is not there")?;
        there.token = given;
    }
    server(forge, &there)
}
