//! Sessions in browsers, and the links that begin them: whose they are and until when they count.

use orch_domain::id::{PersonName, SessionId, TokenId, UnixMs};
use sqlx::sqlite::SqliteRow;

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// It becomes a session once.
    Link,
    /// Somebody is logged in.
    Session,
}

impl SessionKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Session => "session",
        }
    }
}

/// A session or link as stored: its secret is known by its hash alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Row id.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonName,
    /// The token that began it; none for who was known by the socket.
    pub token: Option<TokenId>,
    /// SHA-256 of the secret, in hexadecimal digits.
    pub hash: String,
    /// From when on it does not count.
    pub expires_ms: UnixMs,
}

/// A session or link to be kept.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Which of the two.
    pub kind: SessionKind,
    /// Whose it is.
    pub person: PersonName,
    /// The token that begins it, if one does.
    pub token: Option<TokenId>,
    /// SHA-256 of the secret, in hexadecimal digits.
    pub hash: String,
    /// From when on it does not count.
    pub expires_ms: UnixMs,
}

impl Tx {
    /// Keeps a session or link.
    pub async fn insert_session(
        &mut self,
        new: &NewSession,
        now: UnixMs,
    ) -> Result<SessionId, StoreError> {
        let done = sqlx::query(
            "INSERT INTO sessions (kind, person, token_id, hash, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(new.kind.as_str())
        .bind(new.person.as_str())
        .bind(new.token.map(|t| t.0))
        .bind(&new.hash)
        .bind(now)
        .bind(new.expires_ms)
        .execute(&mut self.conn)
        .await
        .doing("keep a session")?;
        Ok(SessionId(done.last_insert_rowid()))
    }

    /// A session or link that counts at `now`, by its id.
    pub async fn session(
        &mut self,
        kind: SessionKind,
        id: SessionId,
        now: UnixMs,
    ) -> Result<Option<SessionRow>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM sessions WHERE id = ? AND kind = ? AND expires_ms > ?")
                .bind(id.0)
                .bind(kind.as_str())
                .bind(now)
                .fetch_optional(&mut self.conn)
                .await
                .doing("read a session")?;
        row.as_ref().map(session).transpose()
    }

    /// Ends a session, or uses a link up; says whether it was there.
    pub async fn end_session(&mut self, id: SessionId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(id.0)
            .execute(&mut self.conn)
            .await
            .doing("end a session")?;
        Ok(done.rows_affected() > 0)
    }

    /// How many sessions and links are kept.
    pub async fn count_sessions(&mut self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM sessions")
            .fetch_one(&mut self.conn)
            .await
            .doing("count sessions")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Forgets sessions and links that do not count any more at `now`.
    pub async fn sweep_sessions(&mut self, now: UnixMs) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE expires_ms <= ?")
            .bind(now)
            .execute(&mut self.conn)
            .await
            .doing("sweep sessions")?;
        Ok(done.rows_affected())
    }
}

fn session(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    let id: i64 = get(row, "id")?;
    let person: String = get(row, "person")?;
    let token: Option<i64> = get(row, "token_id")?;
    let name = PersonName::new(person.clone()).ok();
    Ok(SessionRow {
        id: SessionId(id),
        person: known(name, "sessions", id, &person, "person")?,
        token: token.map(TokenId),
        hash: get(row, "hash")?,
        expires_ms: get(row, "expires_ms")?,
    })
}
