//! Why is a text refused, and on which line?

/// Why a text is refused. `line` counts from 1, from the beginning of the file or text that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The document does not begin with `---`.
    #[error(
        "no frontmatter: the first line must be exactly `---`, without a blank before or behind it; {instead}"
    )]
    NoFrontmatter {
        /// What stands there.
        instead: &'static str,
    },
    /// The closing line is missing.
    #[error(
        "the frontmatter is not closed: end it with a line that is exactly `---`, without a blank before or behind it"
    )]
    NotClosed,
    /// The text is too long.
    #[error("the text has {bytes} bytes; at most {max} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Something YAML allows and we refuse.
    #[error("line {line}: {what} are not allowed; write the value out")]
    Forbidden {
        /// Where.
        line: usize,
        /// What.
        what: &'static str,
    },
    /// A key stands twice.
    #[error("line {line}: key `{key}` stands twice; remove one")]
    DuplicateKey {
        /// Where.
        line: usize,
        /// Which.
        key: String,
    },
    /// A bound is passed.
    #[error("line {line}: {what}")]
    Bound {
        /// Where.
        line: usize,
        /// Which bound.
        what: &'static str,
    },
    /// The top level is not a mapping.
    #[error(
        "the top level must be a mapping of keys to values, each key followed by a colon and a blank"
    )]
    NotMapping,
    /// The text is no YAML.
    #[error("line {line}: not valid YAML: {problem}")]
    Syntax {
        /// Where.
        line: usize,
        /// The parser's words.
        problem: String,
    },
}

impl Error {
    /// The line that is wrong, counting from 1; none if the text is wrong as a whole.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::NoFrontmatter { .. } => Some(1),
            Self::Forbidden { line, .. }
            | Self::DuplicateKey { line, .. }
            | Self::Bound { line, .. }
            | Self::Syntax { line, .. } => Some(*line),
            Self::NotClosed | Self::TooLarge { .. } | Self::NotMapping => None,
        }
    }

    /// The same of a text that stands `lines` further down.
    pub(crate) fn further_down(mut self, lines: usize) -> Self {
        match &mut self {
            Self::Forbidden { line, .. }
            | Self::DuplicateKey { line, .. }
            | Self::Bound { line, .. }
            | Self::Syntax { line, .. } => *line += lines,
            Self::NoFrontmatter { .. }
            | Self::NotClosed
            | Self::TooLarge { .. }
            | Self::NotMapping => {}
        }
        self
    }
}
