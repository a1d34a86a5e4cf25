//! Who is logged in at the host's pages: by a token, or by a link that the socket hands out and that works once.
//!
//! A session says who somebody is and never what they may do: that is asked of the token, or of the configuration, at
//! every request, so that whoever loses a role loses it at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use orch_config::LiveConfig;
use orch_domain::id::{PersonName, SessionId, TokenId};
use orch_domain::person::{Caller, Channel, PersonRole};
use orch_store::{NewSession, SessionKind};
use orch_views::session::{LinkView, PAGES};

use super::error::CommandError;
use super::people::own_person;
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;
use crate::ledger::secret::Secret;

/// How long somebody stays logged in, milliseconds: a week, so that a page may stay open over a weekend.
const SESSION_MS: i64 = 7 * 86_400_000;
/// How long a link works, milliseconds: it is opened at once, or another one is made.
const LINK_MS: i64 = 10 * 60_000;
/// Most sessions and links at once: far more than a host has persons.
const SESSIONS_MAX: u64 = 1000;

/// Who is logged in. Clones are the same.
#[derive(Debug, Clone)]
pub struct Sessions {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    /// Where the host listens, once it does.
    pub(crate) address: Arc<OnceLock<SocketAddr>>,
}

/// Somebody who has just logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who.
    pub caller: Caller,
    /// What the browser keeps; the host keeps a hash.
    pub secret: String,
    /// How long it counts, seconds.
    pub seconds: i64,
}

impl Sessions {
    /// Says at which address the pages are.
    pub fn serve_at(&self, address: SocketAddr) {
        // A host listens once.
        self.address.set(address).ok();
    }

    /// Where the pages are as a browser names it, without a path; none if the host does not listen.
    pub fn origin(&self) -> Option<String> {
        if let Some(origin) = &self.config.now().http.origin {
            return Some(origin.to_string());
        }
        let mut address = *self.address.get()?;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        Some(format!("http://{address}"))
    }

    /// Whether a proxy with TLS is in front, as the configuration says: then its origin.
    pub fn public_origin(&self) -> Option<String> {
        let config = self.config.now();
        config.http.origin.as_ref().map(ToString::to_string)
    }

    /// Makes a link that logs `caller` in, once.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if the host has no pages, or `caller` came with a token and can log in with that.
    pub async fn link(&self, caller: &Caller) -> Result<LinkView, CommandError> {
        if caller.channel != Channel::Socket {
            let refused = CommandError::conflict("a link is made for who asks over the socket");
            return Err(refused.with_remedy("log in with the token itself"));
        }
        let Some(origin) = self.origin() else {
            let refused = CommandError::conflict("the host has no pages: it listens nowhere");
            return Err(refused.with_remedy(
                "set `http.listen` in orch.yaml, such as `http: {listen: \"127.0.0.1:8080\"}`, and restart the host",
            ));
        };
        let expires_ms = self.ledger.now() + LINK_MS;
        let secret = self
            .keep(SessionKind::Link, &caller.person, None, expires_ms)
            .await?;
        Ok(LinkView {
            url: format!("{origin}{PAGES}login?link={secret}"),
            person: caller.person.to_string(),
            expires: stamp(expires_ms),
        })
    }

