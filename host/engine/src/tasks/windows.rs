//! What do people answer in windows? Presses of buttons become decisions here, and nowhere is one taken twice.
//!
//! A press is dealt with and its place written down in one transaction; what came of it is shown afterwards. A window
//! that is asked by somebody else as well, or takes no credential, is told to people once an hour.

use std::time::Duration;

use futures_util::future::join_all;
use orch_config::LiveConfig;
use orch_domain::delivery::HOLD_MAX_MS;
use orch_domain::id::DoorName;
use orch_domain::message::Destination;
use orch_domain::notice::NoticeKind;
use orch_domain::person::{Caller, Channel};
use orch_domain::port::window::{Buttons, Press, Shown, Tap, Window};
use orch_domain::port::{PortError, PortFailure};
use orch_domain::prompt::{Choice, Prompt};
use orch_domain::retry;
use orch_store::{StoreError, Tx};

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::apply::{Applied, By};
use crate::ledger::decisions::{Decision, decide, refusal};
use crate::ledger::doors::Doors;
use crate::ledger::status::WindowStatus;
use crate::ledger::unwritten::Unwritten;

/// Longest that one question to a window may take: longer than any window holds it open.
const ASK_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest that showing what came of a press may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);
/// First pause after a window failed, milliseconds.
const PAUSE_BASE_MS: i64 = 1_000;
/// Longest pause: however long it was away, people answer in it as soon as it is back.
const PAUSE_MAX_MS: i64 = 30_000;
/// A window that fails is told at most once in this time, milliseconds.
const TOLD_EVERY_MS: i64 = 3_600_000;
/// How often a window fails in a row until it is told.
const TOLD_FROM: u32 = 3;

/// What listens at windows. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) doors: Doors,
    pub(crate) status: WindowStatus,
}

impl Windows {
    /// Listens until the host ends.
    pub(crate) async fn run(self, mut stop: Stop) {
        let all = self.doors.windows.iter();
        let listening = join_all(all.map(|(name, window)| self.listen(name, window.as_ref())));
        tokio::select! {
            _ = listening => stop.asked().await,
            () = stop.asked() => {}
        }
    }

    /// Asks one window again and again.
    async fn listen(&self, name: &DoorName, window: &dyn Window) {
        let mut failures = 0;
        loop {
            let error = match self.look(name, window).await {
                Ok(()) => {
                    let now = self.ledger.now();
                    self.status.change(name, |heard| {
                        heard.answered_ms = Some(now);
                        heard.failing = None;
                    });
                    failures = 0;
                    continue;
                }
                Err(error) => error,
            };
            failures += 1;
            let is_credential = error
                .downcast_ref::<PortError>()
                .is_some_and(|error| error.failure == PortFailure::Unauthorised);
            let error = format!("{error:#}");
            tracing::warn!(window = %name, failures, error, "a window was not listened to");
            self.status
                .change(name, |heard| heard.failing = Some(error.clone()));
            if failures >= TOLD_FROM {
                self.tell_failing(name, error, is_credential).await;
            }
            let pause = retry::backoff_ms(PAUSE_BASE_MS, failures, self.ledger.chance());
            let pause = Duration::from_millis(pause.clamp(0, PAUSE_MAX_MS).unsigned_abs());
            tokio::time::sleep(pause).await;
        }
    }

    async fn look(&self, name: &DoorName, window: &dyn Window) -> anyhow::Result<()> {
        let source = format!("window:{name}");
        let position = self
            .ledger
            .read(|tx| Box::pin(async move { tx.source_position(&source).await }))
            .await?;
        let taps = tokio::time::timeout(ASK_TIMEOUT, window.taps(position)).await;
        let taps = taps.map_err(|_| {
            let reason = format!("no answer within {} s", ASK_TIMEOUT.as_secs());
            PortError::new(format!("window `{name}`"), PortFailure::Unavailable, reason)
        })??;
        for tap in taps {
            let shown = self.take(name, tap.clone()).await?;
            let reply = tokio::time::timeout(REPLY_TIMEOUT, window.reply(&tap, &shown)).await;
            let failed = match reply {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => {
                    self.hold(name, error.failure).await?;
                    error.to_string()
                }
                Err(_) => "no answer".to_owned(),
            };
            // What is decided is decided.
            tracing::warn!(window = %name, error = failed, "what came of a press was not shown");
        }
        Ok(())
    }

    /// A pause that a window asks for is made by the messages to it as well: they have one allowance.
    async fn hold(&self, name: &DoorName, failure: PortFailure) -> Result<(), StoreError> {
        let PortFailure::RateLimited {
            until_ms: Some(until_ms),
        } = failure
        else {
            return Ok(());
        };
        let until_ms = until_ms.min(self.ledger.now().saturating_add(HOLD_MAX_MS));
        let to = Destination::Notifier(name.clone());
        self.ledger
            .write(move |tx| Box::pin(async move { tx.hold_messages(&to, until_ms).await }))
            .await
    }

