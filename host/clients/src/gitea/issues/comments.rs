//! Comments on issues: written once each, however often it is tried, and known again as the host's own.

use orch_domain::id::IssueId;
use orch_domain::port::tracker::{Comment, Voice};
use orch_domain::port::{HOST_ACTOR, PortError, PortFailure, Receipt};
use reqwest::Method;
use serde_json::json;

use super::shapes::CommentRow;
use super::{GiteaIssues, Place};

/// Beginning of what makes a comment of the host's known again.
const MARK: &str = "\n\n<!-- orch:comment ";
/// Beginning of a comment in the name of a role.
const IN_THE_NAME_OF: &str = "**Orch · ";

impl GiteaIssues {
    pub(super) async fn write_comment(
        &self,
        issue: &IssueId,
        voice: Voice,
        text: &str,
        key: &str,
    ) -> Result<Receipt, PortError> {
        let place = self.place(issue)?;
        self.issue(&place).await?;
        let mark = format!("{MARK}{key} -->");
        if let Some(id) = self.comment_marked(&place, &mark).await? {
            return Ok(Some(id));
        }
        let head = match voice {
            Voice::Host => String::new(),
            Voice::Role(role) => format!("{IN_THE_NAME_OF}{role}**\n\n"),
        };
        let path = self.of(&place, "/comments");
        let body = json!({"body": format!("{head}{text}{mark}")});
        let source = self.source();
        let answer = self
            .setup
            .server
            .order(&source, Method::POST, &path, &body)
            .await?;
        // Servers have stored comments and answered 500.
        if let Some(id) = self.comment_marked(&place, &mark).await? {
            return Ok(Some(id));
        }
        let said = format!(
            "it answered {} to a comment: {}",
            answer.status, answer.words
        );
        let failure = match answer.status.as_u16() {
            403 => PortFailure::Unauthorised,
            400..=499 => PortFailure::Refused,
            _ => PortFailure::Unavailable,
        };
        Err(self.failure(failure, said))
    }

    async fn comment_rows(&self, place: &Place) -> Result<Vec<CommentRow>, PortError> {
        let rows: Option<Vec<CommentRow>> = self.get(&self.of(place, "/comments")).await?;
        let mut rows = rows.unwrap_or_default();
        rows.sort_by_key(|row| row.id);
        Ok(rows)
    }

    /// The host's own comment with this mark.
    async fn comment_marked(&self, place: &Place, mark: &str) -> Result<Option<String>, PortError> {
        let me = self.me().await?.id;
        let rows = self.comment_rows(place).await?;
        let found = rows
            .iter()
            .find(|row| row.by() == Some(me) && row.body.ends_with(mark));
        Ok(found.map(|row| row.id.to_string()))
    }

    pub(super) async fn read_comments(&self, issue: &IssueId) -> Result<Vec<Comment>, PortError> {
        let place = self.place(issue)?;
        self.issue(&place).await?;
        let me = self.me().await?.id;
        let rows = self.comment_rows(&place).await?;
        Ok(rows.into_iter().map(|row| comment(row, me)).collect())
    }
}

/// A comment as people read it: the host's own without what it is known by.
fn comment(row: CommentRow, me: i64) -> Comment {
    let own = row.body.rfind(MARK).filter(|_| row.by() == Some(me));
    let text = match own {
        None => row.body.clone(),
        Some(at) => {
            let text = &row.body[..at];
            let role = text.strip_prefix(IN_THE_NAME_OF);
            let without = role.and_then(|text| text.split_once("**\n\n"));
            without.map_or(text, |(_, text)| text).to_owned()
        }
    };
    Comment {
        author: match own {
            Some(_) => HOST_ACTOR.to_owned(),
            None => row.by().unwrap_or_default().to_string(),
        },
        is_own: own.is_some(),
        text,
        at_ms: row.created_at.as_millisecond(),
    }
}
