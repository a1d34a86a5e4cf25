//! Who opens the store next? A host that starts goes before commands that would open it themselves: dozens of them hand
//! it from one to the other, and a host would wait behind all of them.
//!
//! It says so by a lock that the kernel frees when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use orch_engine::Paths;

/// A host's word that it starts; it holds until this is dropped.
#[derive(Debug)]
pub(crate) struct Starting {
    _lock: File,
}

impl Starting {
    /// Says so. None while another host says it, and for the moment in which a command looks.
    pub(crate) fn say(paths: &Paths) -> io::Result<Option<Self>> {
        let place = paths.starting();
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(place)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Whether a host says that it starts.
pub(crate) fn is_said(paths: &Paths) -> bool {
    // Where no host has ever said so there is no file.
    File::open(paths.starting())
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
