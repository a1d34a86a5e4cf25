//! Statuses of commits.

use orch_domain::id::ObjectId;
use orch_domain::imports::CheckState;
use orch_domain::port::forge::Status;
use orch_domain::port::{PortError, PortFailure};
use reqwest::Method;
use serde_json::json;

use super::shapes::{Combined, CommitStatus};
use super::{GiteaForge, PAGE, PAGES_MAX};

/// Longest description of a status, characters: pages show one line of it.
const DESCRIPTION_MAX: usize = 250;

impl GiteaForge {
    /// The latest status of each context, over all pages: the first page alone may look green.
    pub(super) async fn statuses_of(&self, commit: &ObjectId) -> Result<Vec<Status>, PortError> {
        let mut latest: std::collections::BTreeMap<String, CommitStatus> =
            std::collections::BTreeMap::new();
        for page in 1..=PAGES_MAX {
            let path = format!("/commits/{commit}/status?page={page}&limit={PAGE}");
            let answer = match self.get(&self.at(&path)).await {
                Ok(answer) => answer,
                // Some versions do so for a commit that they do not have.
                Err(error) if error.failure == PortFailure::NotFound && page == 1 => {
                    self.repository().await?;
                    return Ok(Vec::new());
                }
                Err(error) => return Err(error),
            };
            let combined: Combined = self.shape(answer.json)?;
            let rows = combined.statuses.unwrap_or_default();
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let newer = latest.get(&row.context).is_none_or(|old| old.id < row.id);
                if newer {
                    latest.insert(row.context.clone(), row);
                }
            }
            if answer
                .total
                .is_some_and(|total| latest.len() as u64 >= total)
            {
                break;
            }
        }
        Ok(latest.into_values().map(status).collect())
    }

    pub(super) async fn status_posted(
        &self,
        commit: &ObjectId,
        status: &Status,
    ) -> Result<(), PortError> {
        let description: String = status.description.chars().take(DESCRIPTION_MAX).collect();
        let order = json!({
            "state": state_of(status.state), "context": status.context, "description": description,
            "target_url": status.url.as_deref().unwrap_or_default(),
        });
        let path = self.at(&format!("/statuses/{commit}"));
        let answer = self
            .server
            .order(&self.source(), Method::POST, &path, &order)
            .await?;
        let said = format!(
            "it answered {} to a status: {}",
            answer.status, answer.words
        );
        match answer.status.as_u16() {
            200..=299 => Ok(()),
            403 => Err(self.failure(PortFailure::Unauthorised, said)),
            404 => Err(self.failure(PortFailure::NotFound, said)),
            400..=499 => Err(self.failure(PortFailure::Refused, said)),
            // It may be written all the same.
            _ => {
                let stand = self.statuses_of(commit).await?;
                let is_there = stand.iter().any(|s| {
                    s.context == status.context
                        && s.state == status.state
                        && s.description == description
                });
                match is_there {
                    true => Ok(()),
                    false => Err(self.failure(PortFailure::Unavailable, said)),
                }
            }
        }
    }
}

fn status(row: CommitStatus) -> Status {
    let state = match row.status.as_deref().unwrap_or_default() {
        "pending" => CheckState::Pending,
        "success" => CheckState::Success,
        "failure" => CheckState::Failure,
        "error" => CheckState::Error,
        // Servers take any word, and none: nothing but a success is one.
        _ => CheckState::None,
    };
    let is_skipped = row.status.as_deref() == Some("skipped");
    let at = row.updated_at.or(row.created_at);
    let at = at.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    Status {
        context: row.context,
        state,
        description: row.description,
        url: Some(row.target_url).filter(|url| !url.is_empty()),
        is_skipped,
        reporter: row.creator.map(|user| user.id.to_string()),
        at_ms: at.map(|at| at.as_millisecond()),
    }
}

fn state_of(state: CheckState) -> &'static str {
    match state {
        CheckState::Pending | CheckState::None => "pending",
        CheckState::Success => "success",
        CheckState::Failure => "failure",
        CheckState::Error => "error",
    }
}
