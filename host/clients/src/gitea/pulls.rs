//! Pull requests of the host's branches: found, opened once, and told what landed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use orch_domain::id::ObjectId;
use orch_domain::port::forge::{NewPullRequest, PullRequest, PullRequestState};
use orch_domain::port::{PortError, PortFailure};
use orch_words::inert::subject;
use reqwest::Method;
use serde_json::json;

use super::GiteaForge;
use super::shapes::{self, Comment};

/// How often a landed pull request is looked at until it shows as merged by itself, as it does where the server looks
/// for landings.
const LOOKS: u32 = 5;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(700);
/// Longest title, characters.
const TITLE_MAX: usize = 200;
/// Numbers of pull requests that are remembered.
const NUMBERS_MAX: usize = 1000;
impl GiteaForge {
    pub(super) async fn pull_request_of(
        &self,
        branch: &str,
    ) -> Result<Option<PullRequest>, PortError> {
        let Some(found) = self.find(branch).await? else {
            return Ok(None);
        };
        let state = match (found.state.as_str(), found.merged) {
            (_, true) => PullRequestState::Merged {
                commit: self.landed_as(&found)?,
            },
            ("open", false) => PullRequestState::Open,
            // One that the server did not see land was closed with a word about it.
            _ => match self.landing_noted(found.number).await? {
                Some(commit) => PullRequestState::Merged { commit },
                None => PullRequestState::Closed,
            },
        };
        // Of an open one the server reads it from the branch, at once.
        let head = match (&state, ObjectId::new(found.head.sha.clone())) {
            (PullRequestState::Open, Ok(head)) => Some(head),
            (_, _) => self.branch_tip(branch).await?,
        };
        Ok(Some(PullRequest {
            number: found.number,
            state,
            head,
            base: Some(found.base.name),
        }))
    }

    pub(super) async fn opened(&self, request: &NewPullRequest) -> Result<u64, PortError> {
        let branch = self.named(&request.branch)?;
        let base = self.named(&request.base)?;
        if let Some(found) = self.find_open(branch, base).await? {
            return Ok(found.number);
        }
        let order = json!({
            "head": branch, "base": base, "title": title(&request.title),
            "body": format!(
                "This branch is worked on by Orch, which lands it when its gates have passed. What people push to it \
                 is judged anew.\n\n<!-- orch:task {} -->", request.task
            ),
        });
        let path = self.at("/pulls");
        let answer = self
            .server
            .order(&self.source(), Method::POST, &path, &order)
            .await?;
        if answer.status.is_success() {
            let opened: shapes::PullRequest = self.shape(answer.json)?;
            self.remember(branch, opened.number).await;
            return Ok(opened.number);
        }
        let said = format!(
            "it answered {} to a pull request: {}",
            answer.status, answer.words
        );
        match answer.status.as_u16() {
            403 => Err(self.failure(PortFailure::Unauthorised, said)),
            // The branch or the base is not there, or is not seen yet.
            404 => Err(self.failure(PortFailure::NotFound, said)),
            // One is open: the host's, by a call whose answer was lost, or a stranger's.
            409 => match self.find_open(branch, base).await? {
                Some(found) => Ok(found.number),
                None => Err(self.failure(
                    PortFailure::Obstructed,
                    format!(
                        "{said}; somebody else opened it: close it, and the host opens its own"
                    ),
                )),
            },
            400..=499 => Err(self.failure(PortFailure::Refused, said)),
            // It may be open all the same.
            _ => match self.find_open(branch, base).await? {
                Some(found) => Ok(found.number),
                None => Err(self.failure(PortFailure::Unavailable, said)),
            },
        }
    }

