//! Settings of the disk: what stays free, and how long leftovers are kept.

use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// How much of the disk stays free and how long leftovers are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskConfig {
    /// Free space of the data folder's file system below which no agent starts, MiB; 0 for no floor.
    pub floor_mib: u64,
    /// What a run of an agent or hook may hold of the disk before it is ended, MiB; 0 for no limit.
    pub run_mib: u64,
    /// What a run may print before it is ended, MiB; 0 for no limit.
    pub run_output_mib: u64,
    /// What results of `ci.setup` that are kept may hold of the disk together, MiB; 0 to keep none.
    pub setups_mib: u64,
    /// How long what was removed stays in `data/trash`, days; 0 until the next look.
    pub trash_days: u32,
    /// How long the folder of an ended run is kept with its logs, days.
    pub logs_days: u32,
    /// How long work that never landed is kept on a `refs/orch/wip` or `refs/orch/cancelled` ref after its task
    /// ended, days; at least 1.
    pub wip_days: u32,
    /// How long the history of ended tasks is kept in the database, days; longer than the others.
    pub history_days: u32,
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self {
            floor_mib: 1024,
            // The build folders of a large workspace, twice over.
            run_mib: 32 * 1024,
            // Hours of a talkative build; a loop that prints reaches it in a minute.
            run_output_mib: 4 * 1024,
            // The dependencies of some ten projects of ordinary size.
            setups_mib: 8 * 1024,
            trash_days: 7,
            logs_days: 30,
            wip_days: 90,
            history_days: 365,
        }
    }
}

/// Ten years: more is a slip of the finger.
const DAYS_MAX: u32 = 3_650;
/// A pebibyte: more is a number of bytes.
const MIB_MAX: u64 = 1 << 30;
/// What an agent or a build writes at once without any fault: less would end runs that do nothing wrong.
const RUN_MIB_MIN: u64 = 64;

/// Refuses what nobody can mean, and what would throw away work that was just saved.
pub(crate) fn check(disk: &DiskConfig, file: &str) -> Result<(), ConfigError> {
    let refuse = |key: &str, why: String| {
        let place = format!("disk.{key}");
        Err(ConfigError::invalid(file, place, why))
    };
    for (key, days) in [
        ("trash_days", disk.trash_days),
        ("logs_days", disk.logs_days),
        ("wip_days", disk.wip_days),
        ("history_days", disk.history_days),
    ] {
        if days > DAYS_MAX {
            return refuse(key, format!("use a number of days up to {DAYS_MAX}"));
        }
    }
    if disk.wip_days == 0 {
        let why = "work is kept there before its folder goes; it is at least 1";
        return refuse("wip_days", why.to_owned());
    }
    let longest = disk.trash_days.max(disk.logs_days).max(disk.wip_days);
    if disk.history_days <= longest {
        let why = format!(
            "what lies on disk is found by it; set it above {longest}, the longest of the others"
        );
        return refuse("history_days", why);
    }
    let (floor, held, printed) = (disk.floor_mib, disk.run_mib, disk.run_output_mib);
    for (key, mib) in [
        ("floor_mib", floor),
        ("run_mib", held),
        ("run_output_mib", printed),
        ("setups_mib", disk.setups_mib),
    ] {
        if mib > MIB_MAX {
            return refuse(key, "it is in MiB, not in bytes".to_owned());
        }
    }
    for (key, mib) in [("run_mib", held), ("run_output_mib", printed)] {
        if (1..RUN_MIB_MIN).contains(&mib) {
            let why = format!(
                "runs that do nothing wrong would be ended at {mib} MiB; use {RUN_MIB_MIN} at least, or 0 for no limit"
            );
            return refuse(key, why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    #[test]
    fn bounds_that_nobody_can_mean_are_refused_with_the_key() {
        for (text, key) in [
            ("disk: {wip_days: 0}", "disk.wip_days"),
            ("disk: {logs_days: 365}", "disk.history_days"),
            ("disk: {logs_days: 40000}", "disk.logs_days"),
            ("disk: {floor_mib: 2000000000}", "disk.floor_mib"),
            ("disk: {run_mib: 34359738368}", "disk.run_mib"),
            ("disk: {run_mib: 63}", "disk.run_mib"),
            ("disk: {run_output_mib: 4294967296}", "disk.run_output_mib"),
            ("disk: {run_output_mib: 1}", "disk.run_output_mib"),
            ("disk: {trash_day: 1}", "trash_days"),
        ] {
            let error = HostConfig::parse("orch.yaml", text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
        }
        let config = HostConfig::parse("orch.yaml", "disk: {trash_days: 0, floor_mib: 0}").unwrap();
        assert_eq!(
            (config.disk.trash_days, config.disk.logs_days),
            (0, 30),
            "what is not said keeps its default"
        );
        let text = "disk: {run_mib: 64, run_output_mib: 0}";
        let config = HostConfig::parse("orch.yaml", text).unwrap();
        assert_eq!((config.disk.run_mib, config.disk.run_output_mib), (64, 0));
    }
}
