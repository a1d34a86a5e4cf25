//! What of a run does everything need that is asked for, and how is it written down what was refused?

use std::sync::{Arc, Mutex};

use orch_domain::reach::Reached;
use tokio::task::JoinSet;

use crate::metered::Meter;
use crate::{Policy, Record};

/// Longest name in a record, characters.
pub(crate) const NAME_MAX: usize = 253;

/// What of a run every request needs.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) policy: Policy,
    pub(crate) meter: Arc<Meter>,
    /// Connections to servers that answer; ended with the proxy.
    pub(crate) servers: Mutex<JoinSet<()>>,
}

impl Run {
    /// Writes down what the run was not let through to.
    pub(crate) fn refused(&self, host: String, port: u16, reached: Reached) {
        self.meter.record(Record {
            host: host.chars().take(NAME_MAX).collect(),
            port,
            reached,
            sent: 0,
            received: 0,
        });
    }
}
