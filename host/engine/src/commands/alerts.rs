//! Acknowledging alerts: a person has seen them.

use orch_domain::event::EventKind;
use orch_domain::person::Caller;
use orch_store::Acknowledged;
use orch_views::alert::{ACKNOWLEDGED_MAX, AcknowledgeRequest};
use orch_views::message::Message;

use super::error::CommandError;
use crate::ledger::Ledger;

/// Acknowledges alerts. Clones are the same.
#[derive(Debug, Clone)]
pub struct Alerts {
    pub(crate) ledger: Ledger,
}

impl Alerts {
    /// Notes that a person has seen alerts. One that comes again afterwards is a new one. Again does nothing.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for no or too many numbers; [`CommandError::NotFound`] with the numbers that are no
    /// alert's, and nothing is acknowledged then.
    pub async fn acknowledge(
        &self,
        request: AcknowledgeRequest,
        caller: &Caller,
    ) -> Result<Message, CommandError> {
        let AcknowledgeRequest { mut ids } = request;
        let lists = "`orch alerts` lists their numbers";
        if !(1..=ACKNOWLEDGED_MAX).contains(&ids.len()) {
            let count = ids.len();
            let text =
                format!("1 to {ACKNOWLEDGED_MAX} alerts are acknowledged at once, not {count}");
            return Err(CommandError::invalid(text).with_remedy(lists));
        }
        ids.sort_unstable();
        ids.dedup();
        let (who, now) = (caller.clone(), self.ledger.now());
        let data = serde_json::json!({"alerts": ids}).to_string();
        let written = self.ledger.write(move |tx| {
            Box::pin(async move {
                let done = tx
                    .acknowledge_alerts(&ids, who.person.as_str(), now)
                    .await?;
                if let Acknowledged::All { were_open: 1.. } = done {
                    let by = (who.person.as_str(), Some(who.channel));
                    tx.append_event_by(None, EventKind::Acknowledged, by, &data, now)
                        .await?;
                }
                Ok(done)
            })
        });
        match written.await? {
            Acknowledged::All { were_open: 0 } => Ok(Message {
                message: "acknowledged before".to_owned(),
            }),
            Acknowledged::All { were_open } => Ok(Message {
                message: format!("acknowledged: {were_open}"),
            }),
            Acknowledged::Unknown(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                let text = format!("no alert has the number {}", ids.join(", "));
                Err(CommandError::not_found(text).with_remedy(lists))
            }
        }
    }
}