    /// Tells a pull request that its commit has landed, in the first of three ways that the server lets the host go: it
    /// is told, it sees so itself, or it is closed with a word about it. Being told comes first: a server that looks for
    /// landings takes seconds for each of many. One whose branch has moved on stays open with a word: what was pushed
    /// has not landed.
    pub(super) async fn settled(&self, branch: &str, commit: &ObjectId) -> Result<(), PortError> {
        let Some(found) = self.find(branch).await? else {
            let reason = format!("`{branch}` has no pull request");
            return Err(self.failure(PortFailure::NotFound, reason));
        };
        let number = found.number;
        if self.is_settled(number, commit).await? {
            return Ok(());
        }
        if found.state == "open" {
            if let Some(later) = self.later(branch, commit).await? {
                let text = format!(
                    "Landed as {commit}. What was pushed to `{branch}` since ends at {later} and has not landed: open a \
                     pull request of its own for it, or close this one.\n\n{}",
                    mark(commit.as_str())
                );
                return self.note_landing(number, commit, &text).await;
            }
            let order = json!({"Do": "manually-merged", "MergeCommitID": commit.as_str()});
            let path = self.at(&format!("/pulls/{number}/merge"));
            // Whatever it answers: what the pull request says afterwards counts.
            let answer = self
                .server
                .order(&self.source(), Method::POST, &path, &order)
                .await;
            if let Err(error) = answer
                && error.failure != PortFailure::Unavailable
            {
                return Err(error);
            }
            if self.is_settled(number, commit).await? || self.sees_so(number, commit).await? {
                return Ok(());
            }
        }
        let text = format!("Landed as {commit}.\n\n{}", mark(commit.as_str()));
        self.note_landing(number, commit, &text).await?;
        self.close(number).await
    }

