//! Which forges, trackers and notifiers does a configuration ask for?

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use orch_clients::SecretPlace;
use orch_clients::gitea::{GiteaIssues, Places};
use orch_clients::notify::{
    CommandNotifier, CommandNotifierConfig, EmailNotifier, EmailNotifierConfig, LogNotifier,
    Telegram, TelegramSetup, WebhookNotifier,
};
use orch_clients::plane::{Plane, PlaneProject, PlaneSetup};
use orch_config::{
    ENTRY_STATE, ForgePlace, HostConfig, LOG_NOTIFIER, NotifierConfig, PlaneConfig, SecretFrom,
    USUAL,
};
use orch_domain::id::{DoorName, ItemPrefix, RepoName};
use orch_domain::issue::TrackerState;
use orch_domain::port::forge::Forge;
use orch_domain::port::notifier::Notifier;
use orch_domain::port::tracker::Tracker;
use orch_engine::{DoorSite, Doors};
use orch_local::{LocalForge, LocalForgeConfig, LocalTracker, StoreIntents};

use super::forges::Servers;

/// The forges, trackers and notifiers of this configuration.
pub(super) fn doors(site: &DoorSite<'_>) -> anyhow::Result<Doors> {
    let places = Places::default();
    let mut doors = Doors {
        forges: BTreeMap::new(),
        trackers: BTreeMap::new(),
        notifiers: BTreeMap::new(),
        tells: BTreeMap::new(),
        windows: BTreeMap::new(),
        webhooks: super::webhooks::sources(site.config, &places)?,
    };
    let servers = Servers::of(site.config)?;
    for (name, repository) in &site.config.repositories {
        let forge: Arc<dyn Forge> = match &repository.forge {
            ForgePlace::On(place) => {
                let repo = RepoName::new(name.clone())?;
                servers.forge(repo, place, site.paths.mirror(name), &places)?
            }
            ForgePlace::Local => Arc::new(LocalForge::new(LocalForgeConfig {
                name: RepoName::new(name.clone())?,
                path: repository.path.clone().unwrap_or_default(),
                mirror: site.paths.mirror(name),
                store: site.store.clone(),
                now: site.now.clone(),
                upstream: repository.upstream.clone(),
                base: repository.base.clone(),
            })?),
        };
        doors.forges.insert(RepoName::new(name.clone())?, forge);
    }
    let tracker: Arc<dyn Tracker> =
        Arc::new(LocalTracker::new(site.store.clone(), site.now.clone()));
    doors
        .trackers
        .insert(DoorName::new(orch_config::LOCAL_TRACKER)?, tracker);
    for (name, tracker) in &site.config.trackers {
        let intents = StoreIntents::new(site.store.clone(), site.now.clone());
        let tracker: Arc<dyn Tracker> = match (&tracker.plane, &tracker.issues) {
            (Some(config), _) => {
                let people = site
                    .config
                    .persons_by_account(&DoorName::new(name.clone())?);
                Arc::new(plane(name, config, people, intents)?)
            }
            (None, Some(config)) => {
                let made = servers.issues(site.config, config, &places)?;
                Arc::new(GiteaIssues::new(name, made, Arc::new(intents)))
            }
            (None, None) => anyhow::bail!("tracker `{name}` is none that is known"),
        };
        doors.trackers.insert(DoorName::new(name.clone())?, tracker);
    }
    let log = DoorName::new(LOG_NOTIFIER)?;
    doors.notifiers.insert(log.clone(), Arc::new(LogNotifier));
    doors.tells.insert(log, USUAL.to_vec());
    for (name, config) in &site.config.notifiers {
        let door = DoorName::new(name.clone())?;
        doors.tells.insert(door.clone(), config.news());
        notifier(&mut doors, door, config, site.config)
            .with_context(|| format!("notifier `{name}`"))?;
    }
    Ok(doors)
}

