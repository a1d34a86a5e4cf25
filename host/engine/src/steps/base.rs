//! Does the base pass its own tests? Asked before any agent is paid, in the very cage that branches get, and kept by
//! tree: nobody can mend by a change what fails without one.

use std::borrow::Cow;
use std::sync::Arc;

use orch_config::{CiConfig, HostConfig, LiveConfig};
use orch_domain::commit_test::TestState;
use orch_domain::id::{ObjectId, RepoName};
use orch_domain::notice::NoticeKind;
use orch_reports::{FailedTests, hints, plain};
use orch_store::BaseTestRow;
use tokio::sync::Mutex;

use sha2::{Digest, Sha256};

use super::checkout::Checkouts;
use crate::ledger::Ledger;
use crate::ledger::repos::{InForce, Repo};

/// Bytes of the output that a person is shown at once.
const SHOWN_BYTES: usize = 2000;

/// Tests bases. Clones share what is under way.
#[derive(Debug, Clone)]
pub(crate) struct Bases {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) checkouts: Checkouts,
    /// Held while a base is tested: tasks that begin together wait for one result.
    pub(crate) testing: Arc<Mutex<()>>,
}

/// How a base stands.
#[derive(Debug, Clone)]
pub(crate) struct BaseStanding {
    pub(crate) commit: ObjectId,
    /// Its test; none if the repository says that nothing is tested.
    pub(crate) tested: Option<BaseTestRow>,
}

impl BaseStanding {
    /// Why no task can begin on it, for people, with what would help; none if one can.
    pub(crate) fn problem(&self, repo: &Repo) -> Option<String> {
        let row = self.tested.as_ref()?;
        let (name, base) = (&repo.name, &repo.config.base);
        let (what, remedy) = match (row.state, row.inability) {
            (TestState::Passed | TestState::Asked, _) => return None,
            (TestState::Unable, Some(inability)) => (
                format!("the tests of `{base}` cannot be run ({inability})"),
                inability.remedy().to_owned(),
            ),
            (TestState::Failed | TestState::Unable, _) => (
                format!("`{base}` fails its own tests"),
                format!(
                    "mend it, or set `repositories.{name}.require_green_base: false` to let a task do so"
                ),
            ),
        };
        let failed: FailedTests = serde_json::from_str(&row.failed).unwrap_or_default();
        let mut told = failed.told(None);
        if !told.is_empty() {
            told.push('\n');
        }
        let mut text = format!(
            "{what} at {}; {remedy}; then `orch repo check {name}` and `orch task resume`\n{told}{}",
            row.sha,
            end_of(&row.output)
        );
        for hint in hints(&row.output) {
            text.push_str(&format!("\n{}:\n{}", hint.means, hint.lines.join("\n")));
        }
        Some(text)
    }
}

impl Bases {
    /// How the present base of a repository stands; tested now if nobody did before.
    pub(crate) async fn standing(&self, repo: &Repo) -> anyhow::Result<BaseStanding> {
        let commit = repo.base_tip().await?;
        let tested = match self.ci_at(repo, &commit).await? {
            Some(ci) => Some(self.result(repo, &commit, &ci).await?),
            None => None,
        };
        Ok(BaseStanding { commit, tested })
    }

    /// The same, whatever was found and kept before.
    pub(crate) async fn anew(&self, repo: &Repo) -> anyhow::Result<BaseStanding> {
        let name = RepoName::new(repo.name.clone())?;
        self.ledger
            .write(move |tx| Box::pin(async move { tx.forget_base_tests(&name).await }))
            .await?;
        self.checkouts.forget_setups(repo).await;
        self.standing(repo).await
    }

    /// Whether the present base is known to pass.
    pub(crate) async fn has_passed(&self, repo: &Repo) -> anyhow::Result<bool> {
        let commit = repo.base_tip().await?;
        let Some(ci) = self.ci_at(repo, &commit).await? else {
            return Ok(false);
        };
        let known = self.known_result(repo, &commit, &ci).await?;
        Ok(known.is_some_and(|row| row.state == TestState::Passed))
    }

    /// How a commit of the base stands in these tests, if it was tested.
    pub(super) async fn known_result(
        &self,
        repo: &Repo,
        commit: &ObjectId,
        ci: &CiConfig,
    ) -> anyhow::Result<Option<BaseTestRow>> {
        let tree = repo.mirror.tree_of(commit).await?;
        self.known(repo, &tree, &digest(ci)).await
    }

    /// How a commit of the base stands in these tests; they are run now if nobody did before.
    pub(super) async fn result(
        &self,
        repo: &Repo,
        commit: &ObjectId,
        ci: &CiConfig,
    ) -> anyhow::Result<BaseTestRow> {
        let (tree, digest) = (repo.mirror.tree_of(commit).await?, digest(ci));
        if let Some(known) = self.known(repo, &tree, &digest).await? {
            return Ok(known);
        }
        let _held = self.testing.lock().await;
        match self.known(repo, &tree, &digest).await? {
            Some(known) => Ok(known),
            None => self.test(repo, commit, tree, ci).await,
        }
    }

