//! Branches, by git over HTTP.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orch_domain::id::ObjectId;
use orch_domain::port::forge::{BranchMove, OWN_BRANCHES, PushOutcome, PushedAll, Tips};
use orch_domain::port::{PortError, PortFailure};
use orch_process::git::{GitError, HttpRemote, Reached, RefOutcome};

use super::GiteaForge;

/// How often a push is refused before that is taken for a rule.
const REFUSALS: u32 = 3;
/// Pause between two of these.
const PAUSE: Duration = Duration::from_secs(1);

/// Where branches are listed.
const HEADS: &str = "refs/heads/";

/// What helps against a proxy that cuts what is pushed.
const TOO_LARGE: &str = "; if a proxy in front of the server refuses what is large, raise its limit (`client_max_body_size` of nginx, `LimitRequestBody` of Apache)";

impl GiteaForge {
    /// The repository for git, with the credential as it is now.
    pub(super) fn remote(&self) -> Result<Reached, PortError> {
        if let Some(remote) = self.server.by_ssh(&self.place()) {
            return Ok(Reached::Ssh(remote));
        }
        let token = self.server.token(&self.source())?;
        // Any user goes with a token.
        let basic = STANDARD.encode(format!("orch:{}", token.expose()));
        Ok(Reached::Http(HttpRemote {
            url: self.server.clone_url(&self.place()),
            authorization: format!("Basic {basic}"),
            ca: self.server.ca(),
        }))
    }

    /// What a failure of git comes from. Git says it in sentences; the API says it in data.
    pub(super) async fn of_git(&self, error: GitError) -> PortError {
        if let GitError::UnsafeName(_) = error {
            return self.failure(PortFailure::Refused, error.to_string());
        }
        if let Err(cause) = self.checked().await {
            return cause;
        }
        let cause = std::error::Error::source(&error);
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        let said = format!("{error}{cause}");
        // Words for people: what follows is the same without them.
        let advice = match self.server.has_ssh() {
            true => self.of_ssh(&said),
            false if said.contains("413") => TOO_LARGE.to_owned(),
            false if said.contains("error: 403") => format!(
                "; give the token of `forges.{}` the scope `write:repository`, and its user the right to write",
                self.server.key()
            ),
            false => String::new(),
        };
        self.failure(PortFailure::Unavailable, format!("{said}{advice}"))
    }

    /// What helps against what ssh says.
    fn of_ssh(&self, said: &str) -> String {
        let forge = self.server.key();
        if said.contains("Host key verification failed") {
            return format!(
                "; the server's key is not the one in `forges.{forge}.ssh.known_hosts`: ask its operator for the \
                 fingerprint, compare it with what `ssh-keyscan -p PORT SERVER | ssh-keygen -lf -` shows, and write \
                 what `ssh-keyscan` printed there only if they are the same"
            );
        }
        if said.contains("Permission denied") {
            return format!(
                "; the server does not take the key `forges.{forge}.ssh.key`: give its public half to the host's user \
                 there (settings, SSH keys), and let nobody but the host's own user read the file"
            );
        }
        String::new()
    }

    pub(super) async fn fetched(&self) -> Result<(), PortError> {
        let _held = self.fetching.lock().await;
        let remote = self.remote()?;
        match self.mirror.fetch(&remote).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.of_git(error).await),
        }
    }

    pub(super) async fn own_tips(&self) -> Result<Tips, PortError> {
        let remote = self.remote()?;
        let below = format!("{HEADS}{OWN_BRANCHES}");
        let listed = self.mirror.remote_refs(&remote, &format!("{below}*")).await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return Err(self.of_git(error).await),
        };
        let own = listed
            .into_iter()
            .filter(|(name, _)| name.starts_with(&below));
        let own =
            own.filter_map(|(name, commit)| Some((name.strip_prefix(HEADS)?.to_owned(), commit)));
        Ok(own.collect())
    }

    pub(super) async fn branch_tip(&self, branch: &str) -> Result<Option<ObjectId>, PortError> {
        let branch = self.named(branch)?;
        let remote = self.remote()?;
        match self.mirror.remote_branch(&remote, branch).await {
            Ok(tip) => Ok(tip),
            Err(error) => Err(self.of_git(error).await),
        }
    }

    pub(super) async fn pushed(
        &self,
        branch: &str,
        commit: &ObjectId,
        expected: Option<&ObjectId>,
    ) -> Result<PushOutcome, PortError> {
        let branch = self.named(branch)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let remote = self.remote()?;
            let done = self.mirror.push(&remote, commit, branch, expected).await;
            // A hook that fails for reasons of the server's own says no as a rule does, and takes the next one.
            if matches!(done, Err(GitError::Denied { .. })) && tries < REFUSALS {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return self.outcome(done).await;
        }
    }

    /// One connection for all: each push of its own makes the server look into its pull requests before it answers.
    pub(super) async fn all_pushed(&self, moves: &[BranchMove]) -> Result<PushedAll, PortError> {
        let mut named = Vec::new();
        for to in moves {
            let branch = self.named(&to.branch)?;
            named.push((branch, &to.commit, to.expected.as_ref()));
        }
        if named.len() > 1 {
            let remote = self.remote()?;
            match self.mirror.push_all(&remote, &named).await {
                Ok(true) => return Ok(PushedAll::Done),
                // Which of them, and why, is told by pushing each: what is there already is done.
                Ok(false) => {}
                Err(error) => return Err(self.of_git(error).await),
            }
        }
        for (branch, commit, expected) in named {
            let outcome = self.pushed(branch, commit, expected).await?;
            if outcome != PushOutcome::Done {
                return Ok(PushedAll::Not {
                    branch: branch.to_owned(),
                    outcome,
                });
            }
        }
        Ok(PushedAll::Done)
    }

    pub(super) async fn deleted(
        &self,
        branch: &str,
        expected: &ObjectId,
    ) -> Result<PushOutcome, PortError> {
        let branch = self.named(branch)?;
        let remote = self.remote()?;
        let done = self.mirror.delete_branch(&remote, branch, expected).await;
        self.outcome(done).await
    }

    async fn outcome(&self, done: Result<RefOutcome, GitError>) -> Result<PushOutcome, PortError> {
        match done {
            Ok(RefOutcome::Done) => Ok(PushOutcome::Done),
            Ok(RefOutcome::Refused { actual }) => Ok(PushOutcome::Moved { actual }),
            Err(GitError::Denied { stderr, .. }) => Ok(PushOutcome::Refused {
                why: format!(
                    "{}; look at the protection of the branch on the forge: the host's user has to be allowed to push \
                     there, and nothing that it makes is signed",
                    stderr.trim_end()
                ),
            }),
            Err(error) => Err(self.of_git(error).await),
        }
    }
}