    /// Decision and position are one transaction: a crash leaves the press to be taken again, or done.
    async fn take(&self, name: &DoorName, tap: Tap) -> Result<Shown, Unwritten> {
        let (config, by) = (self.config.now(), self.ledger.by(""));
        let name = name.clone();
        self.ledger
            .write_or(move |tx| {
                Box::pin(async move {
                    let source = format!("window:{name}");
                    if !tx.advance_source(&source, tap.position).await? {
                        return Ok(said("this was dealt with already"));
                    }
                    let Some((id, press)) = tap.says else {
                        return Ok(said("this is no button of this host"));
                    };
                    let known = tap
                        .account
                        .and_then(|account| person_of(&config, &name, &account));
                    let Some(who) = known else {
                        return Ok(said(
                            "you are nobody whom the host knows here; `people` in orch.yaml says who is who",
                        ));
                    };
                    let Some(prompt) = tx.prompt(&name, id).await? else {
                        return Ok(expired());
                    };
                    answer(tx, (&name, &prompt), press, &config, (&who, &by)).await
                })
            })
            .await
    }

    /// Tells people, by whatever else tells, that nobody hears what they answer in a window: in time for as long as it
    /// lasts, whether it says no or nothing at all.
    async fn tell_failing(&self, name: &DoorName, error: String, is_credential: bool) {
        let now = self.ledger.now();
        let key = format!("window:{name}:{}", now / TOLD_EVERY_MS);
        let kind = NoticeKind::SourceFails {
            source: format!("window `{name}`"),
            error: format!("what is answered in window `{name}` is not heard: {error}"),
            is_credential,
        };
        if let Err(error) = self.ledger.announce(None, key, kind).await {
            tracing::error!(error = error.in_full(), "a failing window cannot be told");
        }
    }
}

/// The person who has an account of a window: by the window's own name, or by that of its kind.
fn person_of(config: &orch_config::HostConfig, window: &DoorName, account: &str) -> Option<Caller> {
    let of = |source: &DoorName| config.person_of_account(source, account);
    let kind = DoorName::new("telegram").ok();
    let (person, role) = of(window).or_else(|| kind.as_ref().and_then(of))?;
    Some(Caller {
        person,
        role,
        channel: Channel::Window,
    })
}

/// What a press of a known person comes to.
async fn answer(
    tx: &mut Tx,
    (window, prompt): (&DoorName, &Prompt),
    press: Press,
    config: &orch_config::HostConfig,
    (who, by): (&Caller, &By),
) -> Result<Shown, Unwritten> {
    let by = &By {
        actor: who.person.to_string(),
        channel: Some(who.channel),
        ..by.clone()
    };
    if let Some((choice, who)) = &prompt.answer {
        return Ok(settled(*choice, who));
    }
    let task = tx.task(prompt.task).await?.task;
    // Asked again, the same place may stand on another base: only what was asked last is answered.
    let is_latest = tx.latest_prompt(window, prompt.task).await? == Some(prompt.id);
    if !is_latest || !prompt.is_about(&task) {
        return Ok(expired());
    }
    let choice = match press {
        Press::Wants(choice) => {
            // Whoever may not is told so now, and the buttons stay as they are for those who may.
            if let Some(refused) = refusal(config, &decision(choice, by), who) {
                return Ok(said(&refused.what));
            }
            return Ok(Shown {
                said: String::new(),
                buttons: Buttons::Sure(choice),
                settled: None,
            });
        }
        Press::TakesBack => {
            return Ok(Shown {
                said: String::new(),
                buttons: Buttons::All,
                settled: None,
            });
        }
        Press::Means(choice) => choice,
    };
    let decision = decision(choice, by);
    if let Some(refused) = refusal(config, &decision, who) {
        return Ok(said(&refused.what));
    }
    match decide(tx, prompt.task, &decision, config, by).await? {
        Applied::Moved(_) => {
            // The same transaction read it without an answer.
            tx.answer_prompt(prompt.id, choice, &by.actor, by.now)
                .await?;
            Ok(settled(choice, &by.actor))
        }
        Applied::Ignored(why) => Ok(said(&why)),
    }
}

/// What a choice decides.
fn decision(choice: Choice, by: &By) -> Decision {
    match choice {
        Choice::Approve => Decision::Approve,
        Choice::Reject => Decision::Reject(format!(
            "{} rejected it by a button, without a comment",
            by.actor
        )),
        Choice::Stop => Decision::Stop,
    }
}

fn said(text: &str) -> Shown {
    Shown {
        said: text.to_owned(),
        buttons: Buttons::Unchanged,
        settled: None,
    }
}

fn expired() -> Shown {
    let text = "expired: the task is not where it was when this was asked";
    Shown {
        said: text.to_owned(),
        buttons: Buttons::None,
        settled: Some(text.to_owned()),
    }
}

fn settled(choice: Choice, by: &str) -> Shown {
    let done = match choice {
        Choice::Approve => "approved",
        Choice::Reject => "rejected",
        Choice::Stop => "stop asked for",
    };
    let text = format!("{done} by {by}");
    Shown {
        said: text.clone(),
        buttons: Buttons::None,
        settled: Some(text),
    }
}
