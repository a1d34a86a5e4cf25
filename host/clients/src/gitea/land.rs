//! Landing: the base moves to exactly the tested commit, or not at all.
//!
//! A merge that answered 500, or did not answer, may have moved the base, and the pull request never says so. So the
//! tip of the base is read after every attempt, whatever was answered, and it alone decides.

use std::time::Duration;

use orch_domain::id::ObjectId;
use orch_domain::port::forge::{LandOutcome, PushOutcome};
use orch_domain::port::{PortError, PortFailure};
use reqwest::Method;
use serde_json::json;

use super::shapes::{Branch, PullRequest, User};
use super::{GiteaForge, GiteaLanding};

/// How often a merge is asked for again that the server does not take yet: it looks into every open pull request after
/// each move of the base, and refuses meanwhile.
const TRIES: u32 = 6;
/// Pause between two of them.
const PAUSE: Duration = Duration::from_secs(2);

/// What one attempt to move the base came to, as far as its answer says; the base itself is asked afterwards.
enum Attempt {
    /// Nothing speaks against it.
    Made,
    /// It did not happen, and asking again may help.
    Failed(PortError),
    /// The server does not take it yet.
    NotYet(String),
    /// The server says no.
    Refused(String),
}

impl GiteaForge {
    pub(super) async fn landed(
        &self,
        base: &str,
        commit: &ObjectId,
        expected: &ObjectId,
    ) -> Result<LandOutcome, PortError> {
        let base = self.named(base)?;
        let present = self.mirror.resolve(commit.as_str()).await;
        match present {
            Ok(Some(_)) => {}
            Ok(None) => {
                let why = format!("there is no commit {commit}; push the branch first");
                return Ok(LandOutcome::Refused { why });
            }
            Err(error) => return Err(self.of_git(error).await),
        }
        if let Some(outcome) = self.decided(base, commit, expected).await? {
            return Ok(outcome);
        }
        // Somebody else may have made what the base is expected at.
        if !matches!(self.mirror.resolve(expected.as_str()).await, Ok(Some(_))) {
            self.fetched().await?;
        }
        let stands = self.mirror.is_ancestor(expected, commit).await;
        match stands {
            Ok(true) => {}
            Ok(false) => {
                let why = format!(
                    "{commit} does not stand on `{base}` at {expected}; bring it up to date and test it again"
                );
                return Ok(LandOutcome::Refused { why });
            }
            Err(error) => return Err(self.of_git(error).await),
        }
        let mut tries = 0;
        let mut said: Vec<String> = Vec::new();
        // A push that was refused is not tried again: from then on the server's merge is asked for.
        let mut pushes = self.land != GiteaLanding::Api;
        loop {
            tries += 1;
            let attempt = self.attempt(base, commit, expected, &mut pushes).await;
            if let Some(outcome) = self.decided(base, commit, expected).await? {
                return Ok(outcome);
            }
            match attempt {
                Attempt::Made => {
                    let reason =
                        format!("it says that {commit} has landed, and `{base}` has not moved");
                    return Err(self.failure(PortFailure::Unavailable, reason));
                }
                Attempt::Failed(error) => return Err(error),
                Attempt::Refused(why) => return Ok(LandOutcome::Refused { why }),
                Attempt::NotYet(why) => {
                    // After an attempt that failed a server says for a moment that it looks into it: that is not why.
                    if !said.contains(&why) {
                        said.push(why);
                    }
                    if tries == TRIES {
                        let why = said.join("; ");
                        return Ok(LandOutcome::Refused { why });
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// What the base itself says; none while it is where it was expected.
    async fn decided(
        &self,
        base: &str,
        commit: &ObjectId,
        expected: &ObjectId,
    ) -> Result<Option<LandOutcome>, PortError> {
        let actual = self.branch_tip(base).await?;
        if actual.as_ref() == Some(expected) && expected != commit {
            return Ok(None);
        }
        if self.has(actual.as_ref(), commit).await? {
            return Ok(Some(LandOutcome::Landed));
        }
        Ok(Some(LandOutcome::BaseMoved { actual }))
    }

    /// Whether the base at `tip` has the commit.
    pub(super) async fn has(
        &self,
        tip: Option<&ObjectId>,
        commit: &ObjectId,
    ) -> Result<bool, PortError> {
        let Some(tip) = tip else { return Ok(false) };
        if tip == commit {
            return Ok(true);
        }
        let known = self.mirror.resolve(tip.as_str()).await;
        if !matches!(known, Ok(Some(_))) {
            self.fetched().await?;
        }
        match self.mirror.is_ancestor(commit, tip).await {
            Ok(has) => Ok(has),
            Err(error) => Err(self.of_git(error).await),
        }
    }

    async fn attempt(
        &self,
        base: &str,
        commit: &ObjectId,
        expected: &ObjectId,
        pushes: &mut bool,
    ) -> Attempt {
        if *pushes && self.land == GiteaLanding::Auto {
            *pushes = match self.may_push(base).await {
                Ok(may) => may,
                Err(error) => return Attempt::Failed(error),
            };
        }
        if !*pushes {
            return self.merge(base, commit).await;
        }
        match self.pushed(base, commit, Some(expected)).await {
            Ok(PushOutcome::Done) => Attempt::Made,
            // Read again by whoever asked.
            Ok(PushOutcome::Moved { .. }) => Attempt::NotYet(format!("`{base}` moves")),
            // A rule that no answer tells of, such as one for files: the server's merge says which.
            Ok(PushOutcome::Refused { .. }) if self.land == GiteaLanding::Auto => {
                *pushes = false;
                self.merge(base, commit).await
            }
            Ok(PushOutcome::Refused { why }) => Attempt::Refused(why),
            Err(error) => Attempt::Failed(error),
        }
    }

    /// Whether the server lets the host push to a branch.
    async fn may_push(&self, branch: &str) -> Result<bool, PortError> {
        // A slash of the name belongs to the path here: servers take it either way.
        let answer = self.get(&self.at(&format!("/branches/{branch}"))).await?;
        let branch: Branch = self.shape(answer.json)?;
        Ok(branch.user_can_push)
    }

    /// Has the server merge the pull request of the commit, by fast-forward and for this commit alone.
    async fn merge(&self, base: &str, commit: &ObjectId) -> Attempt {
        let found = match self.open_of_commit(base, commit).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                return Attempt::Refused(format!(
                    "no pull request of the host's is open for {commit} on `{base}`, and the host may not push to `{base}`; let its user push there"
                ));
            }
            Err(error) => return Attempt::Failed(error),
        };
        let order = json!({"Do": "fast-forward-only", "head_commit_id": commit.as_str()});
        let path = self.at(&format!("/pulls/{}/merge", found.number));
        let answer = self
            .server
            .order(&self.source(), Method::POST, &path, &order)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Attempt::Failed(error),
        };
        let said = format!(
            "the forge answered {} to the merge: {}",
            answer.status, answer.words
        );
        match answer.status.as_u16() {
            200..=299 => Attempt::Made,
            405 => Attempt::NotYet(format!(
                "{said}; look at the protection of `{base}` and at the ways to merge that the repository allows (fast-forward only)"
            )),
            403 => Attempt::Failed(self.failure(PortFailure::Unauthorised, said)),
            404 => Attempt::Refused(format!("{said}; the pull request is closed")),
            // Of a race it is true for a moment only; of a rule that the push of the merge meets it stays true.
            400..=499 => Attempt::NotYet(format!(
                "{said}; look at the protection of `{base}` and at the hooks of the repository"
            )),
            _ => Attempt::Failed(self.failure(PortFailure::Unavailable, said)),
        }
    }

    /// The host's open pull request whose head is the commit.
    async fn open_of_commit(
        &self,
        base: &str,
        commit: &ObjectId,
    ) -> Result<Option<PullRequest>, PortError> {
        let own = self.own().await?;
        let open: Vec<PullRequest> = self.rows(&self.at("/pulls?state=open&")).await?;
        let is_it = |pull: &PullRequest| {
            pull.head.sha == commit.as_str()
                && pull.base.name == base
                && pull.head.repo_id == pull.base.repo_id
                && User::is(pull.user.as_ref(), own)
        };
        Ok(open.into_iter().find(is_it))
    }
}
