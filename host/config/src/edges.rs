//! Do forges, repositories and webhooks fit together?

use std::collections::BTreeMap;

use orch_domain::id::DoorName;

use crate::forges::{ForgePlace, SshConfig};
use crate::host::HostConfig;
use crate::strict::{ConfigError, nearest};
use crate::webhooks::{WebhookConfig, WebhookKind};

/// Refuses what could never work.
pub(crate) fn check(config: &HostConfig, file: &str) -> Result<(), ConfigError> {
    check_forges(config, file)?;
    check_webhooks(config, file)
}

fn check_forges(config: &HostConfig, file: &str) -> Result<(), ConfigError> {
    for (name, forge) in &config.forges {
        let place = format!("forges.{name}");
        let refuse = |what: &str| Err(ConfigError::invalid(file, &place, what));
        if let Err(error) = DoorName::new(name.clone()) {
            return refuse(&error.to_string());
        }
        let rest = forge.url.strip_prefix("https://");
        let rest = rest.or_else(|| forge.url.strip_prefix("http://"));
        match rest {
            None => return refuse("`url` begins with `https://` or `http://`"),
            Some(rest) if rest.is_empty() || rest.contains(['@', '?', '#', ' ']) => {
                return refuse(
                    "`url` is an address without user, question mark and fragment; the token has a key of its own",
                );
            }
            Some(_) => {}
        }
        if let Some(ssh) = &forge.ssh {
            check_ssh(ssh, file, &format!("{place}.ssh"))?;
        }
        forge.token.check(file, &format!("{place}.token"))?;
    }
    for (name, repository) in &config.repositories {
        let place = format!("repositories.{name}");
        let refuse = |what: String| Err(ConfigError::invalid(file, &place, what));
        let remote = match (&repository.forge, &repository.path) {
            (ForgePlace::Local, Some(_)) => continue,
            (ForgePlace::Local, None) => {
                return refuse("give the `path` of its bare repository, or its `forge`".to_owned());
            }
            (ForgePlace::On(_), Some(_)) => {
                return refuse("it lies on a forge; remove its `path`".to_owned());
            }
            (ForgePlace::On(remote), None) => remote,
        };
        if !config.forges.contains_key(&remote.name) {
            let known: Vec<&str> = config.forges.keys().map(String::as_str).collect();
            let near = nearest(&remote.name, &known);
            let near = near.map(|near| format!("; did you mean `{near}`?"));
            return refuse(format!(
                "there is no forge `{}`{}",
                remote.name,
                near.unwrap_or_else(|| "; add it under `forges`".to_owned())
            ));
        }
        let is_part = |part: &str| {
            let is_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty() && part != "." && part != ".." && part.chars().all(is_char)
        };
        let parts: Vec<&str> = remote.repo.split('/').collect();
        if parts.len() != 2 || !parts.iter().all(|part| is_part(part)) {
            return refuse(format!(
                "`{}` names no repository of a forge; write OWNER/NAME",
                remote.repo
            ));
        }
    }
    Ok(())
}

fn check_ssh(ssh: &SshConfig, file: &str, place: &str) -> Result<(), ConfigError> {
    let refuse = |what: String| Err(ConfigError::invalid(file, place, what));
    let is_char = |c: char| c.is_ascii_alphanumeric() || "-_.@:/[]".contains(c);
    let rest = ssh.url.strip_prefix("ssh://").unwrap_or_default();
    let is_named = rest.split_once('@').is_some_and(|(user, server)| {
        !user.starts_with('-') && !server.is_empty() && !server.starts_with('-')
    });
    if !is_named || !rest.chars().all(is_char) {
        return refuse(
            "`url` is an address with a user, such as `ssh://git@git.example.org:22`".to_owned(),
        );
    }
    for (key, path) in [("key", &ssh.key), ("known_hosts", &ssh.known_hosts)] {
        let text = path.to_string_lossy();
        if text.contains(['\'', '"', '%', '\\', '$']) || text.chars().any(char::is_control) {
            return refuse(format!(
                "`{key}` names a file whose name ssh would read otherwise; choose one without quotes, `%`, `$` and backslashes"
            ));
        }
    }
    Ok(())
}

fn check_webhooks(config: &HostConfig, file: &str) -> Result<(), ConfigError> {
    for (name, webhook) in &config.webhooks {
        let place = format!("webhooks.{name}");
        DoorName::new(name.clone())
            .map_err(|e| ConfigError::invalid(file, &place, e.to_string()))?;
        for secret in &webhook.secrets {
            secret.check(file, &format!("{place}.secrets"))?;
        }
        let is_alone = config.http.listen.is_none_or(|to| to.ip().is_loopback());
        let problem = match (webhook.secrets.is_empty(), webhook.unsigned, is_alone) {
            (false, false, _) | (true, true, true) => None,
            (true, false, _) => Some(
                "it has no secret, so anybody could speak for it; name one under `secrets`, or say `unsigned: true` \
                 where only this machine can ask",
            ),
            (false, true, _) => Some("it has secrets and is `unsigned`; remove one of the two"),
            (true, true, false) => Some(
                "unsigned deliveries are taken only while `http.listen` is an address of this machine alone, such as \
                 127.0.0.1; name a secret",
            ),
        };
        if let Some(problem) = problem {
            return Err(ConfigError::invalid(file, place, problem));
        }
        if let Some(url) = &webhook.url {
            let is_address = url.starts_with("https://") || url.starts_with("http://");
            let ends = format!("/webhook/{name}");
            if !is_address || !url.ends_with(&ends) || url.contains(['@', '?', '#', ' ']) {
                let problem = format!(
                    "`url` is the whole address by which the source reaches this host, such as https://orch.example.org{ends}"
                );
                return Err(ConfigError::invalid(file, place, problem));
            }
        }
        check_speaks_for(config, webhook, file, &place)?;
    }
    Ok(())
}

fn check_speaks_for(
    config: &HostConfig,
    webhook: &WebhookConfig,
    file: &str,
    place: &str,
) -> Result<(), ConfigError> {
    if let Some(repo) = webhook
        .repositories
        .iter()
        .find(|repo| !config.repositories.contains_key(*repo))
    {
        let known: BTreeMap<_, _> = config.repositories.iter().collect();
        let known: Vec<&str> = known.keys().map(|name| name.as_str()).collect();
        let problem = format!(
            "there is no repository `{repo}`; registered are: {}",
            known.join(", ")
        );
        return Err(ConfigError::invalid(
            file,
            format!("{place}.repositories"),
            problem,
        ));
    }
    let says_nothing = match webhook.kind {
        WebhookKind::Gitea => webhook.repositories.is_empty(),
        WebhookKind::Plane => webhook.tracker.is_none() || webhook.projects.is_empty(),
        WebhookKind::Generic => webhook.repositories.is_empty() && webhook.tracker.is_none(),
    };
    if says_nothing {
        let problem = "it speaks for nothing, so nothing that it says would be looked at; name its `repositories`, or \
                       its `tracker` with the `projects`";
        return Err(ConfigError::invalid(file, place, problem));
    }
    Ok(())
}
