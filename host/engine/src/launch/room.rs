//! Whether the disk has room for another run.

use orch_config::HostConfig;

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

fn above(free_mib: u64, floor_mib: u64) -> Result<(), ()> {
    if free_mib >= floor_mib {
        Ok(())
    } else {
        Err(())
    }
}

#[cfg(test)]
mod tests {
    use super::above;

    #[test]
    fn floor_itself_is_room_enough_and_none_is_no_floor() {
        assert!(above(1024, 1024).is_ok());
        assert!(above(1023, 1024).is_err());
        assert!(above(0, 0).is_ok());
    }
}