    /// Where a branch has moved to after the commit of it that landed; none if nothing came after it.
    async fn later(&self, branch: &str, commit: &ObjectId) -> Result<Option<ObjectId>, PortError> {
        let Some(tip) = self.branch_tip(branch).await? else {
            return Ok(None);
        };
        if tip == *commit {
            return Ok(None);
        }
        if !matches!(self.mirror.resolve(tip.as_str()).await, Ok(Some(_))) {
            self.fetched().await?;
        }
        match self.mirror.is_ancestor(&tip, commit).await {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(tip)),
            Err(error) => Err(self.of_git(error).await),
        }
    }

    /// Waits for a server that looks for landings by itself. One that did not see the last is not waited for again.
    async fn sees_so(&self, number: u64, commit: &ObjectId) -> Result<bool, PortError> {
        if self.is_blind.load(Ordering::Relaxed) {
            return Ok(false);
        }
        for _ in 1..LOOKS {
            tokio::time::sleep(PAUSE).await;
            if self.is_settled(number, commit).await? {
                return Ok(true);
            }
        }
        self.is_blind.store(true, Ordering::Relaxed);
        Ok(false)
    }

    /// Ends a pull request that nothing will land from, with a word about it. Servers close one whose branch is gone by
    /// themselves, and say nothing.
    pub(super) async fn ended(&self, branch: &str, why: &str) -> Result<(), PortError> {
        let Some(found) = self.find(branch).await? else {
            return Ok(());
        };
        if found.merged {
            return Ok(());
        }
        let is_said = |body: &str| body.contains(ENDED);
        let text = format!("{why}\n\n{ENDED}");
        self.say_once(found.number, &text, is_said).await?;
        self.close(found.number).await
    }

    pub(super) async fn described(
        &self,
        branch: &str,
        title_now: &str,
        text: &str,
    ) -> Result<(), PortError> {
        let Some(found) = self.find(branch).await? else {
            return Ok(());
        };
        // What stands behind the mark of the host is the host's own.
        let mark = found.body.find(TASK).map_or("", |at| &found.body[at..]);
        let (title_now, body) = (title(title_now), format!("{text}\n\n{mark}"));
        let is_there =
            |pull: &shapes::PullRequest| pull.title == title_now && pull.body.trim() == body.trim();
        if found.state != "open" || is_there(&found) {
            return Ok(());
        }
        let path = self.at(&format!("/pulls/{}", found.number));
        let order = json!({"title": title_now, "body": body});
        let answer = self
            .server
            .order(&self.source(), Method::PATCH, &path, &order)
            .await?;
        if answer.status.is_success() || is_there(&self.numbered(found.number).await?) {
            return Ok(());
        }
        let said = format!(
            "it answered {} to the text of pull request {}: {}",
            answer.status, found.number, answer.words
        );
        let failure = match answer.status.as_u16() {
            403 => PortFailure::Unauthorised,
            400..=499 => PortFailure::Refused,
            _ => PortFailure::Unavailable,
        };
        Err(self.failure(failure, said))
    }

    /// Whether the pull request names the commit as landed already.
    async fn is_settled(&self, number: u64, commit: &ObjectId) -> Result<bool, PortError> {
        let found = self.numbered(number).await?;
        let landed = match (found.merged, found.state.as_str()) {
            (true, _) => Some(self.landed_as(&found)?),
            (false, "open") => None,
            (false, _) => self.landing_noted(number).await?,
        };
        match landed {
            None => Ok(false),
            Some(landed) if landed == *commit => Ok(true),
            // A server that looks for landings names the first merge above the head, which somebody made later.
            Some(landed)
                if found.merged
                    && found.head.sha == commit.as_str()
                    && self.has(Some(&landed), commit).await? =>
            {
                Ok(true)
            }
            Some(landed) => Err(self.failure(
                PortFailure::Refused,
                format!("pull request {number} was merged before, as {landed}"),
            )),
        }
    }

    async fn note_landing(
        &self,
        number: u64,
        commit: &ObjectId,
        text: &str,
    ) -> Result<(), PortError> {
        let is_said = |body: &str| noted(body).as_ref() == Some(commit);
        self.say_once(number, text, is_said).await
    }

    /// Comments, unless a comment of the host's says so already.
    async fn say_once(
        &self,
        number: u64,
        text: &str,
        is_said: impl Fn(&str) -> bool,
    ) -> Result<(), PortError> {
        if self.own_comments(number).await?.iter().any(|c| is_said(c)) {
            return Ok(());
        }
        let order = json!({"body": text});
        let path = self.at(&format!("/issues/{number}/comments"));
        let answer = self
            .server
            .order(&self.source(), Method::POST, &path, &order)
            .await?;
        // Servers have stored comments and answered 500.
        let is_there = answer.status.is_success()
            || self.own_comments(number).await?.iter().any(|c| is_said(c));
        match (is_there, answer.status.as_u16()) {
            (true, _) => Ok(()),
            (false, status) => {
                let failure = match status {
                    403 => PortFailure::Unauthorised,
                    _ => PortFailure::Unavailable,
                };
                let said = format!("it answered {status} to a comment: {}", answer.words);
                Err(self.failure(failure, said))
            }
        }
    }

    /// The commit that the host's own comment names as landed.
    async fn landing_noted(&self, number: u64) -> Result<Option<ObjectId>, PortError> {
        let own = self.own_comments(number).await?;
        Ok(own.iter().filter_map(|body| noted(body)).next_back())
    }

    /// Texts of the host's own comments, oldest first.
    async fn own_comments(&self, number: u64) -> Result<Vec<String>, PortError> {
        let own = self.own().await?;
        let comments = self
            .get(&self.at(&format!("/issues/{number}/comments")))
            .await?;
        let comments: Option<Vec<Comment>> = self.shape(comments.json)?;
        let own = comments
            .unwrap_or_default()
            .into_iter()
            .filter(|comment| shapes::User::is(comment.user.as_ref(), own));
        Ok(own.map(|comment| comment.body).collect())
    }

    async fn close(&self, number: u64) -> Result<(), PortError> {
        let path = self.at(&format!("/pulls/{number}"));
        let order = json!({"state": "closed"});
        let answer = self
            .server
            .order(&self.source(), Method::PATCH, &path, &order)
            .await?;
        let is_open = self.numbered(number).await?.state == "open";
        match is_open {
            false => Ok(()),
            true => Err(self.failure(
                PortFailure::Unavailable,
                format!(
                    "it answered {} and left pull request {number} open: {}",
                    answer.status, answer.words
                ),
            )),
        }
    }

    /// The commit as which a merged pull request landed. Its head may have moved on since.
    fn landed_as(&self, found: &shapes::PullRequest) -> Result<ObjectId, PortError> {
        let landed = found.merge_commit_sha.clone().unwrap_or_default();
        ObjectId::new(landed).map_err(|error| {
            let reason = format!(
                "pull request {} is merged as nothing: {error}",
                found.number
            );
            self.failure(PortFailure::Unavailable, reason)
        })
    }

    /// The host's pull request of a branch: the one with its mark before one that somebody opened in its name, an open
    /// one before others, the latest of these. Servers do not filter by branch, and one of a stranger or from a fork may
    /// have the same: what is found is compared with what was asked.
    pub(super) async fn find(
        &self,
        branch: &str,
    ) -> Result<Option<shapes::PullRequest>, PortError> {
        self.find_of("all", branch, |_| true).await
    }

    /// The host's open pull request of a branch: onto `base`, or its own that somebody aimed elsewhere meanwhile.
    async fn find_open(
        &self,
        branch: &str,
        base: &str,
    ) -> Result<Option<shapes::PullRequest>, PortError> {
        let is_asked = |pull: &shapes::PullRequest| {
            pull.state == "open" && (pull.base.name == base || pull.body.contains(TASK))
        };
        self.find_of("open", branch, is_asked).await
    }

    async fn find_of(
        &self,
        state: &str,
        branch: &str,
        is_asked: impl Fn(&shapes::PullRequest) -> bool,
    ) -> Result<Option<shapes::PullRequest>, PortError> {
        let own = self.own().await?;
        let is_it = |pull: &shapes::PullRequest| {
            (pull.head.label == branch || pull.head.name == branch)
                && pull.head.repo_id == pull.base.repo_id
                && shapes::User::is(pull.user.as_ref(), own)
                && is_asked(pull)
        };
        let known = self.numbers.lock().await.get(branch).copied();
        if let Some(number) = known {
            match self.numbered(number).await {
                Ok(found) if is_it(&found) => return Ok(Some(found)),
                Ok(_) => {}
                // An administrator may delete one.
                Err(error) if error.failure == PortFailure::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let all: Vec<shapes::PullRequest> = self
            .rows(&self.at(&format!("/pulls?state={state}&")))
            .await?;
        let mut own: Vec<shapes::PullRequest> = all.into_iter().filter(is_it).collect();
        own.sort_by_key(|pull| (pull.body.contains(TASK), pull.state == "open", pull.number));
        let found = own.pop();
        if let Some(found) = &found {
            self.remember(branch, found.number).await;
        }
        Ok(found)
    }

    async fn numbered(&self, number: u64) -> Result<shapes::PullRequest, PortError> {
        let answer = self.get(&self.at(&format!("/pulls/{number}"))).await?;
        self.shape::<shapes::PullRequest>(answer.json)
    }

    async fn remember(&self, branch: &str, number: u64) {
        let mut numbers = self.numbers.lock().await;
        if numbers.len() >= NUMBERS_MAX {
            numbers.clear();
        }
        numbers.insert(branch.to_owned(), number);
    }
}

const MARK: &str = "<!-- orch:landed ";
/// Beginning of the mark by which people and tools find the task of a pull request.
const TASK: &str = "<!-- orch:task ";
/// What makes the word about an end known again.
const ENDED: &str = "<!-- orch:ended -->";

/// What makes a comment of the host's known again.
fn mark(commit: &str) -> String {
    format!("{MARK}{commit} -->")
}

fn noted(body: &str) -> Option<ObjectId> {
    let (_, rest) = body.split_once(MARK)?;
    ObjectId::new(rest.split(' ').next()?).ok()
}

/// A title as the host writes it.
fn title(text: &str) -> String {
    subject(text).chars().take(TITLE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landing_is_read_back_from_its_mark() {
        let commit = "1".repeat(40);
        let text = format!("Landed.\n\n{}", mark(&commit));
        assert_eq!(noted(&text).map(|c| c.to_string()), Some(commit));
        assert_eq!(noted("Landed as x <!-- orch:landed x -->"), None);
    }
}
