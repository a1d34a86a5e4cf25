//! Which webhooks are taken, made from what `orch.yaml` says of them?

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use orch_clients::SecretPlace;
use orch_clients::gitea::Places;
use orch_clients::webhook::{SpeaksFor, Webhook, WebhookKind};
use orch_config::{ForgePlace, HostConfig, SecretFrom, WebhookConfig};
use orch_domain::id::{DoorName, RepoName};
use orch_domain::port::webhook::WebhookSource;

/// The sources of this configuration. A secret that is not there keeps the host from starting: every delivery would
/// be refused, and nobody would send it again.
pub(super) fn sources(
    config: &HostConfig,
    places: &Places,
) -> anyhow::Result<BTreeMap<DoorName, Arc<dyn WebhookSource>>> {
    let mut sources = BTreeMap::new();
    for (name, webhook) in &config.webhooks {
        let place = format!("webhooks.{name}");
        let secrets: Vec<SecretPlace> = webhook.secrets.iter().map(secret).collect();
        for secret in &secrets {
            let read = secret.check();
            read.with_context(|| format!("a secret of `{place}` in orch.yaml is not there"))?;
        }
        let kind = match webhook.kind {
            orch_config::WebhookKind::Gitea => WebhookKind::Gitea,
            orch_config::WebhookKind::Plane => WebhookKind::Plane,
            orch_config::WebhookKind::Generic => WebhookKind::Generic,
        };
        let source = Webhook::new(kind, secrets, speaks_for(config, webhook, places)?);
        let source: Arc<dyn WebhookSource> = Arc::new(source);
        sources.insert(DoorName::new(name.clone())?, source);
    }
    Ok(sources)
}

fn speaks_for(
    config: &HostConfig,
    webhook: &WebhookConfig,
    places: &Places,
) -> anyhow::Result<SpeaksFor> {
    let mut repositories = BTreeMap::new();
    for repo in &webhook.repositories {
        let name = RepoName::new(repo.clone())?;
        // A source knows a repository by its place on the forge, or by the name that it was told.
        let place = match config.repositories.get(repo).map(|r| &r.forge) {
            Some(ForgePlace::On(place)) => place.repo.to_lowercase(),
            Some(ForgePlace::Local) | None => repo.to_lowercase(),
        };
        repositories.insert(repo.to_lowercase(), name.clone());
        repositories.insert(place, name);
    }
    let tracker = webhook.tracker.clone().map(DoorName::new).transpose()?;
    Ok(SpeaksFor {
        repositories,
        places: places.clone(),
        tracker,
        projects: webhook.projects.clone(),
    })
}

/// Where a credential is.
pub(crate) fn secret(from: &SecretFrom) -> SecretPlace {
    match (&from.file, &from.env) {
        (Some(file), _) => SecretPlace::File(file.clone()),
        (None, env) => SecretPlace::Env(env.clone().unwrap_or_default()),
    }
}
