//! What of a project is looked at.

use std::collections::BTreeSet;

/// A project to be looked at.
pub struct Project<'a> {
    /// Every file, by its path from the top folder.
    pub files: &'a BTreeSet<String>,
    /// Text of a file; none if it is not there, too large or no text.
    pub read: &'a dyn Fn(&str) -> Option<String>,
    /// Whether a program is on the PATH.
    pub has_program: &'a dyn Fn(&str) -> bool,
}
