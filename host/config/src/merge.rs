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
}

impl Default for MergeConfig {
    fn default() -> Self {
        // A red batch of eight is told apart in three further runs.
        Self { batch: 8 }
    }
}

/// Refuses a batch of nobody, and one that would hold the base for too long.
pub(crate) fn check(merge: &MergeConfig, file: &str) -> Result<(), ConfigError> {
    if (1..=BATCH_MAX).contains(&merge.batch) {
        return Ok(());
    }
    let why = format!("must be between 1 and {BATCH_MAX}; 1 lands each task by itself");
    Err(ConfigError::invalid(file, "merge.batch", why))
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    #[test]
    fn batch_of_nobody_and_one_without_end_are_refused_with_the_key() {
        for text in ["merge: {batch: 0}", "merge: {batch: 51}"] {
            let error = HostConfig::parse("orch.yaml", text).unwrap_err();
            assert!(error.to_string().contains("merge.batch"), "{error}");
        }
        let config = HostConfig::parse("orch.yaml", "merge: {batch: 1}").unwrap();
        assert_eq!(config.merge.batch, 1);
    }
}
