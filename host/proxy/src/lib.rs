//! The way of one run to the network: a proxy on a socket of its own, which lets through what the operator lists.
//!
//! It speaks HTTP: `CONNECT` for tunnels of TLS, and requests with an absolute address for the rest; each request is
//! judged. For programs that know no proxy of HTTP it speaks SOCKS 5, answers questions for names, and takes TLS that is
//! begun at once. Nothing is decrypted. What was judged is what is looked up and dialled, by one parser
//! ([`orch_domain::reach`]), and an address of the machine or of a private network is refused after it was looked up.
//!
//! Not here: who may reach what (the configuration), how a run gets to the socket (the sandbox), and what becomes of the
//! records (the engine).

mod dial;
mod hello;
mod metered;
mod names;
mod request;
mod run;
mod serve;
mod socks;
mod tunnel;

use orch_domain::reach::{Reached, Rule, Target};

pub use serve::{Proxy, listen};

/// Name of the socket in its folder.
pub const SOCKET: &str = "proxy.sock";

/// What a run may reach.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Names of everybody's network.
    pub reach: Vec<Rule>,
    /// Names whose addresses may be those of a private network or of this machine.
    pub reach_private: Vec<Rule>,
    /// Which of these names packages are only fetched from.
    pub fetch_only: Vec<Rule>,
    /// Limits.
    pub limits: Limits,
}

impl Policy {
    /// Whether packages are only fetched from there.
    pub(crate) fn is_fetch_only(&self, target: &Target) -> bool {
        self.fetch_only.iter().any(|rule| rule.allows(target))
    }
}

/// How much a run may move.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Bytes that it sends in all.
    pub sent_bytes: u64,
    /// Bytes that it sends by one connection.
    pub connection_sent_bytes: u64,
    /// Bytes that it sends in all to where packages are only fetched from. What is asked inside of TLS cannot be seen; a
    /// package that is published has to be sent.
    pub fetch_sent_bytes: u64,
    /// Bytes that it receives in all.
    pub received_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            sent_bytes: 1 << 30,
            connection_sent_bytes: 256 << 20,
            fetch_sent_bytes: 16 << 20,
            received_bytes: 32 << 30,
        }
    }
}

/// A connection that a run asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Host, as it was asked for, cut to what a name may have.
    pub host: String,
    /// Port; 0 if none could be read.
    pub port: u16,
    /// What became of it.
    pub reached: Reached,
    /// Bytes that the run sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
}
