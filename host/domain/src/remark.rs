//! What did a person say of a place in a difference, and how does whoever works next read it?

use crate::words::words;

words! {
    "side of a difference":
    /// Which of the two that are compared a line is counted in.
    pub enum Side {
        /// What the task made of it.
        New = "new",
        /// What was there before.
        Old = "old",
    }
}

words! {
    "state of a remark":
    /// What became of a remark.
    pub enum RemarkState {
        /// No run has read it and ended well: the next one reads it.
        Open = "open",
        /// A run that is under way has it.
        Given = "given",
        /// A run that had it ended well.
        Read = "read",
    }
}

/// Bytes of one remark.
pub const TEXT_BYTES_MAX: usize = 4_000;
/// Open remarks of a task.
pub const OPEN_MAX: usize = 100;
/// Bytes that all open remarks of a task take where they are told: what fits into a prompt uncut.
pub const OPEN_BYTES_MAX: usize = 24 * 1024;
/// Characters of a line that are kept beside a remark.
const EXCERPT_CHARS_MAX: usize = 200;

/// A place in a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// File, as its path is shown.
    pub path: String,
    /// Line in it, counting from 1; none for the file as a whole.
    pub line: Option<u32>,
    /// In which of the two the line is counted.
    pub side: Side,
    /// The line as it was seen, cut; empty without a line.
    pub excerpt: String,
}

impl Place {
    /// The place as people write it.
    pub fn name(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.path),
            None => self.path.clone(),
        }
    }
}

/// What is kept of a line beside a remark.
pub fn excerpt(line: &str) -> String {
    match line.char_indices().nth(EXCERPT_CHARS_MAX) {
        None => line.trim_end().to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

/// A remark as an agent reads it: where, what stood there, and what was said.
pub fn told(place: &Place, text: &str) -> String {
    let mut out = place.name();
    if place.side == Side::Old && place.line.is_some() {
        out.push_str(", as it was before the change");
    }
    if !place.excerpt.trim().is_empty() {
        out.push_str(": ");
        out.push_str(place.excerpt.trim());
    }
    out.push('\n');
    for line in text.trim().lines() {
        out.push_str("    ");
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: Option<u32>, side: Side, excerpt: &str) -> Place {
        Place {
            path: "src/cart.rs".to_owned(),
            line,
            side,
            excerpt: excerpt.to_owned(),
        }
    }

    #[test]
    fn remark_is_told_with_its_place_and_the_line_as_it_was_seen() {
        let new = place(Some(5), Side::New, "    shift 2");
        assert_eq!(
            told(&new, "Check it first.\nThen shift."),
            "src/cart.rs:5: shift 2\n    Check it first.\n    Then shift.\n"
        );
        let old = place(Some(7), Side::Old, "guard()");
        assert_eq!(
            told(&old, "Why is it gone?"),
            "src/cart.rs:7, as it was before the change: guard()\n    Why is it gone?\n"
        );
        let file = place(None, Side::New, "");
        assert_eq!(told(&file, "Split it."), "src/cart.rs\n    Split it.\n");
    }

    #[test]
    fn long_line_is_cut_between_characters() {
        let kept = excerpt(&"ë".repeat(500));
        assert_eq!(kept.chars().count(), EXCERPT_CHARS_MAX + 1);
        assert_eq!(excerpt("short  "), "short");
    }
}
