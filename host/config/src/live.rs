//! Which configuration is in force now, and what of it was fixed when the host started?
//!
//! The pipeline, gates, grants, agents and people follow the file while the host runs; tasks under way keep the
//! pipeline they began with. Folders, addresses, the number of workers and where a repository lies need a restart:
//! a changed file says so, and what is handed out keeps the values of the start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use orch_gates::FolderEvents;
use tokio::sync::Notify;

use crate::host::HostConfig;
use crate::repositories::RepositoryConfig;
use crate::strict::ConfigError;

/// How often the file is looked at where the kernel does not tell of changes.
const LOOK: Duration = Duration::from_millis(500);

/// The configuration in force. Clones share it.
#[derive(Debug, Clone)]
pub struct LiveConfig(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    now: ArcSwap<HostConfig>,
    /// Told when a repository was added, removed or moved: whoever opened the host opens it anew.
    restart: Notify,
    file: PathBuf,
}

/// What replacing the configuration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Replaced {
    /// All of it is in force.
    Wholly,
    /// Some of it comes into force at the next start.
    RestartNeeded,
    /// It was not taken over: it drops everything that the one in force has under this key, as half a file does.
    Held(&'static str),
}

impl LiveConfig {
    /// Begins with what was read at the start.
    pub fn new(config: HostConfig) -> Self {
        Self(Arc::new(Inner {
            file: config.file.clone(),
            now: ArcSwap::from_pointee(config),
            restart: Notify::new(),
        }))
    }

    /// The configuration as it is in force now.
    pub fn now(&self) -> Arc<HostConfig> {
        self.0.now.load_full()
    }

    /// The file it was read from; empty if it was read from none.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// Takes `next` over, but for what is fixed until the next start.
    pub fn replace(&self, next: HostConfig) -> Replaced {
        let before = self.now();
        if let Some(key) = dropped(&before, &next) {
            return Replaced::Held(key);
        }
        let mut kept = next.clone();
        kept.data.clone_from(&before.data);
        kept.gates_dir.clone_from(&before.gates_dir);
        kept.gates_lock.clone_from(&before.gates_lock);
        kept.http.clone_from(&before.http);
        kept.concurrency.clone_from(&before.concurrency);
        kept.trackers.clone_from(&before.trackers);
        kept.notifiers.clone_from(&before.notifiers);
        kept.forges.clone_from(&before.forges);
        kept.webhooks.clone_from(&before.webhooks);
        kept.repositories = repositories(&before.repositories, &next.repositories);
        let is_whole = same(&kept, &next);
        let moved = {
            let text = |of: &HostConfig| serde_json::to_value(&of.repositories).ok();
            text(&kept) != text(&next)
        };
        self.0.now.store(Arc::new(kept));
        if moved {
            self.0.restart.notify_one();
        }
        if is_whole {
            Replaced::Wholly
        } else {
            Replaced::RestartNeeded
        }
    }

    /// Ends when a changed file has other repositories than the host was opened with.
    pub async fn repositories_changed(&self) {
        self.0.restart.notified().await;
    }

    /// Reads the file again and takes it over.
    ///
    /// # Errors
    /// [`ConfigError`]; the one before stays in force.
    pub fn reload(&self) -> Result<Replaced, ConfigError> {
        HostConfig::load(&self.0.file, |name| std::env::var(name).ok())
            .map(|next| self.replace(next))
    }

    fn is_as_read(&self) -> bool {
        let read = HostConfig::load(&self.0.file, |name| std::env::var(name).ok());
        read.is_ok_and(|read| same(&read, &self.now()))
    }

