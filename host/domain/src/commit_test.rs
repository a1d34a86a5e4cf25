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
        /// The tests could not be run, which says nothing of the commit.
        Unable = "unable",
    }
}

words! {
    "inability":
    /// Why tests could not be run: the machine's fault, or that of what they need.
    pub enum Inability {
        /// The command that sets a checkout up failed.
        Setup = "setup",
        /// A program is not there.
        ToolMissing = "tool-missing",
        /// A program may not be started.
        ToolDenied = "tool-denied",
        /// The disk is full.
        NoSpace = "no-space",
        /// Another repository that belongs to the commit cannot be had.
        Submodule = "submodule",
        /// They ran and failed as those of the base do, which somebody has to mend there.
        BaseFails = "base-fails",
    }
}

/// Which of the two commands ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// That which sets a checkout up.
    Setup,
    /// That which tests it.
    Test,
}

/// Bytes below which a full disk is taken for the reason of a failure.
const SPACE_BYTES_MIN: u64 = 16 * 1024 * 1024;

impl Inability {
    /// Why a command that failed says nothing of the commit; none if it does. Decided by what the host itself saw, and
    /// never by what was printed.
    pub fn of(phase: Phase, exit_code: i32, free_bytes: u64) -> Option<Self> {
        if free_bytes < SPACE_BYTES_MIN {
            return Some(Self::NoSpace);
        }
        match (phase, exit_code) {
            (_, 127) => Some(Self::ToolMissing),
            (_, 126) => Some(Self::ToolDenied),
            (Phase::Setup, _) => Some(Self::Setup),
            (Phase::Test, _) => None,
        }
    }

    /// Whether a branch may have caused it, so that a base which passes makes it the branch's.
    pub fn may_be_the_branchs(self) -> bool {
        match self {
            Self::ToolMissing | Self::ToolDenied => true,
            Self::Setup | Self::NoSpace | Self::Submodule | Self::BaseFails => false,
        }
    }

    /// What would help.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Setup => {
                "try `ci.setup` on this machine, and see that it reaches what it fetches"
            }
            Self::ToolMissing => {
                "install the program for the host's user and put it on the host's PATH, or grant its folder with `sandbox.read`"
            }
            Self::ToolDenied => {
                "grant the program's folder with `sandbox.read` in orch.yaml, or make it one that everybody may execute"
            }
            Self::NoSpace => "make room on the disk of the data folder",
            Self::Submodule => {
                "see that the host can fetch it, allow where it comes from with `submodules.from` of the repository in orch.yaml, or do without it with `submodules.without`"
            }
            Self::BaseFails => {
                "mend these tests on the base, or take the task's branch and mend them there"
            }
        }
    }
}

impl TestState {
    /// The same as a check that gates read.
    pub fn check(self) -> CheckState {
        match self {
            // Whoever waits for it waits until somebody has mended what is in the way.
            Self::Asked | Self::Unable => CheckState::Pending,
            Self::Passed => CheckState::Success,
            Self::Failed => CheckState::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_that_ran_says_something_of_the_commit() {
        let plenty = 1 << 30;
        for (phase, code, free, expected) in [
            (Phase::Test, 1, plenty, None),
            (Phase::Test, 127, plenty, Some(Inability::ToolMissing)),
            (Phase::Test, 126, plenty, Some(Inability::ToolDenied)),
            (Phase::Test, 1, 1024, Some(Inability::NoSpace)),
            (Phase::Setup, 1, plenty, Some(Inability::Setup)),
            (Phase::Setup, 127, plenty, Some(Inability::ToolMissing)),
        ] {
            assert_eq!(
                Inability::of(phase, code, free),
                expected,
                "{phase:?} {code}"
            );
        }
    }
}
