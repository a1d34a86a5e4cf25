//! What does a report say, however it is written?

use std::collections::BTreeMap;

use crate::number::Share;

/// Lines of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) covered: u64,
    pub(crate) total: u64,
}

impl Lines {
    /// Of lines of which it is known whether they are covered.
    pub(crate) fn of(lines: &BTreeMap<u64, bool>) -> Self {
        Self {
            covered: lines.values().filter(|covered| **covered).count() as u64,
            total: lines.len() as u64,
        }
    }

    /// These and others; none if there cannot be so many.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        Some(Self {
            covered: self.covered.checked_add(other.covered)?,
            total: self.total.checked_add(other.total)?,
        })
    }
}

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) share: Share,
    /// None if the report states the share only.
    pub(crate) lines: Option<Lines>,
}

impl Measure {
    /// The measure of these lines.
    ///
    /// # Errors
    /// What is wrong with the counts.
    pub(crate) fn of(lines: Lines) -> Result<Self, String> {
        Ok(Self {
            share: Share::of(lines.covered, lines.total)?,
            lines: Some(lines),
        })
    }

    /// A measure of which the share alone is known.
    pub(crate) fn share(share: Share) -> Self {
        Self { share, lines: None }
    }
}

/// What is wrong with a report, and on which line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Counting from 1; none if it is wrong as a whole.
    pub(crate) line: Option<u32>,
    pub(crate) what: String,
}

impl Wrong {
    /// Something about the line at `index`, counting from 0.
    pub(crate) fn at(index: usize, what: String) -> Self {
        Self {
            line: u32::try_from(index + 1).ok(),
            what,
        }
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self { line: None, what }
    }
}
