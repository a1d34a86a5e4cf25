//! When should a gate that only watches be enforced? Told from what it decided about the latest changes; whether it is
//! right to hold one up is for a person to say.

use crate::pipeline::Mode;
use crate::words::words;

/// Changes that a gate has to have judged before anything is proposed: fewer say little about what it would hold up.
pub const CHANGES_MIN: u64 = 20;
/// Share of the changes that may be held up, percent; a gate that holds up more has its findings looked at first.
pub const HELD_PERCENT_MAX: u64 = 25;

/// What an entry decided about the latest changes. A change is a task's commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Changes that it judged.
    pub changes: u64,
    /// Changes that it would hold up, or did: it failed them, or waited till now.
    pub held: u64,
    /// Changes of which it could not decide.
    pub undecided: u64,
}

words! {
    "proposal":
    /// What is proposed for an entry.
    pub enum Proposal {
        /// Nothing: it is enforced, or switched off.
        Nothing = "nothing",
        /// Let it watch on: it has judged too few changes.
        WatchOn = "watch-on",
        /// Mend it: it could not decide of some changes, and each of them would have been blocked.
        Mend = "mend",
        /// Look at what it would have held up: that is much.
        LookFirst = "look-first",
        /// Enforce it.
        Enforce = "enforce",
    }
}

impl Conduct {
    /// What is proposed for an entry in `mode`.
    pub fn proposal(self, mode: Mode) -> Proposal {
        match mode {
            Mode::Off | Mode::Enforce => Proposal::Nothing,
            Mode::Observe | Mode::Advise if self.undecided > 0 => Proposal::Mend,
            Mode::Observe | Mode::Advise if self.changes < CHANGES_MIN => Proposal::WatchOn,
            Mode::Observe | Mode::Advise => {
                match self.held.saturating_mul(100) > self.changes.saturating_mul(HELD_PERCENT_MAX)
                {
                    true => Proposal::LookFirst,
                    false => Proposal::Enforce,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conduct(changes: u64, held: u64, undecided: u64) -> Conduct {
        Conduct {
            changes,
            held,
            undecided,
        }
    }

    #[test]
    fn gate_is_proposed_to_be_enforced_when_it_has_judged_enough_and_holds_up_little() {
        for (conduct, proposal) in [
            (conduct(0, 0, 0), Proposal::WatchOn),
            (conduct(19, 0, 0), Proposal::WatchOn),
            (conduct(20, 5, 0), Proposal::Enforce),
            (conduct(20, 6, 0), Proposal::LookFirst),
            (conduct(400, 0, 1), Proposal::Mend),
            (conduct(2, 0, 1), Proposal::Mend),
        ] {
            assert_eq!(conduct.proposal(Mode::Observe), proposal, "{conduct:?}");
            assert_eq!(conduct.proposal(Mode::Advise), proposal, "{conduct:?}");
            assert_eq!(conduct.proposal(Mode::Enforce), Proposal::Nothing);
            assert_eq!(conduct.proposal(Mode::Off), Proposal::Nothing);
        }
    }
}