    /// Takes over changes of the file for as long as the future is polled.
    pub async fn watch(&self) {
        let path = self.file();
        if path.as_os_str().is_empty() {
            return std::future::pending().await;
        }
        let present = stamp(path);
        // Somebody may have changed the file between its reading and now.
        let mut seen = present.filter(|_| self.is_as_read());
        let folder = path.parent().filter(|above| !above.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut events = FolderEvents::of([folder.to_owned()]);
        loop {
            let present = stamp(path);
            if present.is_some() && present != seen {
                seen = present;
                self.take_over();
            }
            events.next(LOOK).await;
        }
    }

    fn take_over(&self) {
        let file = self.file().display();
        match self.reload() {
            Ok(Replaced::Wholly) => {
                tracing::info!(%file, "the changed configuration is in force")
            }
            Ok(Replaced::RestartNeeded) => tracing::warn!(
                %file,
                "the changed configuration is in force, except folders, addresses, workers, repositories, trackers and notifiers: restart the host for those"
            ),
            Ok(Replaced::Held(key)) => tracing::error!(
                %file,
                key,
                "the changed configuration is not taken over: it removes everything under this key; restart the host if that is meant"
            ),
            // The next change is tried again.
            Err(error) => {
                tracing::error!(%file, error = %error, "the changed configuration is not taken over")
            }
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// The key under which `next` has nothing though `before` has: a save that truncates first looks so, and taking it
/// over would open the approvals to everybody.
fn dropped(before: &HostConfig, next: &HostConfig) -> Option<&'static str> {
    [
        (
            "repositories",
            before.repositories.is_empty(),
            next.repositories.is_empty(),
        ),
        ("agents", before.agents.is_empty(), next.agents.is_empty()),
        // Those who were listed as approvers may be named as people now.
        (
            "people",
            before.approvers.is_empty() && before.people.is_empty(),
            next.approvers.is_empty() && next.people.is_empty(),
        ),
    ]
    .into_iter()
    .find(|(_, was_empty, is_empty)| !was_empty && *is_empty)
    .map(|(key, ..)| key)
}

/// Repositories of the start; what a repository may change while the host runs is `next`'s.
fn repositories(
    before: &BTreeMap<String, RepositoryConfig>,
    next: &BTreeMap<String, RepositoryConfig>,
) -> BTreeMap<String, RepositoryConfig> {
    let live = |(name, was): (&String, &RepositoryConfig)| {
        let mut repository = was.clone();
        if let Some(next) = next.get(name) {
            repository.serial = next.serial;
            repository.grants.clone_from(&next.grants);
            repository.orch_yaml.clone_from(&next.orch_yaml);
            repository.pipeline.clone_from(&next.pipeline);
            repository.require_green_base = next.require_green_base;
            repository.risk.clone_from(&next.risk);
            repository.deploy_approval = next.deploy_approval;
        }
        (name.clone(), repository)
    };
    before.iter().map(live).collect()
}

/// Whether two configurations say the same.
fn same(a: &HostConfig, b: &HostConfig) -> bool {
    match (serde_json::to_value(a), serde_json::to_value(b)) {
        (Ok(a), Ok(b)) => a == b,
        (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> HostConfig {
        HostConfig::parse("orch.yaml", text).unwrap()
    }

    const START: &str = "approvers: [ann]\nconcurrency: {agents: 2}\n\
        repositories: {shop: {path: shop.git, post_deploy: {probe: \"true\"}}}\n";

    #[test]
    fn what_needs_a_restart_stays_as_it_was_and_is_said() {
        let live = LiveConfig::new(parse(START));
        let next = "approvers: [bob]\nconcurrency: {agents: 7}\n\
            repositories: {shop: {path: other.git, serial: true}, till: {path: till.git}}\n";
        assert_eq!(live.replace(parse(next)), Replaced::RestartNeeded);
        let now = live.now();
        assert_eq!(now.approvers, ["bob"]);
        assert_eq!(now.concurrency.agents, 2);
        assert!(!now.repositories.contains_key("till"));
        let shop = &now.repositories["shop"];
        assert!(shop.serial && shop.post_deploy.is_some());
        assert_eq!(shop.path.as_deref(), Some(Path::new("shop.git")));
    }

    #[tokio::test]
    async fn change_between_the_reading_and_the_first_look_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orch.yaml");
        std::fs::write(&file, START).unwrap();
        let live = LiveConfig::new(HostConfig::load(&file, |_| None).unwrap());
        std::fs::write(&file, START.replace("ann", "bob")).unwrap();
        let taken_over = async {
            while live.now().approvers != ["bob"] {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = taken_over => {}
            () = live.watch() => unreachable!("it watches for ever"),
        }
    }

    #[test]
    fn change_that_needs_no_restart_is_in_force_wholly() {
        let live = LiveConfig::new(parse(START));
        let next = START.replace("ann", "ann, bob");
        assert_eq!(live.replace(parse(&next)), Replaced::Wholly);
        assert_eq!(live.now().approvers, ["ann", "bob"]);
    }

    #[test]
    fn approvers_may_become_people_without_a_restart() {
        let live = LiveConfig::new(parse(START));
        let next = START.replace("approvers: [ann]", "people: {ann: {role: approver}}");
        assert_eq!(live.replace(parse(&next)), Replaced::Wholly);
        assert!(live.now().approvers.is_empty());
    }

    #[test]
    fn file_that_drops_every_approver_agent_or_repository_is_held() {
        let live = LiveConfig::new(parse(START));
        for (text, key) in [
            ("{}", "repositories"),
            ("repositories: {shop: {path: shop.git}}", "people"),
        ] {
            assert_eq!(live.replace(parse(text)), Replaced::Held(key));
            assert_eq!(live.now().approvers, ["ann"], "{text}");
        }
    }
}
