//! What does the host speak to outside of its own files?
//!
//! The engine names no forge, tracker or notifier: the program that wires the host hands them in, behind the ports of
//! the domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_config::HostConfig;
use orch_domain::id::{DoorName, RepoName, UnixMs};
use orch_domain::notice::News;
use orch_domain::port::forge::Forge;
use orch_domain::port::notifier::Notifier;
use orch_domain::port::tracker::Tracker;
use orch_domain::port::webhook::WebhookSource;
use orch_domain::port::window::Window;
use orch_domain::port::{PortError, PortFailure};
use orch_store::Store;

use super::apply::Showing;
use super::paths::Paths;

/// What doors are made from.
pub struct DoorSite<'a> {
    /// The host's configuration.
    pub config: &'a HostConfig,
    /// The host's store, for a forge and tracker that live in it.
    pub store: &'a Store,
    /// Where the host keeps its files; the mirrors of the repositories among them.
    pub paths: &'a Paths,
    /// The host's clock.
    pub now: Arc<dyn Fn() -> UnixMs + Send + Sync>,
}

/// Every door of a host. Clones share them.
#[derive(Debug, Clone)]
pub struct Doors {
    /// The forge of each registered repository.
    pub forges: BTreeMap<RepoName, Arc<dyn Forge>>,
    /// The trackers that tasks may have their issues in.
    pub trackers: BTreeMap<DoorName, Arc<dyn Tracker>>,
    /// Where people are told things.
    pub notifiers: BTreeMap<DoorName, Arc<dyn Notifier>>,
    /// What each notifier is to tell; one that is not named tells nothing.
    pub tells: BTreeMap<DoorName, Vec<News>>,
    /// The notifiers in which people can answer.
    pub windows: BTreeMap<DoorName, Arc<dyn Window>>,
    /// Whose webhooks are taken.
    pub webhooks: BTreeMap<DoorName, Arc<dyn WebhookSource>>,
}

impl Doors {
    /// The forge of a repository.
    pub(crate) fn forge(&self, repo: &RepoName) -> Result<&dyn Forge, PortError> {
        let found = self.forges.get(repo).map(AsRef::as_ref);
        found.ok_or_else(|| absent(format!("the forge of `{repo}`")))
    }

    /// A tracker.
    pub(crate) fn tracker(&self, name: &DoorName) -> Result<&dyn Tracker, PortError> {
        let found = self.trackers.get(name).map(AsRef::as_ref);
        found.ok_or_else(|| absent(format!("tracker `{name}`")))
    }

    /// Notifiers with what each is to tell.
    pub(crate) fn tellers(&self) -> impl Iterator<Item = (&DoorName, &[News])> {
        let tells = |name| self.tells.get(name).map_or(&[][..], Vec::as_slice);
        self.notifiers.keys().map(move |name| (name, tells(name)))
    }

    /// Who shows where tasks are.
    pub(crate) fn showing(&self) -> Showing {
        let notifiers = self
            .tellers()
            .filter(|(_, tells)| tells.contains(&News::Stages));
        let repositories = self.forges.iter();
        Showing {
            notifiers: notifiers.map(|(name, _)| name.clone()).collect(),
            repositories: repositories
                .filter(|(_, forge)| forge.shows_pull_requests())
                .map(|(name, _)| name.clone())
                .collect(),
        }
    }

    /// A notifier.
    pub(crate) fn notifier(&self, name: &DoorName) -> Result<&dyn Notifier, PortError> {
        let found = self.notifiers.get(name).map(AsRef::as_ref);
        found.ok_or_else(|| absent(format!("notifier `{name}`")))
    }
}

/// A door that something stored names and the configuration does not.
fn absent(source: String) -> PortError {
    let reason = "nothing of this name is configured";
    PortError::new(source, PortFailure::NotFound, reason)
}

/// Opens the doors of a host; nothing goes through them yet.
pub type OpenDoors = fn(&DoorSite<'_>) -> anyhow::Result<Doors>;
