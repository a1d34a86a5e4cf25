//! Holding lanes and repositories back, and letting them go on.

use orch_domain::event::EventKind;
use orch_domain::job::Lane;
use orch_domain::person::Caller;
use orch_store::Pause;
use orch_views::message::Message;
use orch_views::pause::{PauseRequest, UnpauseRequest};

use super::error::CommandError;
use super::period::period_ms;
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;
use crate::ledger::repos::Repos;

/// Longest pause with an end, days: past it somebody meant something else.
const DAYS_MAX: i64 = 366;

/// What holds lanes and repositories back. Clones are the same.
#[derive(Debug, Clone)]
pub struct Pauses {
    pub(crate) ledger: Ledger,
    pub(crate) repos: Repos,
}

impl Pauses {
    /// Holds a lane or repository back: nothing of it is claimed, what is under way goes on, and stops are
    /// carried out all the same.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a scope or period that makes no sense.
    pub async fn pause(
        &self,
        request: PauseRequest,
        caller: &Caller,
    ) -> Result<Message, CommandError> {
        self.check_scope(&request.scope)?;
        let now = self.ledger.now();
        let until_ms = match &request.period {
            Some(text) => Some(now + period_ms(text, DAYS_MAX)?),
            None => None,
        };
        let pause = Pause {
            scope: request.scope.clone(),
            until_ms,
            reason: request.reason,
            set_by: caller.person.to_string(),
            set_ms: now,
        };
        let data =
            serde_json::json!({"scope": pause.scope, "until_ms": until_ms, "reason": pause.reason});
        let (who, scope) = (caller.clone(), request.scope);
        self.ledger
            .write(move |tx| {
                Box::pin(async move {
                    tx.pause(&pause).await?;
                    let by = (who.person.as_str(), Some(who.channel));
                    tx.append_event_by(None, EventKind::Paused, by, &data.to_string(), now)
                        .await
                        .map(|_| ())
                })
            })
            .await?;
        let until = until_ms.map_or_else(
            || "until `orch unpause`".to_owned(),
            |at| format!("until {}", stamp(at)),
        );
        Ok(Message {
            message: format!("`{scope}` is held back {until}"),
        })
    }

    /// Lets a lane or repository go on.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] when it is not held back, [`CommandError::Invalid`] for deploys without a reason.
    pub async fn unpause(
        &self,
        request: UnpauseRequest,
        caller: &Caller,
    ) -> Result<Message, CommandError> {
        let UnpauseRequest { scope, reason } = request;
        let who = caller.clone();
        self.check_scope(&scope)?;
        if scope.starts_with("deploy:") && reason.trim().is_empty() {
            let refused = CommandError::invalid(format!(
                "`{scope}` goes on only for a reason: what is held may be known to be bad"
            ));
            return Err(refused.with_remedy(format!("`orch unpause {scope} --reason WHY`")));
        }
        let (name, now) = (scope.clone(), self.ledger.now());
        let data = serde_json::json!({"scope": scope, "reason": reason}).to_string();
        let was = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    let was = tx.unpause(&name).await?;
                    if was {
                        let by = (who.person.as_str(), Some(who.channel));
                        tx.append_event_by(None, EventKind::Unpaused, by, &data, now)
                            .await?;
                    }
                    Ok(was)
                })
            })
            .await?;
        if was {
            Ok(Message {
                message: format!("`{scope}` goes on"),
            })
        } else {
            let refused = CommandError::not_found(format!("`{scope}` is not held back"));
            Err(refused.with_remedy("`orch queue` shows what is held back"))
        }
    }

    fn check_scope(&self, scope: &str) -> Result<(), CommandError> {
        let lanes: Vec<&str> = Lane::ALL.iter().map(|lane| lane.as_str()).collect();
        let repos = &self.repos;
        let is_known = match scope.split_once(':') {
            Some(("lane", name)) => match name.split_once('@') {
                Some((lane, repo)) => lanes.contains(&lane) && repos.find(repo).is_some(),
                None => lanes.contains(&name),
            },
            Some(("repo" | "deploy", name)) => repos.find(name).is_some(),
            _ => false,
        };
        if is_known {
            return Ok(());
        }
        let repos = repos.names();
        let refused = CommandError::invalid(format!("`{scope}` cannot be held back"));
        Err(refused.with_remedy(format!(
            "use `lane:` with {}, `repo:` or `deploy:` with {}, or a lane of one as `lane:LANE@REPOSITORY`",
            lanes.join(", "),
            repos.join(", ")
        )))
    }
}
