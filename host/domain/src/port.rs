//! Ports to everything outside of the host: forges, trackers and notifiers, as pure contracts.
//!
//! A port acts and answers; what it acts on is decided above, and how it is reached is the business of the crate
//! that implements it. Two rules hold for all of them. Nobody awaits a port inside a transaction of the store. Notices
//! of a source (webhooks, wake-ups) are hints that may be lost or come twice; what counts is what the port answers.
//!
//! Calls may be repeated: whoever calls may have died before it wrote down that the call succeeded. Each method says
//! what makes a repetition harmless.

pub mod forge;
pub mod notifier;
pub mod tracker;
pub mod webhook;
pub mod window;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::id::UnixMs;

/// Name under which the host acts in its sources; what it did itself is never news to it.
pub const HOST_ACTOR: &str = "orch";

/// What the other side calls what it was given: the number of a comment, of a message; none if it gives no name.
pub type Receipt = Option<String>;

/// The answer of a port, as methods of a trait object return it.
pub type PortAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// What kind of failure it was: what a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortFailure {
    /// No answer, or one that says nothing: worth trying again. What was asked for may have happened all the same.
    Unavailable,
    /// It said no, and will say no again.
    Refused,
    /// The credential is missing, wrong or short of a right: a person has to act, and until then nothing works.
    Unauthorised,
    /// What was named is not there, as far as this credential can see. No proof that it was removed.
    NotFound,
    /// Somebody else is in the way of this one thing: it works as soon as a person has cleared the way.
    Obstructed,
    /// Too many calls; none of this source until the time, if it named one.
    RateLimited {
        /// When to come back.
        until_ms: Option<UnixMs>,
    },
}

impl PortFailure {
    /// Whether waiting alone may cure it.
    pub fn is_passing(self) -> bool {
        match self {
            Self::Unavailable | Self::RateLimited { .. } => true,
            Self::Refused | Self::Unauthorised | Self::NotFound | Self::Obstructed => false,
        }
    }

    /// Whether every other call to the same source would fail alike, so that none is worth making now.
    pub fn is_of_the_source(self) -> bool {
        match self {
            Self::Unavailable | Self::Unauthorised | Self::RateLimited { .. } => true,
            Self::Refused | Self::NotFound | Self::Obstructed => false,
        }
    }
}

/// Why a port did not do what it was asked. Its text names source and reason, and never a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortError {
    /// Which source, such as ``repository `shop` ``.
    pub source: String,
    /// What kind of failure.
    pub failure: PortFailure,
    /// What happened, in the source's words where it has some.
    pub reason: String,
}

impl PortError {
    /// A failure of `source`.
    pub fn new(source: impl Into<String>, failure: PortFailure, reason: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            failure,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, reason, .. } = self;
        match self.failure {
            PortFailure::Unavailable => write!(f, "{source} does not answer: {reason}"),
            PortFailure::Refused => write!(f, "{source} refuses: {reason}"),
            PortFailure::Unauthorised => {
                write!(f, "{source} does not accept the credential: {reason}")
            }
            PortFailure::NotFound => write!(f, "{source} does not have it: {reason}"),
            PortFailure::Obstructed => {
                write!(f, "somebody else is in the way at {source}: {reason}")
            }
            PortFailure::RateLimited { .. } => {
                write!(f, "{source} asks for fewer calls: {reason}")
            }
        }
    }
}

impl std::error::Error for PortError {}
