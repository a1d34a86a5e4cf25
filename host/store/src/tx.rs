//! A connection inside a transaction: what every query and write is a method of.

use futures_util::TryStreamExt;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Either, Executor, Sqlite, SqliteConnection};

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
    /// What the next statement over an array is to be sent behind: it opens the savepoint that the statement is in.
    pub(crate) opening: &'static str,
    /// Whether a snapshot was begun whose end is not known.
    pub(crate) in_snapshot: bool,
}

/// What came back of several statements that were sent as one.
#[derive(Debug)]
pub(crate) struct Came {
    /// Rows that the last of them wrote.
    pub(crate) written: u64,
    /// Id of the row that was inserted last.
    pub(crate) last_id: i64,
    /// Rows that they returned.
    pub(crate) rows: Vec<SqliteRow>,
}

impl Tx {
    pub(crate) fn new(conn: SqliteConnection) -> Self {
        Self {
            conn,
            woke: false,
            opening: "",
            in_snapshot: false,
        }
    }

    /// A statement behind what opens its savepoint. Each way to the thread of the database costs as much as a small
    /// statement does, so both go together.
    pub(crate) fn joined(&mut self, sql: &str) -> Query<'static, Sqlite, SqliteArguments> {
        let opening = std::mem::take(&mut self.opening);
        sqlx::query(AssertSqlSafe(format!("{opening}{sql}")))
    }

    /// Carries out what [`Tx::joined`] made. The usual way to execute adds up what SQLite says of every statement, and
    /// it says of a `BEGIN` what the statement before it wrote.
    pub(crate) async fn carry_out(
        &mut self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Came, sqlx::Error> {
        let mut came = Came {
            written: 0,
            last_id: 0,
            rows: Vec::new(),
        };
        let mut results = self.conn.fetch_many(query);
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Left(done) => {
                    came.written = done.rows_affected();
                    came.last_id = done.last_insert_rowid();
                }
                Either::Right(row) => came.rows.push(row),
            }
        }
        Ok(came)
    }
}
