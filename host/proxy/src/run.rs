//! What of a run does everything need that is asked for, and how is it written down what was refused?

use std::sync::{Arc, Mutex};

use orch_domain::reach::{Reached, Target};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::metered::{Meter, Metered};
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
    /// A connection that was made for the run, counted.
    pub(crate) fn metered(&self, stream: TcpStream, target: Target) -> Metered {
        let is_fetch_only = self.policy.is_fetch_only(&target);
        Metered::new(stream, target, self.meter.clone(), is_fetch_only)
    }

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
