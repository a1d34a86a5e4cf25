//! What does the host look up in the outside world for a gate? Two ports, answered over HTTP.
//!
//! Which gate may ask, and what, is decided before: from its grants. An answer and a failure reach the gate as they
//! are.

use std::fmt::Debug;
use std::time::Duration;

use crate::imports::{Advisory, Answer, HttpResponse, Package, ServiceError};

/// A feed of advisories, as the operator has configured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Address of an OSV server.
    pub url: String,
    /// Limit of one lookup.
    pub timeout: Duration,
    /// How long an answer is used again.
    pub fresh_for: Duration,
}

/// Known vulnerabilities.
pub trait Advisories: Send + Sync + Debug {
    /// What the feed knows of these packages. Called whenever a gate asks; the same package is asked for again and
    /// again, so that the implementation keeps answers for as long as they are fresh. The feed may be another one at
    /// the next call: the operator changes it while the host runs.
    ///
    /// # Errors
    /// [`ServiceError::Unavailable`] when the server gives no whole answer in time and none is kept.
    fn lookup<'a>(
        &'a self,
        feed: &'a Feed,
        packages: &'a [Package],
    ) -> Answer<'a, Result<Vec<Advisory>, ServiceError>>;
}

/// Pages of addresses that the operator granted.
pub trait WebGet: Send + Sync + Debug {
    /// The page at `url`, which must lie below one of the `granted` addresses. Called whenever a gate asks. Whether it
    /// is granted is decided here, so that the address that is asked is the one that was compared. Redirects are not
    /// followed: they could lead to an address that is not granted.
    ///
    /// # Errors
    /// [`ServiceError::Denied`] for an address that is not granted; [`ServiceError::Unavailable`] when there is no
    /// whole answer in time.
    fn get<'a>(
        &'a self,
        granted: &'a [String],
        url: &'a str,
    ) -> Answer<'a, Result<HttpResponse, ServiceError>>;
}
