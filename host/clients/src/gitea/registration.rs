//! Webhooks as a server has them: made, repaired, looked at.
//!
//! Only an administrator of the repository sees them. The secret is never shown, so it is set at each repair; a change
//! that names no events would leave none but pushes, so it names all.

use orch_domain::port::webhook::Registered;
use orch_domain::port::{PortError, PortFailure};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::GiteaServer;
use super::server::Answer;
use crate::secret::SecretPlace;

const PUSH: &str = "push";
/// What the host wants to be told of. A server drops what it does not know.
const EVENTS: [&str; 14] = [
    PUSH,
    "create",
    "delete",
    "pull_request",
    "pull_request_sync",
    "pull_request_comment",
    "pull_request_review_approved",
    "pull_request_review_rejected",
    "pull_request_review_comment",
    "issues",
    "issue_label",
    "issue_assign",
    "issue_comment",
    "repository",
];
/// Without these a look comes late by a whole period.
const NEEDED: [&str; 3] = [PUSH, "pull_request", "issue_comment"];

/// A webhook as the host wants it.
#[derive(Debug, Clone)]
pub struct WantedHook {
    /// Where the server reaches this host's source.
    pub url: String,
    /// What it signs with.
    pub secret: SecretPlace,
}

/// What registering a webhook came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRegistered {
    /// Whether there was none before.
    pub is_new: bool,
    /// What was mended of one that was there, for people.
    pub mended: Vec<String>,
    /// What the server leaves out, for people.
    pub notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Hook {
    id: i64,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    config: Config,
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    url: String,
    #[serde(default)]
    content_type: String,
}

impl Hook {
    fn is_at(&self, url: &str) -> bool {
        let plain = |text: &str| text.trim_end_matches('/').to_lowercase();
        plain(&self.config.url) == plain(url)
    }

    fn lacks(&self) -> Vec<String> {
        let lacks = NEEDED
            .iter()
            .filter(|event| !self.events.iter().any(|e| e == *event));
        lacks.map(|event| (*event).to_owned()).collect()
    }
}

impl GiteaServer {
    /// How the webhook of a repository to this address is.
    ///
    /// # Errors
    /// [`PortError`] if the server does not answer or does not show the repository.
    pub async fn registered(&self, repo: &str, url: &str) -> Result<Registered, PortError> {
        self.hook_state(&self.shown(), repo, url).await
    }

    /// How the webhook of a repository to this address is.
    pub(super) async fn hook_state(
        &self,
        source: &str,
        repo: &str,
        url: &str,
    ) -> Result<Registered, PortError> {
        let hooks = match self.hooks(source, repo).await {
            Ok(hooks) => hooks,
            Err(error) if error.failure == PortFailure::Unauthorised => {
                let why = "only an administrator of the repository sees its webhooks".to_owned();
                return Ok(Registered::Hidden { why });
            }
            Err(error) => return Err(error),
        };
        let ours: Vec<&Hook> = hooks.iter().filter(|hook| hook.is_at(url)).collect();
        let Some(best) = ours.iter().find(|hook| hook.active).or(ours.first()) else {
            return Ok(Registered::Missing);
        };
        Ok(match (best.active, best.lacks()) {
            (false, _) => Registered::Off,
            (true, missing) if missing.is_empty() => Registered::Fine,
            (true, missing) => Registered::Short { missing },
        })
    }

    /// Registers the webhook of a repository, or repairs the one that is there; more than one to the same address are
    /// taken down to one. Again it changes nothing but the secret.
    ///
    /// # Errors
    /// [`PortError`], [`PortFailure::Unauthorised`] if the token is none of an administrator of the repository.
    pub async fn register_hook(
        &self,
        repo: &str,
        wanted: &WantedHook,
    ) -> Result<HookRegistered, PortError> {
        let source = format!("the webhooks of `{repo}`");
        let refuse = |failure, reason: String| PortError::new(source.clone(), failure, reason);
        let secret = wanted.secret.read();
        let secret = secret.map_err(|e| refuse(PortFailure::Refused, e.to_string()))?;
        let hooks = self.hooks(&source, repo).await?;
        let mut ours = hooks.iter().filter(|hook| hook.is_at(&wanted.url));
        let (kept, base) = (ours.next(), format!("/repos/{repo}/hooks"));
        let order = json!({
            "type": "gitea", "active": true, "events": EVENTS,
            "config": {"url": wanted.url, "content_type": "json", "secret": secret.expose()},
        });
        let mut mended = Vec::new();
        let answer = match kept {
            None => self.order(&source, Method::POST, &base, &order).await?,
            Some(hook) => {
                if !hook.active {
                    mended.push("it was switched off".to_owned());
                }
                if !hook.lacks().is_empty() {
                    mended.push(format!("it did not tell of {}", hook.lacks().join(", ")));
                }
                if hook.config.content_type != "json" {
                    mended.push("it did not send JSON".to_owned());
                }
                let path = format!("{base}/{}", hook.id);
                self.order(&source, Method::PATCH, &path, &order).await?
            }
        };
        // What stands there counts, not what was answered.
        let now = self.hooks(&source, repo).await?;
        let made = now.iter().find(|hook| match kept {
            Some(kept) => hook.id == kept.id,
            None => hook.is_at(&wanted.url),
        });
        let Some(made) = made.filter(|hook| hook.active && hook.is_at(&wanted.url)) else {
            let said = format!(
                "it answered {} and has no such webhook: {}",
                answer.status, answer.words
            );
            return Err(refuse(failure_of(&answer), said));
        };
        for twin in ours {
            let path = format!("{base}/{}", twin.id);
            let nothing = json!({});
            self.order(&source, Method::DELETE, &path, &nothing).await?;
            mended.push("a second one to the same address is removed".to_owned());
        }
        let lacks = made.lacks();
        let notes = match lacks.is_empty() {
            true => Vec::new(),
            false => vec![format!(
                "the server tells nothing of {}; the host looks for that every `reconcile.interval_s`",
                lacks.join(", ")
            )],
        };
        Ok(HookRegistered {
            is_new: kept.is_none(),
            mended,
            notes,
        })
    }

    async fn hooks(&self, source: &str, repo: &str) -> Result<Vec<Hook>, PortError> {
        let path = format!("/repos/{repo}/hooks?page=1&limit=50");
        let answer = self.get(source, &path).await?;
        let hooks: Option<Vec<Hook>> = serde_json::from_value(answer.json).map_err(|error| {
            let reason = format!("its answer has another form than known: {error}");
            PortError::new(source, PortFailure::Unavailable, reason)
        })?;
        Ok(hooks.unwrap_or_default())
    }
}

fn failure_of(answer: &Answer) -> PortFailure {
    match answer.status.as_u16() {
        403 => PortFailure::Unauthorised,
        404 => PortFailure::NotFound,
        400..=499 => PortFailure::Refused,
        _ => PortFailure::Unavailable,
    }
}
