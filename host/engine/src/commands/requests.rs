//! Orders that are given again: answered as before, and not carried out again.

use orch_domain::person::Caller;
use orch_store::KeyOutcome;

use super::CommandError;
use crate::ledger::Ledger;

/// Longest key, bytes.
pub const KEY_BYTES_MAX: usize = 200;
/// Longest answer that is kept, bytes; an order with a longer one cannot be given again under its key.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Keys of orders. Clones are the same.
#[derive(Debug, Clone)]
pub struct Requests {
    pub(crate) ledger: Ledger,
}

/// What is to be done with an order that has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Given {
    /// It is to be carried out, and [`Requests::answered`] told what came of it.
    Now,
    /// It was carried out before and is answered as then.
    Before {
        /// Status of the answer.
        status: u16,
        /// Its body.
        answer: String,
    },
}

impl Requests {
    /// Looks an order up by its key.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a key that is none or another order's, [`CommandError::Conflict`] while it is not
    /// known what came of it.
    pub async fn given(
        &self,
        caller: &Caller,
        key: &str,
        request: String,
    ) -> Result<Given, CommandError> {
        let is_key = (1..=KEY_BYTES_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_key {
            let text = format!("a key has 1 to {KEY_BYTES_MAX} visible characters of ASCII");
            return Err(CommandError::invalid(text).with_remedy("use a new UUID for each order"));
        }
        let (person, key, now) = (caller.person.to_string(), key.to_owned(), self.ledger.now());
        let named = key.clone();
        let begun = self.ledger.write(move |tx| {
            Box::pin(async move { tx.begin_request((&person, &key), &request, now).await })
        });
        match begun.await? {
            KeyOutcome::Begun => Ok(Given::Now),
            KeyOutcome::Answered { status, answer } => Ok(Given::Before { status, answer }),
            KeyOutcome::OfAnother => Err(CommandError::invalid(format!(
                "another order was given under the key `{named}`"
            ))
            .with_remedy("use a new key for each order")),
            KeyOutcome::Unknown => Err(CommandError::conflict(format!(
                "the order of the key `{named}` was begun, and what came of it is not known"
            ))
            .with_remedy("ask again in a moment; if that does not help, look whether it was done before you give it anew")),
        }
    }

    /// Notes what came of an order. One at which the host itself failed may be given again.
    pub async fn answered(&self, caller: &Caller, key: &str, status: u16, answer: &str) {
        let (person, key, answer) = (caller.person.to_string(), key.to_owned(), answer.to_owned());
        let is_kept = status < 500 && answer.len() <= ANSWER_BYTES_MAX;
        let noted = self.ledger.write(move |tx| {
            Box::pin(async move {
                match is_kept {
                    true => tx
                        .answer_request((&person, &key), status, &answer)
                        .await
                        .map(drop),
                    false => tx.forget_request((&person, &key)).await,
                }
            })
        });
        if let Err(error) = noted.await {
            // The order stays as one of which nobody knows what came.
            tracing::warn!(error = %error, "the answer to an order could not be kept");
        }
    }
}
