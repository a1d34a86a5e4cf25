//! Looks into a host's database, and makes it say what only an accident would.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};

/// Runs statements on a database that a host may have open; answers the rows that the last one changed.
///
/// # Panics
/// When the database refuses.
pub fn execute(database: &Path, statement: &'static str) -> u64 {
    run(async {
        let mut conn = open(database).await;
        let done = sqlx::query(statement).execute(&mut conn).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"))
            .rows_affected()
    })
}

/// The first column of every row of an answer, as text.
///
/// # Panics
/// When the database refuses.
pub fn column(database: &Path, question: &'static str) -> Vec<String> {
    run(async {
        let mut conn = open(database).await;
        let rows = sqlx::query(question).fetch_all(&mut conn).await;
        let rows = rows.unwrap_or_else(|e| panic!("{question}: {e}"));
        rows.iter().map(|row| row.get(0)).collect()
    })
}

/// Another program's transaction, which keeps everybody else from writing for as long as it is held.
#[derive(Debug)]
pub struct Held {
    runtime: tokio::runtime::Runtime,
    conn: Option<SqliteConnection>,
}

/// Takes the database's write lock.
///
/// # Panics
/// When the database refuses.
pub fn hold(database: &Path) -> Held {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let conn = runtime.block_on(async {
        let mut conn = open(database).await;
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut conn)
            .await
            .expect("the lock is free");
        conn
    });
    Held {
        runtime,
        conn: Some(conn),
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            // Closing ends the transaction.
            self.runtime.block_on(conn.close()).ok();
        }
    }
}

async fn open(database: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .busy_timeout(std::time::Duration::from_secs(10));
    let conn = SqliteConnection::connect_with(&options).await;
    conn.expect("the database opens")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}
