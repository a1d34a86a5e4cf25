//! How several notices are told at once, where many wait for one notifier.

use std::time::Duration;

use orch_domain::delivery::{self, AfterFailure};
use orch_domain::message::{Destination, Message, MessageKind};
use orch_domain::notice::Notice;
use orch_domain::port::{PortError, PortFailure};
use orch_store::{StoreError, WaitingMessage};

use super::Delivery;
use crate::ledger::masks::Masks;

/// What telling several at once came to.
#[must_use]
pub(super) enum Together {
    /// They are told.
    Told,
    /// The notifier is held back, and they with it.
    Held,
    /// They are to be told one by one.
    Singly(Vec<WaitingMessage>),
}

/// Tells the notices of these messages at once and notes what came of it. A failure that is not the notifier's own may
/// be that of one notice: then each is tried by itself.
pub(super) async fn settle(
    delivery: &Delivery,
    destination: &Destination,
    waiting: Vec<WaitingMessage>,
) -> Result<Together, StoreError> {
    let Destination::Notifier(name) = destination else {
        return Ok(Together::Singly(waiting));
    };
    let masks = Masks::of(&delivery.config.now());
    let notices: Vec<Notice> = waiting
        .iter()
        .filter_map(|one| {
            let masked = one.message.as_ref().ok().and_then(|m| masks.message(m));
            match masked.as_ref().or(one.message.as_ref().ok()) {
                Some(Message::Notice { notice, .. }) => Some(notice.clone()),
                Some(_) | None => None,
            }
        })
        .collect();
    let Some(first) = waiting.first() else {
        return Ok(Together::Told);
    };
    let (key, tries) = (first.key.clone(), first.tries.saturating_add(1));
    let limit = Duration::from_millis(delivery::try_timeout_ms(MessageKind::Notice));
    let telling = async {
        delivery
            .doors
            .notifier(name)?
            .tell_together(&notices, &key)
            .await
    };
    let told = tokio::time::timeout(limit, telling).await;
    let told = told.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", limit.as_secs());
        Err(PortError::new(
            destination.to_string(),
            PortFailure::Unavailable,
            reason,
        ))
    });
    let (now, ids) = (
        delivery.ledger.now(),
        waiting.iter().map(|one| one.id).collect::<Vec<_>>(),
    );
    let error = match told {
        Ok(receipt) => {
            let noted = delivery.ledger.write(move |tx| {
                Box::pin(async move {
                    for id in ids {
                        tx.message_done(id, receipt.as_deref(), now).await?;
                    }
                    Ok(())
                })
            });
            noted.await?;
            return Ok(Together::Told);
        }
        Err(error) => error,
    };
    let chance = delivery.ledger.chance();
    let after = delivery::after_failure(MessageKind::Notice, error.failure, tries, now, chance);
    let AfterFailure::Hold { at_ms } = after else {
        return Ok(Together::Singly(waiting));
    };
    let text = error.to_string();
    tracing::warn!(
        count = ids.len(),
        error = text,
        "notices were not told together"
    );
    let to = destination.clone();
    delivery
        .ledger
        .write(move |tx| {
            Box::pin(async move {
                for id in ids {
                    tx.message_failed(id, at_ms, &text).await?;
                }
                tx.hold_messages(&to, at_ms).await
            })
        })
        .await?;
    Ok(Together::Held)
}