    /// Why no task of the repository can begin now; none if one can.
    pub(crate) async fn obstacle(&self, repo: &Repo) -> anyhow::Result<Option<String>> {
        let asks = |config: &HostConfig| {
            let repository = config.repositories.get(&repo.name);
            repository.is_none_or(|repository| repository.require_green_base)
        };
        if !asks(&self.config.now()) {
            return Ok(None);
        }
        Ok(self.standing(repo).await?.problem(repo))
    }

    /// What is tested of the base now; none if the repository says that nothing is.
    async fn ci_at(&self, repo: &Repo, commit: &ObjectId) -> anyhow::Result<Option<CiConfig>> {
        let InForce { effective, .. } = repo.in_force(&self.config.now(), commit).await?;
        Ok(effective.ci)
    }

    async fn known(
        &self,
        repo: &Repo,
        tree: &ObjectId,
        ci: &str,
    ) -> anyhow::Result<Option<BaseTestRow>> {
        let (name, tree, ci) = (
            RepoName::new(repo.name.clone())?,
            tree.clone(),
            ci.to_owned(),
        );
        let read = self
            .ledger
            .read(|tx| Box::pin(async move { tx.base_test(&name, &tree, &ci).await }));
        Ok(read.await?)
    }

    async fn test(
        &self,
        repo: &Repo,
        commit: &ObjectId,
        tree: ObjectId,
        ci: &CiConfig,
    ) -> anyhow::Result<BaseTestRow> {
        tracing::info!(repo = repo.name, sha = %commit, "the base is tested");
        let tested = self.test_base(repo, commit, ci).await?;
        let run = tested.run;
        let row = BaseTestRow {
            tree,
            ci: digest(ci),
            sha: commit.clone(),
            state: run.state(),
            inability: run.inability(),
            exit_code: run.exit_code,
            failed: serde_json::to_string(&run.failed)?,
            output: run.output_tail,
            tested_ms: self.ledger.now(),
        };
        let (name, kept) = (RepoName::new(repo.name.clone())?, row.clone());
        self.ledger
            .write(move |tx| Box::pin(async move { tx.put_base_test(&name, &kept).await }))
            .await?;
        tracing::info!(repo = repo.name, sha = %commit, state = row.state.as_str(), "the base was tested");
        let standing = BaseStanding {
            commit: commit.clone(),
            tested: Some(row.clone()),
        };
        if let Some(problem) = standing.problem(repo) {
            // Once for the repository, and not for each task that meets it.
            let kind = NoticeKind::LaunchRefused {
                of: format!("repository {}", repo.name),
                check: "base-red".to_owned(),
                reason: format!("repository {}: {problem}", repo.name),
            };
            let key = format!("base-red:{}:{}:{}", repo.name, row.tree, row.ci);
            self.ledger.announce(None, key, kind).await?;
        }
        Ok(row)
    }
}

/// Names what is run: another command is another question.
fn digest(ci: &CiConfig) -> String {
    // Neither part of it can fail to be written.
    let text = serde_json::to_string(ci).unwrap_or_default();
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The end of an output, whole lines. Frames of a stack say where something failed and not what: they are left out.
fn end_of(output: &str) -> String {
    let is_frame = |line: &str| {
        let line = line.trim_start();
        line.starts_with("at ") && line.ends_with(')')
    };
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    let mut room = SHOWN_BYTES;
    for line in output.trim_end().lines().rev().map(plain) {
        if is_frame(&line) {
            continue;
        }
        let Some(left) = room.checked_sub(line.len() + 1) else {
            break;
        };
        room = left;
        lines.push(line);
    }
    if lines.is_empty() {
        // One line that is longer than all that is shown.
        let output = output.trim_end();
        let from = output.len().saturating_sub(SHOWN_BYTES);
        return output[output.ceil_char_boundary(from)..].to_owned();
    }
    lines.reverse();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_is_shown_the_end_of_the_output_without_the_frames_of_a_stack() {
        let output = format!(
            "{}Connection refused\n{}last line\n",
            "a line\n".repeat(1000),
            "\tat java.base/java.net.Socket.connect(Socket.java:633)\n".repeat(100)
        );
        let end = end_of(&output);
        assert!(
            end.len() <= SHOWN_BYTES
                && end.starts_with("a line\n")
                && end.ends_with("a line\nConnection refused\nlast line")
        );
        assert_eq!(end_of(&"x".repeat(5000)).len(), SHOWN_BYTES);
        assert_eq!(end_of("ä"), "ä");
    }
}
