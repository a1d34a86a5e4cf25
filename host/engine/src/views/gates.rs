//! The gates that serve, and the files that do not load.

use orch_config::{GateGrants, HostConfig, LiveConfig};
use orch_gates::LoadedGate;
use orch_judge::Judges;
use orch_views::gate::{GateState, GateView};
use orch_views::page::{Page, PageRequest};

use super::pages;
use crate::commands::CommandError;

/// Shows gates. Clones are the same.
#[derive(Debug, Clone)]
pub struct GateViews {
    pub(crate) config: LiveConfig,
    pub(crate) judges: Judges,
}

impl GateViews {
    /// The gates that serve and the files that do not load.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub fn page(&self, request: &PageRequest) -> Result<Page<GateView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let skip = pages::after(request.after.as_deref())?.unwrap_or(0);
        Ok(Page::of_list(self.list(), skip, limit))
    }

    /// Every gate that serves and every file that does not load.
    pub fn list(&self) -> Vec<GateView> {
        let registry = self.judges.gates();
        let config = self.config.now();
        let good = registry.gates().map(|gate| {
            let failure = registry.failure(&gate.name).map(|f| f.error.to_string());
            let quarantine = registry.quarantine(&gate.digest).map(str::to_owned);
            loaded(
                gate,
                &config,
                failure,
                quarantine,
                registry.is_rolled_back(&gate.name),
            )
        });
        let bad = registry
            .failures()
            .filter(|failure| registry.get(&failure.name).is_none())
            .map(|failure| missing(&failure.name, failure.error.to_string()));
        good.chain(bad).collect()
    }
}

/// A gate that is loaded.
fn loaded(
    gate: &LoadedGate,
    config: &HostConfig,
    failure: Option<String>,
    quarantine: Option<String>,
    rolled_back: bool,
) -> GateView {
    let grants = GateGrants::of(config, "", &gate.name).unwrap_or_default();
    let missing = grants.missing(gate);
    let state = match (&quarantine, &missing) {
        (Some(_), _) => GateState::Quarantined,
        (None, Some(_)) => GateState::Ungranted,
        (None, None) if rolled_back => GateState::RolledBack,
        (None, None) => GateState::Serves,
    };
    GateView {
        name: gate.name.clone(),
        version: gate.descriptor.version.clone(),
        digest: gate.digest.clone(),
        size: gate.size,
        summary: gate.descriptor.summary.clone(),
        imports: gate.imports.iter().map(|i| i.as_str().to_owned()).collect(),
        state,
        error: failure
            .map(|f| format!("the file in the folder is not in force: {f}"))
            .or(quarantine)
            .or(missing),
    }
}

/// A file that does not load, and no version of it serves.
fn missing(name: &str, error: String) -> GateView {
    GateView {
        name: name.to_owned(),
        version: String::new(),
        digest: String::new(),
        size: 0,
        summary: String::new(),
        imports: Vec::new(),
        state: GateState::Missing,
        error: Some(error),
    }
}
