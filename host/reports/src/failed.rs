//! What is known of the tests of one run, within bounds.

use serde::{Deserialize, Serialize};

/// Failures that are kept by name.
const NAMES_MAX: usize = 200;
/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 300;
/// Failures that are named to an agent or a person at once.
const SHOWN_MAX: usize = 20;

/// Failed tests of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTests {
    /// Their names, first failure first; each once.
    pub names: Vec<String>,
    /// Whether there are more than are named.
    #[serde(default)]
    pub more: bool,
    /// How many tests ran; none if nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<u64>,
}

/// How many tests ran, as a report counts them up and takes some of them back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    counted: Option<u64>,
    left_out: u64,
}

impl Count {
    /// Counts tests; nothing was said of any before the first call, be it with none.
    pub(crate) fn add(&mut self, tests: u64) {
        self.counted = Some(self.counted.unwrap_or(0).saturating_add(tests));
    }

    /// Takes tests back that are counted somewhere and did not run.
    pub(crate) fn leave_out(&mut self, tests: u64) {
        self.left_out = self.left_out.saturating_add(tests);
    }

    pub(crate) fn ran(self) -> Option<u64> {
        let Self { counted, left_out } = self;
        counted.map(|counted| counted.saturating_sub(left_out))
    }
}

impl FailedTests {
    /// Adds a failure. What is no name for people, such as control characters, is left out.
    pub(crate) fn add(&mut self, name: &str) {
        let shown = |c: &char| !c.is_control() && !('\u{200b}'..='\u{202e}').contains(c);
        let mut name: String = name.chars().filter(shown).collect();
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        let name = name.trim();
        if name.is_empty() || self.names.iter().any(|known| known == name) {
            return;
        }
        if self.names.len() >= NAMES_MAX {
            self.more = true;
            return;
        }
        self.names.push(name.to_owned());
    }

    /// Counts tests that ran.
    pub(crate) fn count(&mut self, tests: u64) {
        self.ran = Some(self.ran.unwrap_or(0).saturating_add(tests));
    }

    /// Takes in what another report of the same run says.
    pub fn join(&mut self, other: &Self) {
        for name in &other.names {
            self.add(name);
        }
        self.more |= other.more;
        if let Some(ran) = other.ran {
            self.count(ran);
        }
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        self.names.is_empty() && self.ran.is_none()
    }

    /// Some of these names for a text, and how many more there are.
    pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a String>, more: bool) -> String {
        let names: Vec<&String> = names.into_iter().collect();
        let mut lines: Vec<String> = names
            .iter()
            .take(SHOWN_MAX)
            .map(|n| format!("- {n}"))
            .collect();
        match (names.len().saturating_sub(SHOWN_MAX), more) {
            (0, false) => {}
            (0, true) => lines.push("- and more".to_owned()),
            (left, false) => lines.push(format!("- and {left} more")),
            (left, true) => lines.push(format!("- and {left} more at least")),
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_hold_nothing_that_is_not_shown() {
        let mut failed = FailedTests::default();
        failed.add("a\u{1b}[31m\u{200b}b\u{202e}");
        failed.add("a[31mb");
        failed.add(&"ä".repeat(1000));
        assert_eq!(failed.names.len(), 2, "{failed:?}");
        assert_eq!(failed.names[0], "a[31mb");
        assert_eq!(failed.names[1].len(), NAME_BYTES_MAX);
        for at in 0..1000 {
            failed.add(&format!("test {at}"));
        }
        assert!(failed.more && failed.names.len() == NAMES_MAX);
        let text = FailedTests::listed(&failed.names, failed.more);
        assert!(text.ends_with("- and 180 more at least"), "{text}");
    }
}