/// Where a credential is, which is there now: without it nothing would ever be told.
fn secret(from: &SecretFrom, place: &str) -> anyhow::Result<SecretPlace> {
    let secret = super::secret(from);
    let read = secret.check();
    read.with_context(|| format!("`{place}` in orch.yaml is not there"))?;
    Ok(secret)
}

/// The client of a workspace.
fn plane(
    name: &str,
    config: &PlaneConfig,
    people: BTreeMap<String, String>,
    intents: StoreIntents,
) -> anyhow::Result<Plane> {
    let mut projects = BTreeMap::new();
    for (id, project) in &config.projects {
        let state = |word: &str| {
            let state = project.states.get(word).cloned();
            state.with_context(|| format!("the state `{word}` of project `{id}` is missing"))
        };
        let states = TrackerState::ALL
            .into_iter()
            .map(|one| anyhow::Ok((one, state(one.as_str())?)));
        projects.insert(
            id.clone(),
            PlaneProject {
                repo: RepoName::new(project.repo.clone())?,
                prefix: ItemPrefix::new(project.prefix.clone())?,
                entry: state(ENTRY_STATE)?,
                states: states.collect::<Result<_, _>>()?,
            },
        );
    }
    Ok(Plane::new(
        name,
        PlaneSetup {
            url: config.url.clone(),
            workspace: config.workspace.clone(),
            key: secret(&config.key, &format!("trackers.{name}.plane.key"))?,
            projects,
            calls_per_minute: config.calls_per_minute,
            people,
        },
        Arc::new(intents),
    )?)
}

fn notifier(
    doors: &mut Doors,
    door: DoorName,
    config: &NotifierConfig,
    host: &HostConfig,
) -> anyhow::Result<()> {
    let name = door.as_str().to_owned();
    let of = |key: &str| format!("notifiers.{name}.{key}");
    let NotifierConfig {
        tells: _,
        telegram,
        webhook,
        command,
        email,
    } = config;
    let notifier: Arc<dyn Notifier> = if let Some(chat) = telegram {
        let chat = Arc::new(Telegram::new(
            &name,
            TelegramSetup {
                url: chat.url.clone(),
                token: secret(&chat.token, &of("telegram.token"))?,
                chat: chat.chat,
                topic: chat.topic,
                poll_s: chat.poll_s,
            },
        )?);
        doors.windows.insert(door.clone(), chat.clone());
        chat
    } else if let Some(webhook) = webhook {
        let key = secret(&webhook.secret, &of("webhook.secret"))?;
        Arc::new(WebhookNotifier::new(&name, webhook.url.clone(), key)?)
    } else if let Some(command) = command {
        let path = std::env::var("PATH").unwrap_or_default();
        let folder = host.file.parent().unwrap_or(Path::new("/")).to_owned();
        let folder = std::path::absolute(folder)?;
        let program = orch_process::resolve_program(&command.program, &path)
            .with_context(|| format!("the program `{}`", command.program.display()))?;
        let args = command.args.clone();
        let (program, args, variable) = match orch_judge::inaccessible(host, Vec::new()) {
            Some(hidden) => {
                let orch = std::env::current_exe()?;
                let wrapped = hidden.wrap(&orch, &program, &args);
                (wrapped.program, wrapped.args, Some(wrapped.variable))
            }
            None => (program, args, None),
        };
        Arc::new(CommandNotifier::new(
            &name,
            CommandNotifierConfig {
                program,
                args,
                variable,
                folder,
                path,
                timeout: Duration::from_secs(command.timeout_s.into()),
            },
        ))
    } else if let Some(email) = email {
        let login = match (&email.user, &email.password) {
            (Some(user), Some(from)) => Some((user.clone(), secret(from, &of("email.password"))?)),
            (_, _) => None,
        };
        Arc::new(EmailNotifier::new(
            &name,
            EmailNotifierConfig {
                server: email.server.clone(),
                login,
                from: email.from.clone(),
                to: email.to.clone(),
            },
        )?)
    } else {
        anyhow::bail!("give one of `telegram`, `webhook`, `command` and `email`");
    };
    doors.notifiers.insert(door, notifier);
    Ok(())
}
