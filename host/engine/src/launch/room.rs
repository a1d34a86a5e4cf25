//! Whether the disk has room for another run.

use orch_agents::folder::Limits;
use orch_config::{DiskConfig, HostConfig};

use crate::ledger::paths::Paths;

const MIB: u64 = 1024 * 1024;

/// Whether the file system of the data folder has the configured space free; the text says what would free some.
/// Asked before every launch.
pub(crate) fn has_room(paths: &Paths, config: &HostConfig) -> Result<(), String> {
    let folder = paths.data();
    let floor_mib = config.disk.floor_mib;
    let free_mib = match rustix::fs::statvfs(folder) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize) / MIB,
        Err(error) => {
            return Err(format!(
                "the free space of `{}` cannot be read: {error}",
                folder.display()
            ));
        }
    };
    above(free_mib, floor_mib).map_err(|()| {
        format!(
            "the disk of `{}` has {free_mib} MiB free, below the floor of {floor_mib} MiB; free some (`orch gc \
             --dry-run` shows what can go, `disk.trash_days` says when it is deleted), or lower `disk.floor_mib`",
            folder.display()
        )
    })
}

/// The limits of every run: what it may hold and print, and that it is ended for a full disk at half of the space
/// below which none may start, and never if there is no such floor.
pub(crate) fn limits_of_host(disk: &DiskConfig) -> Limits {
    let defaults = Limits::default();
    let half = disk.floor_mib.saturating_mul(MIB) / 2;
    Limits {
        disk_bytes_max: disk.run_mib.saturating_mul(MIB),
        flood_bytes_max: disk.run_output_mib.saturating_mul(MIB),
        disk_free_bytes_min: defaults.disk_free_bytes_min.min(half),
        ..defaults
    }
}

fn above(free_mib: u64, floor_mib: u64) -> Result<(), ()> {
    if free_mib >= floor_mib {
        Ok(())
    } else {
        Err(())
    }
}

#[cfg(test)]
mod tests {
    use orch_config::DiskConfig;

    use super::{Limits, MIB, above, limits_of_host};

    #[test]
    fn floor_itself_is_room_enough_and_none_is_no_floor() {
        assert!(above(1024, 1024).is_ok());
        assert!(above(1023, 1024).is_err());
        assert!(above(0, 0).is_ok());
    }

    #[test]
    fn run_may_hold_and_print_what_the_configuration_says_and_as_much_as_ever_if_it_is_silent() {
        let limits = limits_of_host(&DiskConfig::default());
        let always = Limits::default();
        assert_eq!(
            (limits.disk_bytes_max, limits.flood_bytes_max),
            (always.disk_bytes_max, always.flood_bytes_max)
        );
        let limits = limits_of_host(&DiskConfig {
            run_mib: 100,
            run_output_mib: 0,
            ..DiskConfig::default()
        });
        assert_eq!(
            (limits.disk_bytes_max, limits.flood_bytes_max),
            (100 * MIB, 0)
        );
    }

    #[test]
    fn run_of_a_host_without_a_floor_is_never_ended_for_little_room() {
        let least = |floor_mib| {
            let disk = DiskConfig {
                floor_mib,
                ..DiskConfig::default()
            };
            limits_of_host(&disk).disk_free_bytes_min
        };
        assert_eq!(least(0), 0);
        assert_eq!(least(100), 50 * MIB);
        assert_eq!(least(u64::MAX), 512 * MIB, "what the host itself needs");
    }
}
