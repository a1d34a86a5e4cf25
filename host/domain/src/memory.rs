//! What gates keep of a repository, from one landing to the next.

/// A value that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Name within the gate.
    pub key: String,
    /// What the gate keeps under it; the host does not read it.
    pub value: String,
    /// Grows with each landing that changes it.
    pub version: i64,
}
