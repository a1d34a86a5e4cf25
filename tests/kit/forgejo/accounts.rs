//! What the fake's accounts are called now, and whether a request comes from the host's own.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::issues::user;
use super::{BOT, Forgejo, held};

/// Whether a request has the token, in one of the forms that servers take.
pub(super) fn is_given(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get("authorization").and_then(|v| v.to_str().ok());
    let forms = ["token", "Bearer"].map(|form| format!("{form} {token}"));
    given.is_some_and(|given| forms.iter().any(|form| form == given))
}

impl Forgejo {
    /// An account as the server shows it now, by what it was called at first.
    pub(super) fn account_of(&self, login: &str) -> Value {
        let mut account = user(login);
        if login == BOT {
            account["login"] = json!(*held(&self.0.bot));
        }
        account
    }

    /// Has rows show what their accounts are called now.
    pub(super) fn show_accounts(&self, rows: &mut [Value]) {
        for row in rows {
            if row["user"]["login"] == BOT {
                row["user"] = self.account_of(BOT);
            }
        }
    }
}
