//! Commit statuses that somebody outside of the host posts: other machines that test what the host pushes.

use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::imports::CheckState;
use orch_domain::person::Caller;
use orch_domain::port::forge::Status;
use orch_domain::port::{PortError, PortFailure};
use orch_views::message::Message;
use orch_views::status::{
    CONTEXT_BYTES_MAX, DESCRIPTION_BYTES_MAX, StatusRequest, StatusState, URL_BYTES_MAX,
};

use super::error::{CommandError, host};
use super::lookup::task_of_item;
use crate::ledger::Ledger;
use crate::ledger::repos::{Repo, Repos};

/// What the contexts of the host begin with: of its own tests it is the witness itself.
const OWN_CONTEXTS: &str = "orch/";
/// Tasks that stand at one commit and are told; there is one, unless a person made another by hand.
const TASKS_MAX: u32 = 50;

/// Takes statuses. Clones are the same.
#[derive(Debug, Clone)]
pub struct Statuses {
    pub(crate) ledger: Ledger,
    pub(crate) repos: Repos,
}

impl Statuses {
    /// Posts a status to the forge of a commit and has whoever waits for it look again.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a status that makes no sense or is the host's own; [`CommandError::NotFound`] for
    /// a commit that no repository has; [`CommandError::Conflict`] if several have it, or the forge refuses.
    pub async fn set(
        &self,
        request: StatusRequest,
        caller: &Caller,
    ) -> Result<Message, CommandError> {
        check(&request)?;
        let (repo, commit) = self.commit(&request).await?;
        let status = Status {
            context: request.context.clone(),
            state: match request.state {
                StatusState::Success => CheckState::Success,
                StatusState::Failure => CheckState::Failure,
                StatusState::Pending => CheckState::Pending,
            },
            description: request.description,
            url: request.url,
            is_skipped: false,
            reporter: Some(caller.person.to_string()),
            at_ms: None,
        };
        let posted = repo.forge.post_status(&commit, &status).await;
        posted.map_err(refused)?;
        let (name, sha, who, now) = (
            repo.name.clone(),
            commit.clone(),
            caller.clone(),
            self.ledger.now(),
        );
        let data = serde_json::json!({
            "repo": name, "commit": sha.as_str(), "context": status.context, "state": status.state,
        });
        let told = self.ledger.write(move |tx| {
            Box::pin(async move {
                let tasks = tx.tasks_at(&name, &sha, TASKS_MAX).await?;
                for task in &tasks {
                    tx.make_due(*task, now).await?;
                }
                let of = tasks.first().copied();
                let by = (who.person.as_str(), Some(who.channel));
                tx.append_event_by(of, EventKind::StatusSet, by, &data.to_string(), now)
                    .await
                    .map(|_| ())
            })
        });
        told.await?;
        Ok(Message {
            message: format!(
                "`{}` of {commit} in `{}` is `{}`",
                request.context,
                repo.name,
                request.state.as_str()
            ),
        })
    }

    /// The commit that is meant, and its repository.
    async fn commit(&self, request: &StatusRequest) -> Result<(&Repo, ObjectId), CommandError> {
        let Ok(commit) = ObjectId::new(request.of.clone()) else {
            let task = task_of_item(&self.ledger, &request.of).await?.task;
            let repo = self.repos.ready(task.repo.as_str()).await.map_err(host)?;
            let Some(head) = task.head else {
                let text = format!("{} has no commit yet", request.of);
                return Err(CommandError::conflict(text));
            };
            return Ok((repo, head));
        };
        let named: Vec<&Repo> = match &request.repo {
            Some(name) => {
                let repo = self.repos.get(name);
                vec![repo.map_err(|e| CommandError::not_found(format!("{e:#}")))?]
            }
            None => self.repos.all().collect(),
        };
        let mut having = Vec::new();
        for repo in named {
            repo.prepare().await.map_err(host)?;
            // It may have been pushed by somebody else a moment ago.
            repo.forge.fetch().await.map_err(refused)?;
            if repo
                .mirror
                .resolve(commit.as_str())
                .await
                .map_err(|e| host(e.into()))?
                .is_some()
            {
                having.push(repo);
            }
        }
        match having[..] {
            [repo] => Ok((repo, commit)),
            [] => Err(
                CommandError::not_found(format!("no repository has a commit {commit}"))
                    .with_remedy("push it first, or name a work item"),
            ),
            [..] => {
                let names: Vec<&str> = having.iter().map(|repo| repo.name.as_str()).collect();
                let text = format!("several repositories have {commit}: {}", names.join(", "));
                Err(CommandError::conflict(text).with_remedy("name one with --repo"))
            }
        }
    }
}

fn check(request: &StatusRequest) -> Result<(), CommandError> {
    let context = &request.context;
    if context.trim().is_empty()
        || context.len() > CONTEXT_BYTES_MAX
        || context.chars().any(char::is_control)
    {
        let text = format!("a context is one line of 1 to {CONTEXT_BYTES_MAX} bytes");
        return Err(CommandError::invalid(text));
    }
    if context.starts_with(OWN_CONTEXTS) {
        let text = format!("`{context}` is a context of the host, which is its own witness");
        return Err(CommandError::invalid(text)
            .with_remedy("set one that `required_contexts` of the repository names beside it"));
    }
    let is_long = request.description.len() > DESCRIPTION_BYTES_MAX;
    if is_long || request.description.contains('\n') {
        let text = format!("a description is one line of at most {DESCRIPTION_BYTES_MAX} bytes");
        return Err(CommandError::invalid(text));
    }
    let is_address = |url: &String| {
        url.len() <= URL_BYTES_MAX && (url.starts_with("https://") || url.starts_with("http://"))
    };
    if request.url.as_ref().is_some_and(|url| !is_address(url)) {
        let text = format!("an address begins with https:// and has at most {URL_BYTES_MAX} bytes");
        return Err(CommandError::invalid(text));
    }
    Ok(())
}

fn refused(error: PortError) -> CommandError {
    let text = error.to_string();
    match error.failure {
        PortFailure::NotFound => CommandError::not_found(text),
        PortFailure::Refused | PortFailure::Unauthorised | PortFailure::Obstructed => {
            CommandError::conflict(text)
        }
        PortFailure::Unavailable | PortFailure::RateLimited { .. } => {
            CommandError::conflict(text).with_remedy("try again later")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> StatusRequest {
        StatusRequest {
            of: "SHOP-1".into(),
            repo: None,
            context: "somebody/else".into(),
            state: StatusState::Success,
            description: String::new(),
            url: None,
        }
    }

    #[test]
    fn status_of_the_host_itself_and_what_no_forge_could_show_are_refused() {
        assert!(check(&request()).is_ok());
        let wrong = |change: fn(&mut StatusRequest)| {
            let mut request = request();
            change(&mut request);
            check(&request).unwrap_err().to_string()
        };
        assert!(wrong(|r| r.context = "orch/ci".into()).contains("its own witness"));
        assert!(wrong(|r| r.context = " ".into()).contains("one line"));
        assert!(wrong(|r| r.context = "a\nb".into()).contains("one line"));
        assert!(wrong(|r| r.description = "a\nb".into()).contains("description"));
        assert!(wrong(|r| r.url = Some("javascript:x".into())).contains("https://"));
    }
}
