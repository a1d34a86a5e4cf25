//! Who is asking, and the tokens that persons are known by.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orch_config::{HostConfig, LiveConfig};
use orch_domain::event::EventKind;
use orch_domain::id::{PersonName, TokenId};
use orch_domain::person::{Caller, Channel, PersonRole};
use orch_store::{NewToken, TokenRow};
use orch_views::message::Message;
use orch_views::person::{NewTokenRequest, NewTokenView, TokenState, TokenView};

use super::error::CommandError;
use super::period::period_ms;
use super::wrong_tokens::WrongTokens;
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;
use crate::ledger::people::person_of_user;
use crate::ledger::secret::{Secret, same};

/// Most tokens that are kept, those that do not count any more among them: far more than a host has persons.
const TOKENS_MAX: u64 = 1000;
/// Longest time that a token counts, days; it may count for ever, but a number of this size is a mistake.
const DAYS_MAX: i64 = 3660;
/// How long a token that does not count is still listed, milliseconds.
const LISTED_MS: i64 = 90 * 86_400_000;
/// Shortest text of the old token file that counts as a token.
const FILE_TOKEN_MIN: usize = 32;
/// Name under which the old token file decides.
const FILE_PERSON: &str = "host";

/// Who is who. Clones are the same.
#[derive(Debug, Clone)]
pub struct People {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    /// The token file of hosts from before; it need not be there.
    pub(crate) token_file: PathBuf,
    /// From where wrong tokens came.
    pub(crate) wrong: Arc<WrongTokens>,
}

/// Whose a token is that somebody shows.
#[derive(Debug)]
#[must_use]
pub enum Shown {
    /// A person's; with its number, if it is one of their own.
    Counts(Caller, Option<TokenId>),
    /// Nobody's, or it does not count any more.
    Wrong,
    /// So many wrong ones came from there that it was not looked up.
    TooMany,
}

