//! Holding lanes and repositories back, and letting them go on.

use jiff::SignedDuration;
use orch_domain::event::EventKind;
use orch_domain::job::Lane;
use orch_store::Pause;
use orch_views::message::Message;
use orch_views::pause::{PauseRequest, UnpauseRequest};

use super::error::CommandError;
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
    pub async fn pause(&self, request: PauseRequest) -> Result<Message, CommandError> {
        self.check_scope(&request.scope)?;
        let now = self.ledger.now();
        let until_ms = match &request.period {
            Some(text) => Some(now + period_ms(text)?),
            None => None,
        };
        let pause = Pause {
            scope: request.scope.clone(),
            until_ms,
            reason: request.reason,
            set_by: request.by.clone(),
            set_ms: now,
        };
        let data =
            serde_json::json!({"scope": pause.scope, "until_ms": until_ms, "reason": pause.reason});
        self.ledger
            .write(move |tx| {
                Box::pin(async move {
                    tx.pause(&pause).await?;
                    tx.append_event(None, EventKind::Paused, &request.by, &data.to_string(), now)
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
            message: format!("`{}` is held back {until}", request.scope),
        })
    }

    /// Lets a lane or repository go on.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] when it is not held back.
    pub async fn unpause(&self, request: UnpauseRequest) -> Result<Message, CommandError> {
        let UnpauseRequest { scope, by } = request;
        self.check_scope(&scope)?;
        let (name, now) = (scope.clone(), self.ledger.now());
        let data = serde_json::json!({"scope": scope}).to_string();
        let was = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    let was = tx.unpause(&name).await?;
                    if was {
                        tx.append_event(None, EventKind::Unpaused, &by, &data, now)
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
            Some(("lane", name)) => lanes.contains(&name),
            Some(("repo", name)) => repos.find(name).is_some(),
            _ => false,
        };
        if is_known {
            return Ok(());
        }
        let repos = repos.names();
        let refused = CommandError::invalid(format!("`{scope}` cannot be held back"));
        Err(refused.with_remedy(format!(
            "use `lane:` with {}, or `repo:` with {}",
            lanes.join(", "),
            repos.join(", ")
        )))
    }
}

fn period_ms(text: &str) -> Result<i64, CommandError> {
    let invalid = || {
        CommandError::invalid(format!("`{text}` is not a time to wait")).with_remedy(format!(
            "use a number with s, m, h or d, such as `30m`, up to {DAYS_MAX} days"
        ))
    };
    // The library has no days in durations, because days differ in length; here they have 24 hours.
    let ms = match text.strip_suffix('d') {
        Some(days) => days
            .trim()
            .parse::<i64>()
            .ok()
            .and_then(|days| days.checked_mul(86_400_000)),
        None => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|d| i64::try_from(d.as_millis()).ok()),
    };
    ms.filter(|ms| (1..=DAYS_MAX * 86_400_000).contains(ms))
        .ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::period_ms;

    #[test]
    fn periods_are_read_as_people_write_them() {
        for (text, ms) in [
            ("90s", 90_000),
            ("30m", 1_800_000),
            ("2h", 7_200_000),
            ("3d", 259_200_000),
        ] {
            assert_eq!(period_ms(text).unwrap(), ms, "{text}");
        }
        for text in ["", "5", "-2h", "soon", "1000d"] {
            assert!(period_ms(text).is_err(), "{text}");
        }
    }
}
