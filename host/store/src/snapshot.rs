//! How is a database copied while a host works on it, and taken up elsewhere?

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::error::{Context, StoreError};

/// Writes the database as it is at one moment to a new file, whoever has it meanwhile.
///
/// # Errors
/// When there is no such database, or the new file is there already or cannot be written.
pub async fn snapshot(database: &Path, into: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .create_if_missing(false);
    let mut conn = SqliteConnection::connect_with(&options)
        .await
        .doing("open the database for a copy")?;
    sqlx::query("VACUUM INTO ?")
        .bind(into.to_string_lossy().into_owned())
        .execute(&mut conn)
        .await
        .doing("copy the database")?;
    conn.close().await.doing("close the database")
}

/// Has the runs of a database that no host has name their folders below `to` instead of `from`, for a data folder that
/// lies elsewhere now.
///
/// # Errors
/// When the database cannot be written.
pub async fn move_run_folders(database: &Path, from: &Path, to: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(false);
    let mut conn = SqliteConnection::connect_with(&options)
        .await
        .doing("open the database that is restored")?;
    let (from, to) = (format!("{}/", from.display()), format!("{}/", to.display()));
    sqlx::query("UPDATE runs SET folder = ? || substr(folder, length(?) + 1) WHERE substr(folder, 1, length(?)) = ?")
        .bind(to)
        .bind(&from)
        .bind(&from)
        .bind(&from)
        .execute(&mut conn)
        .await
        .doing("move run folders")?;
    conn.close().await.doing("close the database")
}
