//! What does a report say, however it is written?

use crate::number::Share;

/// Lines of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) covered: u64,
    pub(crate) total: u64,
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
