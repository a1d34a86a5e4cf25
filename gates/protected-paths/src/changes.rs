//! Which paths does the branch add, change and take away?

use std::collections::{BTreeMap, BTreeSet};

use orch_gate_sdk::repository::{Change, Revision};
use orch_gate_sdk::{GateError, Host};

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is new.
    Added,
    /// It was there and still is.
    Modified,
    /// It is gone, or renamed.
    Deleted,
}

/// The changed paths. A rename is the deletion of the old path and the addition of the new one.
///
/// # Errors
/// [`GateError::Unavailable`] if the host names no change although there are commits: a host that could not tell
/// the changes must not look like a branch without any.
pub(crate) fn of<H: Host>(host: &H) -> Result<BTreeMap<String, Kind>, GateError> {
    let listed = host.changed_files();
    if listed.is_empty() && !host.commits().is_empty() {
        return Err(GateError::Unavailable(
            "the host names no changed file although the branch has commits; see the host's log"
                .to_owned(),
        ));
    }
    let mut changes = BTreeMap::new();
    let mut is_renamed = false;
    for file in listed {
        is_renamed |= file.change == Change::Renamed;
        let kind = match file.change {
            Change::Added | Change::Renamed => Kind::Added,
            Change::Modified => Kind::Modified,
            Change::Deleted => Kind::Deleted,
        };
        // Deleted and added under one name is a change like any other.
        let entry = changes.entry(file.path).or_insert(kind);
        if *entry != kind {
            *entry = Kind::Modified;
        }
    }
    if is_renamed {
        // The record of a rename has the new path only; the old one is among what the head lacks.
        for path in vanished(host) {
            changes.entry(path).or_insert(Kind::Deleted);
        }
    }
    Ok(changes)
}

fn vanished<H: Host>(host: &H) -> Vec<String> {
    let head: BTreeSet<String> = host.files(Revision::Head, "").into_iter().collect();
    let mut base = host.files(Revision::Base, "");
    base.retain(|path| !head.contains(path));
    base
}