impl People {
    /// Whose the token is that somebody at the address `from` shows.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn by_token(&self, from: IpAddr, token: &str) -> Result<Shown, CommandError> {
        if self.wrong.are_too_many(from, token) {
            return Ok(Shown::TooMany);
        }
        let Some((caller, id)) = self.whose(token).await? else {
            self.wrong.was_wrong(from);
            return Ok(Shown::Wrong);
        };
        self.wrong.was_right(token);
        Ok(Shown::Counts(caller, id))
    }

    /// Whose a token is, and its number; none if it is nobody's, or does not count any more.
    async fn whose(&self, token: &str) -> Result<Option<(Caller, Option<TokenId>)>, CommandError> {
        let Some((id, secret)) = Secret::parse(token) else {
            let known = file_token(&self.token_file).is_some_and(|own| same(&own, token));
            let person = PersonName::new(FILE_PERSON).ok().filter(|_| known);
            return Ok(person.map(|person| {
                let caller = Caller {
                    person,
                    role: PersonRole::Admin,
                    channel: Channel::TokenFile,
                };
                (caller, None)
            }));
        };
        let now = self.ledger.now();
        let row = self
            .ledger
            .read(|tx| Box::pin(async move { tx.token(id).await }));
        let row = row
            .await?
            .filter(|row| secret.is_of(&row.hash) && row.counts(now));
        Ok(row.map(|row| {
            let caller = Caller {
                person: row.person,
                role: row.role,
                channel: Channel::Token,
            };
            (caller, Some(id))
        }))
    }

    /// Which person a user of this machine is; none for users that nobody has named.
    pub fn by_user(&self, uid: u32, channel: Channel) -> Option<Caller> {
        let (person, role) = person_of_user(&self.config.now(), uid)?;
        Some(Caller {
            person,
            role,
            channel,
        })
    }

    /// What an operator should mend about who may do what, in words.
    pub fn advice(&self) -> Vec<String> {
        advice(&self.config.now(), &self.token_file)
    }

    /// Makes a token for a person; its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a name or time that makes no sense; [`CommandError::Conflict`] when there are too
    /// many.
    pub async fn new_token(
        &self,
        request: NewTokenRequest,
        caller: &Caller,
    ) -> Result<NewTokenView, CommandError> {
        let person =
            PersonName::new(request.person).map_err(|e| CommandError::invalid(e.to_string()))?;
        if person.as_str() == FILE_PERSON {
            let refused = CommandError::invalid(format!("`{FILE_PERSON}` is the old token file"));
            return Err(refused.with_remedy("give the token the name of a person"));
        }
        let now = self.ledger.now();
        let expires_ms = match &request.expires {
            Some(text) => Some(now + period_ms(text, DAYS_MAX)?),
            None => None,
        };
        let secret = Secret::draw()
            .map_err(|e| CommandError::host(format!("no random numbers are to be had: {e}")))?;
        let new = NewToken {
            person,
            role: request.role,
            hash: secret.hash(),
            created_by: caller.person.to_string(),
            expires_ms,
        };
        let who = caller.clone();
        let made = self.ledger.write(move |tx| {
            Box::pin(async move {
                tx.sweep_tokens(now - LISTED_MS).await?;
                if tx.count_tokens().await? >= TOKENS_MAX {
                    return Ok(None);
                }
                let id = tx.insert_token(&new, now).await?;
                let data = serde_json::json!({
                    "token": id, "person": new.person, "role": new.role, "expires_ms": new.expires_ms,
                });
                let by = (who.person.as_str(), Some(who.channel));
                tx.append_event_by(None, EventKind::TokenMade, by, &data.to_string(), now)
                    .await?;
                tx.token(id).await
            })
        });
        let Some(row) = made.await? else {
            let refused = CommandError::conflict(format!("there are {TOKENS_MAX} tokens"));
            return Err(refused.with_remedy("revoke those that nobody uses; they go after 90 days"));
        };
        Ok(NewTokenView {
            token: secret.token(row.id),
            kept: token_view(row, now),
        })
    }

    /// Revokes a token by its number, or every token of a person by their name.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] when none of them counted.
    pub async fn revoke(&self, which: &str, caller: &Caller) -> Result<Message, CommandError> {
        let which = match which.parse() {
            Ok(id) => Which::Token(TokenId(id)),
            Err(_) => Which::All(
                PersonName::new(which).map_err(|e| CommandError::invalid(e.to_string()))?,
            ),
        };
        let (now, who, of) = (self.ledger.now(), caller.clone(), which.clone());
        let revoked = self.ledger.write(move |tx| {
            Box::pin(async move {
                let revoked = match &of {
                    Which::Token(id) => tx.revoke_token(*id, now).await?,
                    Which::All(person) => tx.revoke_tokens_of(person, now).await?,
                };
                if revoked > 0 {
                    let data = match &of {
                        Which::Token(id) => serde_json::json!({"token": id}),
                        Which::All(person) => serde_json::json!({"person": person}),
                    };
                    let by = (who.person.as_str(), Some(who.channel));
                    tx.append_event_by(None, EventKind::TokenRevoked, by, &data.to_string(), now)
                        .await?;
                }
                Ok(revoked)
            })
        });
        let message = match (revoked.await?, which) {
            (0, Which::Token(id)) => {
                let refused = CommandError::not_found(format!("there is no token {id} to revoke"));
                return Err(refused.with_remedy("`orch token list` shows which count"));
            }
            (0, Which::All(person)) => {
                let refused = CommandError::not_found(format!("`{person}` has no token to revoke"));
                return Err(refused.with_remedy("`orch token list` shows which count"));
            }
            (_, Which::Token(id)) => format!("token {id} is revoked"),
            (count, Which::All(person)) => format!("{count} tokens of `{person}` are revoked"),
        };
        Ok(Message { message })
    }
}

/// The person that the host's own user is on the socket.
pub fn own_person(config: &HostConfig) -> Option<(PersonName, PersonRole)> {
    person_of_user(config, rustix::process::geteuid().as_raw())
}

/// What an operator should mend about who may do what, in words; `token_file` is that of hosts from before.
pub fn advice(config: &HostConfig, token_file: &Path) -> Vec<String> {
    let of_file = file_token(token_file).map(|_| {
        let file = token_file.display();
        format!(
            "whoever has the text of `{file}` is admin under the name `{FILE_PERSON}`; give each person a token of \
             their own with `orch token new NAME --role ROLE`, then remove the file"
        )
    });
    let of_list = config.instead_of_approvers().map(|people| {
        format!("`approvers` in orch.yaml is replaced by `people`; write `{people}` instead")
    });
    of_file.into_iter().chain(of_list).collect()
}

/// What the old token file holds, as long as there is one.
fn file_token(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let text = text.trim();
    (text.len() >= FILE_TOKEN_MIN).then(|| text.to_owned())
}

/// Which tokens are meant.
#[derive(Clone)]
enum Which {
    Token(TokenId),
    All(PersonName),
}

/// A token as people see it.
pub(crate) fn token_view(row: TokenRow, now: i64) -> TokenView {
    let state = match (row.revoked_ms, row.counts(now)) {
        (Some(_), _) => TokenState::Revoked,
        (None, true) => TokenState::Counts,
        (None, false) => TokenState::Expired,
    };
    TokenView {
        id: row.id.0,
        person: row.person.to_string(),
        role: row.role,
        state,
        created_by: row.created_by,
        created: stamp(row.created_ms),
        expires: row.expires_ms.map(stamp),
    }
}
