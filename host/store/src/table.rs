//! One file per table or family of tables: how rows are written and found.
//!
//! A bound limit is written `LIMIT +?`. SQLite plans by the value of a bare parameter there, and so prepares the statement
//! anew whenever it is bound: three quarters of what a claim cost.

pub(crate) mod ageing;
pub(crate) mod alerts;
pub(crate) mod artefacts;
pub(crate) mod base_tests;
pub(crate) mod batch_branches;
pub(crate) mod batches;
pub(crate) mod board;
pub(crate) mod branches;
pub(crate) mod commit_tests;
pub(crate) mod conduct;
pub(crate) mod connections;
pub(crate) mod costs;
pub(crate) mod counts;
pub(crate) mod deliveries;
pub(crate) mod drills;
pub(crate) mod evaluations;
pub(crate) mod events;
pub(crate) mod findings;
pub(crate) mod flaky_tests;
pub(crate) mod forge;
pub(crate) mod history;
pub(crate) mod holds;
pub(crate) mod issues;
pub(crate) mod items;
pub(crate) mod jobs;
pub(crate) mod leases;
pub(crate) mod memory;
pub(crate) mod outbox;
pub(crate) mod pages;
pub(crate) mod pauses;
#[cfg(test)]
mod plans;
pub(crate) mod reap;
pub(crate) mod reconcile;
pub(crate) mod releases;
pub(crate) mod remarks;
pub(crate) mod request_keys;
pub(crate) mod runs;
pub(crate) mod sessions;
pub(crate) mod step_failures;
pub(crate) mod tasks;
pub(crate) mod tokens;
pub(crate) mod tracker;
pub(crate) mod turns;
pub(crate) mod waits;
pub(crate) mod windows;

use orch_domain::job::JobKind;
use orch_domain::words::Word;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Row, Sqlite, Type};

use crate::error::{Context, StoreError};

/// Reads one column.
pub(crate) fn get<'r, T, I>(row: &'r SqliteRow, column: I) -> Result<T, StoreError>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
    I: ColumnIndex<SqliteRow>,
{
    row.try_get(column).doing("decode a column")
}

/// Reads a column that holds a word of a closed list, or says which row holds an unknown one.
pub(crate) fn word<T: Word>(
    row: &SqliteRow,
    column: &str,
    table: &'static str,
    id: impl std::fmt::Display,
) -> Result<T, StoreError> {
    let value: String = get(row, column)?;
    known(T::of(&value), table, id, &value, T::WHAT)
}

/// [`word`] of a column that may be empty.
pub(crate) fn maybe_word<T: Word>(
    row: &SqliteRow,
    column: &str,
    table: &'static str,
    id: impl std::fmt::Display,
) -> Result<Option<T>, StoreError> {
    let value: Option<String> = get(row, column)?;
    value
        .map(|value| known(T::of(&value), table, id, &value, T::WHAT))
        .transpose()
}

/// The names of the kinds of jobs for which `is_wanted` holds, as SQL has them in a list.
pub(crate) fn kinds(is_wanted: impl Fn(JobKind) -> bool) -> String {
    let wanted = JobKind::ALL.into_iter().filter(|kind| is_wanted(*kind));
    let quoted: Vec<String> = wanted.map(|kind| format!("'{kind}'")).collect();
    quoted.join(", ")
}

/// Turns a column's text into its type, or says which row holds one that this version does not know.
pub(crate) fn known<T>(
    parsed: Option<T>,
    table: &'static str,
    id: impl std::fmt::Display,
    value: &str,
    what: &'static str,
) -> Result<T, StoreError> {
    parsed.ok_or_else(|| StoreError::Decode {
        table,
        id: id.to_string(),
        value: value.to_owned(),
        what,
    })
}
