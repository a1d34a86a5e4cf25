//! Follows the configuration file while the host runs.
//!
//! What the pipeline, gates, grants, agents and approvers are is taken over at once; tasks under way keep the
//! pipeline they began with. Folders, addresses, repositories and the number of workers need a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::HostConfig;
use crate::engine::Engine;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(500);

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

impl Engine {
    /// Takes over changes of the configuration file for as long as the future is polled.
    pub(crate) async fn watch_config(&self) {
        let path = self.config().file.clone();
        if path.as_os_str().is_empty() {
            return std::future::pending().await;
        }
        let mut seen = stamp(&path);
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let present = stamp(&path);
            if present.is_none() || present == seen {
                continue;
            }
            seen = present;
            self.reload_config(&path);
        }
    }

    fn reload_config(&self, path: &Path) {
        match HostConfig::load(path, |name| std::env::var(name).ok()) {
            Ok(next) => {
                let before = self.config();
                let fixed = |c: &HostConfig| {
                    (
                        (c.data.clone(), c.gates_dir.clone(), c.gates_lock.clone()),
                        (c.http.listen, c.concurrency.clone()),
                        serde_json::to_value(&c.repositories).ok(),
                    )
                };
                if fixed(&before) != fixed(&next) {
                    tracing::warn!(file = %path.display(), "folders, addresses, workers and repositories of the changed configuration come into force at the next start");
                }
                self.0.config.store(Arc::new(next));
                tracing::info!(file = %path.display(), "configuration read anew");
            }
            // The one before stays in force; the next change is tried again.
            Err(error) => {
                tracing::error!(file = %path.display(), error = %error, "the changed configuration is not taken over")
            }
        }
    }
}