    /// Logs in whoever has a link; none if it does not work, or has worked before.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn by_link(&self, link: &str) -> Result<Option<LoggedIn>, CommandError> {
        let Some((id, secret)) = parse(link) else {
            return Ok(None);
        };
        let now = self.ledger.now();
        let used = self.ledger.write(move |tx| {
            Box::pin(async move {
                let row = tx.session(SessionKind::Link, id, now).await?;
                let Some(row) = row.filter(|row| secret.is_of(&row.hash)) else {
                    return Ok(None);
                };
                // Whoever comes second finds nothing.
                Ok(tx.end_session(id).await?.then_some(row.person))
            })
        });
        let Some(person) = used.await? else {
            return Ok(None);
        };
        match self.role_of(&person) {
            Some(role) => Ok(Some(self.begin(person, role, None).await?)),
            None => Ok(None),
        }
    }

    /// Logs in whoever has shown the token `id`, as `caller`.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn by_token(&self, id: TokenId, caller: Caller) -> Result<LoggedIn, CommandError> {
        self.begin(caller.person, caller.role, Some(id)).await
    }

    /// Who has this session, with the role that they have now; none if it does not count any more.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn caller(&self, session: &str) -> Result<Option<Caller>, CommandError> {
        let Some((id, secret)) = parse(session) else {
            return Ok(None);
        };
        let now = self.ledger.now();
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let row = tx.session(SessionKind::Session, id, now).await?;
                let Some(row) = row.filter(|row| secret.is_of(&row.hash)) else {
                    return Ok(None);
                };
                let token = match row.token {
                    None => None,
                    // Tokens that nobody may use any more are forgotten after a while.
                    Some(token) => match tx.token(token).await?.filter(|t| t.counts(now)) {
                        None => return Ok(None),
                        Some(token) => Some(token.role),
                    },
                };
                Ok(Some((row.person, token)))
            })
        });
        let Some((person, by_token)) = read.await? else {
            return Ok(None);
        };
        let role = by_token.or_else(|| self.role_of(&person));
        Ok(role.map(|role| Caller {
            person,
            role,
            channel: Channel::Page,
        }))
    }

    /// Logs out; nothing if nobody was logged in by it.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn end(&self, session: &str) -> Result<(), CommandError> {
        let Some((id, secret)) = parse(session) else {
            return Ok(());
        };
        let now = self.ledger.now();
        let ended = self.ledger.write(move |tx| {
            Box::pin(async move {
                let row = tx.session(SessionKind::Session, id, now).await?;
                if row.is_some_and(|row| secret.is_of(&row.hash)) {
                    // Somebody may have logged out beside this.
                    tx.end_session(id).await?;
                }
                Ok(())
            })
        });
        Ok(ended.await?)
    }

    /// What a person whom the socket knows may do now.
    fn role_of(&self, person: &PersonName) -> Option<PersonRole> {
        let config = self.config.now();
        let own = own_person(&config).filter(|(name, _)| name == person);
        config.role_of(person).or(own.map(|(_, role)| role))
    }

    async fn begin(
        &self,
        person: PersonName,
        role: PersonRole,
        token: Option<TokenId>,
    ) -> Result<LoggedIn, CommandError> {
        let expires_ms = self.ledger.now() + SESSION_MS;
        let secret = self
            .keep(SessionKind::Session, &person, token, expires_ms)
            .await?;
        tracing::info!(%person, "a person logs in at the pages");
        Ok(LoggedIn {
            caller: Caller {
                person,
                role,
                channel: Channel::Page,
            },
            secret,
            seconds: SESSION_MS / 1000,
        })
    }

    /// Keeps a session or link, and answers what opens it.
    async fn keep(
        &self,
        kind: SessionKind,
        person: &PersonName,
        token: Option<TokenId>,
        expires_ms: i64,
    ) -> Result<String, CommandError> {
        let secret = Secret::draw()
            .map_err(|e| CommandError::host(format!("no random numbers are to be had: {e}")))?;
        let now = self.ledger.now();
        let new = NewSession {
            kind,
            person: person.clone(),
            token,
            hash: secret.hash(),
            expires_ms,
        };
        let kept = self.ledger.write(move |tx| {
            Box::pin(async move {
                tx.sweep_sessions(now).await?;
                if tx.count_sessions().await? >= SESSIONS_MAX {
                    return Ok(None);
                }
                tx.insert_session(&new, now).await.map(Some)
            })
        });
        match kept.await? {
            Some(id) => Ok(secret.token(TokenId(id.0))),
            None => Err(CommandError::conflict(format!(
                "there are {SESSIONS_MAX} sessions and links"
            ))
            .with_remedy("log out where nobody looks; links end after ten minutes")),
        }
    }
}

/// Number and secret, as a token has them; they open nothing but what they were made for.
fn parse(text: &str) -> Option<(SessionId, Secret)> {
    let (id, secret) = Secret::parse(text)?;
    Some((SessionId(id.0), secret))
}
