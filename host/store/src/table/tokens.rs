//! Tokens of persons: who has one, what it allows, and whether it still counts.

use orch_domain::id::{PersonName, TokenId, UnixMs};
use orch_domain::person::PersonRole;
use sqlx::sqlite::SqliteRow;

use super::{get, known, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A token as stored: its secret is known by its hash alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Row id.
    pub id: TokenId,
    /// Whose it is.
    pub person: PersonName,
    /// What it allows.
    pub role: PersonRole,
    /// SHA-256 of the secret, in hexadecimal digits.
    pub hash: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_ms: UnixMs,
    /// From when on it does not count; none for never.
    pub expires_ms: Option<UnixMs>,
    /// When it was revoked.
    pub revoked_ms: Option<UnixMs>,
}

impl TokenRow {
    /// Whether it counts at `now`.
    pub fn counts(&self, now: UnixMs) -> bool {
        self.revoked_ms.is_none() && self.expires_ms.is_none_or(|end| now < end)
    }
}

/// A token to be kept.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose it is.
    pub person: PersonName,
    /// What it allows.
    pub role: PersonRole,
    /// SHA-256 of the secret, in hexadecimal digits.
    pub hash: String,
    /// Who makes it.
    pub created_by: String,
    /// From when on it does not count; none for never.
    pub expires_ms: Option<UnixMs>,
}

impl Tx {
    /// Keeps a token.
    pub async fn insert_token(
        &mut self,
        new: &NewToken,
        now: UnixMs,
    ) -> Result<TokenId, StoreError> {
        let done = sqlx::query(
            "INSERT INTO tokens (person, role, hash, created_by, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(new.person.as_str())
        .bind(new.role.as_str())
        .bind(&new.hash)
        .bind(&new.created_by)
        .bind(now)
        .bind(new.expires_ms)
        .execute(&mut self.conn)
        .await
        .doing("keep a token")?;
        Ok(TokenId(done.last_insert_rowid()))
    }

    /// A token by its id.
    pub async fn token(&mut self, id: TokenId) -> Result<Option<TokenRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM tokens WHERE id = ?")
            .bind(id.0)
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a token")?;
        row.as_ref().map(token).transpose()
    }

    /// Tokens after `after`, oldest first, at most `most`; those that do not count any more among them.
    pub async fn tokens(&mut self, after: TokenId, most: u32) -> Result<Vec<TokenRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tokens WHERE id > ? ORDER BY id LIMIT +?")
            .bind(after.0)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list tokens")?;
        rows.iter().map(token).collect()
    }

    /// How many tokens are kept.
    pub async fn count_tokens(&mut self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM tokens")
            .fetch_one(&mut self.conn)
            .await
            .doing("count tokens")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The highest role that a person's tokens allow at `now`; none if the person has none that counts.
    pub async fn role_by_token(
        &mut self,
        person: &PersonName,
        now: UnixMs,
    ) -> Result<Option<PersonRole>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tokens WHERE person = ?")
            .bind(person.as_str())
            .fetch_all(&mut self.conn)
            .await
            .doing("read a person's tokens")?;
        let rows: Vec<TokenRow> = rows.iter().map(token).collect::<Result<_, _>>()?;
        let counting = rows.iter().filter(|row| row.counts(now));
        Ok(counting.map(|row| row.role).max())
    }

    /// Revokes one token; says how many that were.
    pub async fn revoke_token(&mut self, id: TokenId, now: UnixMs) -> Result<u64, StoreError> {
        let done =
            sqlx::query("UPDATE tokens SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL")
                .bind(now)
                .bind(id.0)
                .execute(&mut self.conn)
                .await
                .doing("revoke a token")?;
        Ok(done.rows_affected())
    }

    /// Revokes every token of a person; says how many that were.
    pub async fn revoke_tokens_of(
        &mut self,
        person: &PersonName,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        let done =
            sqlx::query("UPDATE tokens SET revoked_ms = ? WHERE person = ? AND revoked_ms IS NULL")
                .bind(now)
                .bind(person.as_str())
                .execute(&mut self.conn)
                .await
                .doing("revoke a person's tokens")?;
        Ok(done.rows_affected())
    }

    /// Forgets tokens that have not counted since `before_ms`.
    pub async fn sweep_tokens(&mut self, before_ms: UnixMs) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM tokens WHERE coalesce(revoked_ms, expires_ms) < ?")
            .bind(before_ms)
            .execute(&mut self.conn)
            .await
            .doing("sweep tokens")?;
        Ok(done.rows_affected())
    }
}

fn token(row: &SqliteRow) -> Result<TokenRow, StoreError> {
    let id: i64 = get(row, "id")?;
    let person: String = get(row, "person")?;
    Ok(TokenRow {
        id: TokenId(id),
        person: known(
            PersonName::new(person.clone()).ok(),
            "tokens",
            id,
            &person,
            "person",
        )?,
        role: word(row, "role", "tokens", id)?,
        hash: get(row, "hash")?,
        created_by: get(row, "created_by")?,
        created_ms: get(row, "created_ms")?,
        expires_ms: get(row, "expires_ms")?,
        revoked_ms: get(row, "revoked_ms")?,
    })
}
