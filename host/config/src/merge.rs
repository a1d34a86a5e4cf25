//! How tasks that wait for one base land together.

use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// Most tasks that a batch may be given: each member has to be stacked and judged before anything lands.
const BATCH_MAX: u32 = 50;

/// How tasks that wait for one base land together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MergeConfig {
    /// How many tasks that wait for one base are tested and landed together at most; 1 lands each by itself.
    pub batch: u32,
    /// How long the host may hold a base against the pushes of others, seconds, once it moved under a run of the tests;
    /// 0 never holds it. Longer than the tests take, or it helps nobody.
    pub hold_s: u32,
}

impl Default for MergeConfig {
    fn default() -> Self {
        // A red batch of ten is told apart in four further runs.
        // Whether others have to wait with their pushes is the operator's to say.
        Self {
            batch: 10,
            hold_s: 0,
        }
    }
}

/// Longest hold that may be asked for, seconds: others wait for all of it if the host does not come back.
const HOLD_S_MAX: u32 = 2 * 3_600;

/// Refuses a batch of nobody, and one that would hold the base for too long.
pub(crate) fn check(merge: &MergeConfig, file: &str) -> Result<(), ConfigError> {
    if !(1..=BATCH_MAX).contains(&merge.batch) {
        let why = format!("must be between 1 and {BATCH_MAX}; 1 lands each task by itself");
        return Err(ConfigError::invalid(file, "merge.batch", why));
    }
    if merge.hold_s > HOLD_S_MAX {
        let why = format!("must be at most {HOLD_S_MAX}; 0 never holds the base");
        return Err(ConfigError::invalid(file, "merge.hold_s", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    #[test]
    fn batch_of_nobody_and_what_has_no_end_are_refused_with_the_key() {
        for (text, key) in [
            ("merge: {batch: 0}", "merge.batch"),
            ("merge: {batch: 51}", "merge.batch"),
            ("merge: {hold_s: 86400}", "merge.hold_s"),
        ] {
            let error = HostConfig::parse("orch.yaml", text).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
        let config = HostConfig::parse("orch.yaml", "merge: {batch: 1}").unwrap();
        assert_eq!(config.merge.batch, 1);
    }
}
