//! Reviews of pull requests: what others said, and the host's own, given once.

use jiff::Timestamp;
use orch_domain::id::ObjectId;
use orch_domain::imports::ReviewState;
use orch_domain::port::forge::{NewReview, Review};
use orch_domain::port::{PortError, PortFailure, Receipt};
use reqwest::Method;
use serde_json::json;

use super::{GiteaForge, shapes};

/// Beginning of what makes a review of the host's known again.
const MARK: &str = "<!-- orch:review ";

impl GiteaForge {
    pub(super) async fn reviews_of(&self, number: u64) -> Result<Vec<Review>, PortError> {
        let rows: Vec<shapes::Review> = self
            .rows(&self.at(&format!("/pulls/{number}/reviews?")))
            .await?;
        let approved = rows.iter().any(|row| row.state == "APPROVED");
        let retargeted = match approved {
            true => self.retargeted(number).await?,
            false => None,
        };
        let reviews = rows.into_iter().filter_map(|row| {
            let state = match row.state.as_str() {
                "APPROVED" => ReviewState::Approved,
                "REQUEST_CHANGES" => ReviewState::ChangesRequested,
                "COMMENT" => ReviewState::Commented,
                // Asked for, or not yet given.
                _ => return None,
            };
            let is_dismissed = row.dismissed && state != ReviewState::Commented;
            // An approval was given for the base that was there then; a no holds for any.
            let is_of_another_base = state == ReviewState::Approved
                && retargeted
                    .is_some_and(|at| time(&row.submitted_at).is_none_or(|given| given <= at));
            (!is_dismissed && !is_of_another_base).then(|| Review {
                author: row.user.map(|user| user.login).unwrap_or_default(),
                state,
                commit: ObjectId::new(row.commit_id).ok(),
                is_official: row.official,
            })
        });
        Ok(reviews.collect())
    }

    /// When a pull request was aimed at another base last: who may approve, and what is approved, is another then.
    async fn retargeted(&self, number: u64) -> Result<Option<Timestamp>, PortError> {
        let path = self.at(&format!("/issues/{number}/timeline?"));
        let rows: Vec<shapes::Happened> = self.rows(&path).await?;
        let retargets = rows
            .iter()
            .filter(|row| row.kind == "change_target_branch")
            // What cannot be read is taken for the latest that can be.
            .map(|row| time(&row.created_at).unwrap_or(Timestamp::MAX));
        Ok(retargets.max())
    }

    /// Gives a review once. Its author opened the pull request, so it comments: servers let nobody approve or refuse
    /// what is their own.
    pub(super) async fn reviewed(
        &self,
        branch: &str,
        review: &NewReview,
        key: &str,
    ) -> Result<Receipt, PortError> {
        let Some(found) = self.find(branch).await? else {
            let reason = format!("`{branch}` has no pull request to be reviewed");
            return Err(self.failure(PortFailure::NotFound, reason));
        };
        let number = found.number;
        let mark = format!("{MARK}{key} -->");
        if let Some(id) = self.review_marked(number, &mark).await? {
            return Ok(Some(id));
        }
        let lines = review.lines.iter();
        let comments: Vec<_> = lines
            .map(|at| json!({"path": at.path, "new_position": at.line, "body": at.text}))
            .collect();
        let order = json!({
            "event": "COMMENT", "commit_id": review.commit.as_str(),
            "body": format!("{}\n\n{mark}", review.text), "comments": comments,
        });
        let path = self.at(&format!("/pulls/{number}/reviews"));
        let answer = self
            .server
            .order(&self.source(), Method::POST, &path, &order)
            .await?;
        // Whatever it answers: what stands there counts. Servers have stored what they answered 500 to.
        if let Some(id) = self.review_marked(number, &mark).await? {
            return Ok(Some(id));
        }
        let said = format!(
            "it answered {} to a review: {}",
            answer.status, answer.words
        );
        let failure = match answer.status.as_u16() {
            403 => PortFailure::Unauthorised,
            404 => PortFailure::NotFound,
            400..=499 => PortFailure::Refused,
            _ => PortFailure::Unavailable,
        };
        Err(self.failure(failure, said))
    }

    /// The host's own review with this mark.
    async fn review_marked(&self, number: u64, mark: &str) -> Result<Option<String>, PortError> {
        let own = self.own().await?;
        let rows: Vec<shapes::Review> = self
            .rows(&self.at(&format!("/pulls/{number}/reviews?")))
            .await?;
        let found = rows
            .into_iter()
            .find(|row| row.body.contains(mark) && shapes::User::is(row.user.as_ref(), own));
        Ok(found.map(|row| row.id.to_string()))
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
