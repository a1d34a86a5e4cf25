//! Which claims a handler of this host works on now: what the reaper must leave alone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use orch_store::JobKey;

/// The claims; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attended(Arc<Mutex<HashSet<(i64, i64)>>>);

impl Attended {
    /// Notes a claim for as long as the answer lives, even if the handler panics.
    pub(crate) fn enter(&self, key: JobKey) -> Attending {
        let pair = (key.id.0, key.epoch);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(pair);
        Attending(self.clone(), pair)
    }

    /// Whether a handler works on this claim.
    pub(crate) fn has(&self, key: JobKey) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.contains(&(key.id.0, key.epoch))
    }
}

/// A claim that is worked on.
#[derive(Debug)]
pub(crate) struct Attending(Attended, (i64, i64));

impl Drop for Attending {
    fn drop(&mut self) {
        let Self(attended, pair) = self;
        attended
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(pair);
    }
}
