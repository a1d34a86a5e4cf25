//! A connection inside a transaction: what every query and write is a method of.

use sqlx::SqliteConnection;

/// A connection inside a transaction. [`crate::Store::write`] and [`crate::Store::read`] hand it out; the
/// tables' files give it its methods.
///
/// Every one of them fails with [`crate::StoreError`] when the database does not answer or a row holds what this version
/// does not know. Only what a method refuses besides is said where it stands.
#[derive(Debug)]
pub struct Tx {
    pub(crate) conn: SqliteConnection,
    /// Whether something became ready in this batch, so that workers are to be woken after the commit.
    pub(crate) woke: bool,
}
