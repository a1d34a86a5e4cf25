//! Settings of the reconciler.

use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// How the sources of truth are asked again. Names are those of the reference system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileConfig {
    /// Whether they are asked at all.
    pub enabled: bool,
    /// Time between two looks, seconds.
    pub interval_s: u32,
    /// How long something has to stand before the host acts on it, seconds: whoever causes it may be about to
    /// say so.
    pub grace_s: u32,
    /// Time between two looks at how webhooks are at their sources, seconds.
    pub webhooks_s: u32,
    /// Whether what was made good is alerted.
    pub notify_unblock: bool,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_s: 30,
            grace_s: 60,
            webhooks_s: 600,
            notify_unblock: true,
        }
    }
}

pub(crate) fn check(reconcile: &ReconcileConfig, file: &str) -> Result<(), ConfigError> {
    let least = [
        ("interval_s", reconcile.interval_s),
        ("grace_s", reconcile.grace_s),
        ("webhooks_s", reconcile.webhooks_s),
    ];
    match least.iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => Err(ConfigError::invalid(
            file,
            format!("reconcile.{key}"),
            "it is at least 1; `reconcile: {enabled: false}` switches it off",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    #[test]
    fn reconciler_without_a_pause_or_a_grace_is_refused() {
        for key in ["interval_s", "grace_s", "webhooks_s"] {
            let text = format!("reconcile: {{{key}: 0}}");
            let error = HostConfig::parse("orch.yaml", &text).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
        HostConfig::parse("orch.yaml", "reconcile: {enabled: false}").unwrap();
    }
}
