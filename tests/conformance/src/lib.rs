//! What every implementation of a port has to do: one suite for each port, run by the tests of each implementation.
//!
//! An implementation brings a *site*: a fresh source with the port to it, and what somebody else does to that source
//! behind the host's back. Macros make one test of each case.
//!
//! A suite says nothing of how fast a source is or in which words it refuses.

pub mod forge;
pub mod notifier;
pub mod tracker;

use std::future::Future;
use std::pin::Pin;

/// What a site does in its own time.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes one `tokio` test of each case of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($suite:ident, $make:path, [$($case:ident),+ $(,)?]) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::$suite::$case(&$make().await).await;
        }
    )+};
}
