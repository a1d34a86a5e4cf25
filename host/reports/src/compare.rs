//! A red run beside that of its base: what is new in it, for people; and whether nothing is.

use std::collections::BTreeSet;

use crate::failed::FailedTests;

impl FailedTests {
    /// Whether every failure of this red run is one of its base's red run.
    ///
    /// The names were printed by the branch, which may print what it likes. So the answer never makes a red commit
    /// green and never spares it a test: it only says that a person, and not the developer, has to look. Where one list
    /// is not whole, or nothing was named, nothing is known.
    pub fn adds_nothing_to(&self, base: &Self) -> bool {
        let known: BTreeSet<&String> = base.names.iter().collect();
        !self.more
            && !base.more
            && !self.names.is_empty()
            && self.names.iter().all(|name| known.contains(name))
    }

    /// The failures, for people and agents: those that the base does not have first. Empty if none has a name.
    pub fn told(&self, base: Option<&Self>) -> String {
        let known: BTreeSet<&String> = base.iter().flat_map(|base| &base.names).collect();
        let (old, new): (Vec<&String>, Vec<&String>) =
            self.names.iter().partition(|name| known.contains(name));
        let mut parts = Vec::new();
        if !new.is_empty() || (self.more && old.is_empty()) {
            parts.push(format!("Failed tests:\n{}", Self::listed(new, self.more)));
        }
        if !old.is_empty() {
            let listed = Self::listed(old, false);
            parts.push(format!(
                "Failed on the base as well, and no matter of this change:\n{listed}"
            ));
        }
        parts.join("\n")
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
    fn only_whole_lists_of_named_failures_can_be_the_bases() {
        let base = failed(&["a", "b"], false);
        assert!(failed(&["a"], false).adds_nothing_to(&base));
        assert!(failed(&["b", "a"], false).adds_nothing_to(&base));
        for own in [
            failed(&["a", "c"], false),
            failed(&["a"], true),
            failed(&[], false),
        ] {
            assert!(!own.adds_nothing_to(&base), "{own:?}");
        }
        assert!(!failed(&["a"], false).adds_nothing_to(&failed(&["a"], true)));
        assert!(!failed(&["a"], false).adds_nothing_to(&FailedTests::default()));
    }

    #[test]
    fn failures_that_are_new_are_told_first() {
        let text = failed(&["old", "new"], false).told(Some(&failed(&["old"], false)));
        assert_eq!(
            text,
            "Failed tests:\n- new\nFailed on the base as well, and no matter of this change:\n- old"
        );
        assert_eq!(failed(&[], false).told(None), "");
    }
}
