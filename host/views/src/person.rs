//! Persons: who asks, and the tokens that they are known by.

use orch_domain::person::{Channel, PersonRole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::{Message, Nothing};
use crate::page::{Page, PageRequest};

/// Who asks, as the host sees them.
pub const ME: Endpoint<0, Nothing, MeView> = Endpoint::get("/me");
/// Tokens, oldest first, with those that do not count any more.
pub const TOKENS: Endpoint<0, PageRequest, Page<TokenView>> =
    Endpoint::get_by(PersonRole::Admin, "/tokens");
/// Makes a token for a person.
pub const NEW_TOKEN: Endpoint<0, NewTokenRequest, NewTokenView> =
    Endpoint::post(PersonRole::Admin, "/tokens");
/// Revokes one token by its number, or all of a person by their name.
pub const REVOKE: Endpoint<1, Nothing, Message> =
    Endpoint::post(PersonRole::Admin, "/tokens/{token}/revoke");

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeView {
    /// Name.
    pub person: String,
    /// What they may do.
    pub role: PersonRole,
    /// On which way they ask.
    pub channel: Channel,
}

/// Whether a token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// It does.
    Counts,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl TokenState {
    /// Its name on the wire and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenView {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub person: String,
    /// What it allows.
    pub role: PersonRole,
    /// Whether it counts.
    pub state: TokenState,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created: String,
    /// From when on it does not count; none for never.
    pub expires: Option<String>,
}

/// Which token to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenRequest {
    /// Whose it is.
    pub person: String,
    /// What it allows.
    pub role: PersonRole,
    /// How long it counts, such as `90d`; for ever if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// A token that was made, with its secret: it is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewTokenView {
    /// The token itself.
    pub token: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub kept: TokenView,
}

impl std::fmt::Debug for NewTokenView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NewTokenView").field(&self.kept).finish()
    }
}
