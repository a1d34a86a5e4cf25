//! How does the test of a commit stand that the host itself runs?

use crate::imports::CheckState;
use crate::words::words;

/// How often a test that was lost is asked for again. One that comes to nothing every time is left to the deadline of
/// whoever waits for it.
pub const ASKED_AGAIN_MAX: u32 = 3;

words! {
    "state of a test":
    /// How the test of a commit stands.
    pub enum TestState {
        /// It is asked for, or under way.
        Asked = "asked",
        /// The commit passed.
        Passed = "passed",
        /// The commit failed.
        Failed = "failed",
    }
}

impl TestState {
    /// The same as a check that gates read.
    pub fn check(self) -> CheckState {
        match self {
            Self::Asked => CheckState::Pending,
            Self::Passed => CheckState::Success,
            Self::Failed => CheckState::Failure,
        }
    }
}
