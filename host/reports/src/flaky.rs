//! Tests that fail now and then: which are they, by two runs of the same commit, and is a red run only theirs?

use std::collections::BTreeSet;

use crate::failed::FailedTests;

impl FailedTests {
    /// Names that failed in one of two runs of the same commit and not in the other. Where one list is not whole, or the
    /// tests failed without a name, nobody can tell.
    pub fn only_in_one(&self, other: &Self) -> Vec<String> {
        if self.more || other.more {
            return Vec::new();
        }
        let lacks = |of: &Self, name: &String| !of.names.contains(name);
        let mut names: Vec<String> = Vec::new();
        for (names_of, held_against) in [(self, other), (other, self)] {
            let own = names_of.names.iter().filter(|n| lacks(held_against, n));
            names.extend(own.cloned());
        }
        names
    }

    /// Whether every failure has a name, and each is one of `known`.
    pub fn are_all_of(&self, known: &BTreeSet<String>) -> bool {
        !self.more && !self.names.is_empty() && self.names.iter().all(|name| known.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(names: &[&str], more: bool) -> FailedTests {
        FailedTests {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            more,
            ran: None,
        }
    }

    #[test]
    fn what_failed_once_of_two_times_is_known_and_cut_lists_tell_nothing() {
        let (one, other) = (failed(&["a", "b"], false), failed(&["b", "c"], false));
        assert_eq!(one.only_in_one(&other), ["a", "c"]);
        assert_eq!(one.only_in_one(&FailedTests::default()), ["a", "b"]);
        assert!(one.only_in_one(&one).is_empty());
        assert!(one.only_in_one(&failed(&[], true)).is_empty());
        assert!(failed(&["a"], true).only_in_one(&other).is_empty());
    }

    #[test]
    fn red_run_is_only_theirs_if_every_failure_has_a_known_name() {
        let known = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert!(failed(&["a"], false).are_all_of(&known));
        for other in [
            failed(&["a", "new"], false),
            failed(&["a"], true),
            failed(&[], false),
        ] {
            assert!(!other.are_all_of(&known), "{other:?}");
        }
    }
}
