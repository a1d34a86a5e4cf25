//! What people can do: begin, approve, reject, resume and stop tasks. Each is one event or one durable row.

mod adopt;
mod rerun;

use orch_config::LiveConfig;
use orch_domain::event::EventKind;
use orch_domain::id::{ItemPrefix, RepoName, TaskId, UnixMs, WorkItem};
use orch_domain::issue::TrackerState;
use orch_domain::person::Caller;
use orch_domain::port::tracker::IssueAt;
use orch_domain::stage::Stage;
use orch_domain::transition::Event;
use orch_store::NewTask;
use orch_views::task::{
    ApproveRequest, Done, NewRequest, PriorityRequest, RejectRequest, ResumeRequest, ReviewRequest,
    ReviewVerdict,
};

pub(crate) use self::adopt::NewOfTracker;
use super::configuration::hopeless;
use super::done::done;
use super::done::status_of;
use super::error::{CommandError, host};
use super::lookup::task_of_item;
use super::unusable::unusable;
use crate::ledger::Ledger;
use crate::ledger::apply::apply;
use crate::ledger::decisions::{Decision, decide, refusal};
use crate::ledger::evidence::Said;
use crate::ledger::messages;
use crate::ledger::repos::{InForce, Repo, Repos};
use crate::ledger::seen::{Unseen, unseen};

/// Longest title, bytes.
pub const TITLE_BYTES_MAX: usize = 300;
/// Most tasks that one task waits for.
const DEPENDENCIES_MAX: usize = 50;
/// Longest request, bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// What people may ask of tasks. Clones are the same.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) repos: Repos,
}

impl Tasks {
    /// Begins a task.
    ///
    /// # Errors
    /// [`CommandError`]; nothing is stored then.
    pub async fn new_task(
        &self,
        request: NewRequest,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        let after = self.dependencies(&request.after).await?;
        let priority = request.priority.map(checked_priority).transpose()?;
        let id = request.id.map(WorkItem::new).transpose();
        let id = id.map_err(|e| CommandError::invalid(e.to_string()))?;
        let new = Asked {
            id,
            repo: request.repo,
            title: request.title,
            body: request.body,
            after,
            priority,
            at: None,
        };
        self.accept(new, caller).await
    }

    async fn accept(&self, request: Asked, caller: &Caller) -> Result<Done, CommandError> {
        let invalid = |e: String| CommandError::invalid(e);
        if request.title.trim().is_empty()
            || request.title.len() > TITLE_BYTES_MAX
            || request.title.contains('\n')
        {
            return Err(invalid(format!(
                "the title must be one line of 1 to {TITLE_BYTES_MAX} bytes"
            )));
        }
        if request.body.len() > BODY_BYTES_MAX {
            return Err(
                invalid(format!("the request has more than {BODY_BYTES_MAX} bytes"))
                    .with_remedy("shorten the text; long material belongs into the repository"),
            );
        }
        let invalid_chain = |e: anyhow::Error| CommandError::invalid(format!("{e:#}"));
        let repo = self
            .repos
            .get(&request.repo)
            .map_err(|e| CommandError::not_found(format!("{e:#}")))?;
        repo.prepare().await.map_err(invalid_chain)?;
        let base = repo.base_tip().await.map_err(invalid_chain)?;
        if let Some(unfit) = repo.unfit(&base).await.map_err(host)? {
            return Err(CommandError::conflict(unfit.to_string()).with_remedy(unfit.remedy()));
        }
        let InForce {
            effective,
            text: config,
            digest: config_digest,
            file: _,
        } = repo
            .in_force(&self.config.now(), &base)
            .await
            .map_err(|e| unusable(repo, &e))?;
        let pipeline = effective
            .pipeline()
            .map_err(|e| CommandError::invalid(e.to_string()))?;
        if let Some(refused) = hopeless(&self.config.now(), repo, &effective, &pipeline) {
            return Err(refused);
        }
        let rules = pipeline.rules;
        let name = RepoName::new(repo.name.clone()).map_err(|e| invalid(e.to_string()))?;
        let item = match request.id {
            Some(id) => Item::Given(id),
            None => Item::Next(prefix_of(repo)?),
        };
        let Asked {
            after,
            priority,
            at,
            ..
        } = request;
        let author = caller.person.to_string();
        let (title, body) = (request.title.trim().to_owned(), request.body);
        let (base_branch, rework_rounds_max) = (repo.config.base.clone(), rules.rework_rounds_max);
        let by = self.ledger.by_person(caller);
        let applied = self
            .ledger
            .write_or(move |tx| {
                Box::pin(async move {
                    let work_item = match item {
                        Item::Given(item) => item,
                        Item::Next(prefix) => tx.next_item(&name, &prefix).await?,
                    };
                    let brief = messages::business_request(&work_item, &title, &body, &author);
                    let new = NewTask {
                        work_item,
                        repo: name,
                        title,
                        body,
                        author,
                        branch: String::new(),
                        base_branch,
                        config,
                        config_digest,
                        rework_rounds_max,
                    };
                    let task = tx.insert_task(new, by.now).await?;
                    tx.set_branch(task.id, &messages::branch(&task.work_item, task.id))
                        .await?;
                    if let Some(priority) = priority {
                        tx.set_priority(task.id, priority).await?;
                    }
                    if let Some((at, entered_ms)) = at {
                        let state = TrackerState::InProgress;
                        tx.adopt_issue(task.id, &at, state, entered_ms, by.now)
                            .await?;
                    }
                    for on in after {
                        tx.depend(task.id, on).await?;
                    }
                    let name = orch_domain::artefact::BUSINESS_REQUEST;
                    tx.put_host_artefact(task.id, name, &brief, by.now).await?;
                    apply(tx, task.id, &Event::Created, &by).await
                })
            })
            .await?;
        done(applied, "accepted")
    }

    /// The tasks of these work items; each has to be there and not stopped.
    async fn dependencies(&self, items: &[String]) -> Result<Vec<TaskId>, CommandError> {
        if items.len() > DEPENDENCIES_MAX {
            let text = format!("a task may wait for at most {DEPENDENCIES_MAX} others");
            return Err(CommandError::invalid(text));
        }
        let mut list = Vec::new();
        for item in items {
            let record = task_of_item(&self.ledger, item).await?;
            if record.task.stage == Stage::Cancelled {
                let text = format!("{item} was stopped; nothing can wait for it to be done");
                return Err(CommandError::conflict(text));
            }
            list.push(record.task.id);
        }
        Ok(list)
    }

    /// Approves what the task waits for: the analysis or the deploy.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if nothing waits for approval.
    pub async fn approve(
        &self,
        item: &str,
        request: &ApproveRequest,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        let approved = Told {
            decision: Decision::Approve,
            seen: request.seen.clone(),
            message: "approved",
        };
        self.decide(item, approved, caller).await
    }

    /// Rejects what waits for approval; the comment reaches the next run verbatim.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if nothing waits for approval.
    pub async fn reject(
        &self,
        item: &str,
        request: &RejectRequest,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        let RejectRequest { comment, seen } = request;
        let decision = Decision::Reject(comment.to_owned());
        if comment.trim().is_empty() || comment.len() > BODY_BYTES_MAX {
            return Err(CommandError::invalid(format!(
                "a rejection needs a comment of 1 to {BODY_BYTES_MAX} bytes"
            ))
            .with_remedy("say in it what to change; the next run reads it"));
        }
        let rejected = Told {
            decision,
            seen: seen.clone(),
            message: "rejected",
        };
        self.decide(item, rejected, caller).await
    }

    /// Says what a person thinks of the code that waits for a review. It is about that code: another one is reviewed
    /// anew. A comment that asks for changes reaches the next run verbatim.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if nothing waits for a review.
    pub async fn review(
        &self,
        item: &str,
        request: ReviewRequest,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        let ReviewRequest {
            verdict,
            comment,
            seen,
        } = request;
        let (said, message) = match verdict {
            ReviewVerdict::Approve => (Said::Approved, "the code is approved"),
            ReviewVerdict::RequestChanges => (Said::ChangesRequested, "changes are requested"),
        };
        let is_mute = said == Said::ChangesRequested && comment.trim().is_empty();
        if is_mute || comment.len() > BODY_BYTES_MAX {
            let text = format!(
                "a review that requests changes needs a comment, and none may exceed {BODY_BYTES_MAX} bytes"
            );
            return Err(CommandError::invalid(text)
                .with_remedy("say in it what to change; the next run reads it"));
        }
        let reviewed = Told {
            decision: Decision::Review { said, comment },
            seen,
            message,
        };
        self.decide(item, reviewed, caller).await
    }

    /// Takes a task out of a block.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if it is not blocked or the stage cannot be resumed at.
    pub async fn resume(
        &self,
        item: &str,
        request: &ResumeRequest,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        let ResumeRequest {
            stage,
            rounds,
            rebase,
        } = request;
        let stage = stage
            .as_deref()
            .map(|name| {
                Stage::parse(name).ok_or_else(|| {
                    let known: Vec<&str> = Stage::ALL
                        .iter()
                        .filter(|s| s.is_working())
                        .map(|s| s.as_str())
                        .collect();
                    CommandError::invalid(format!("no stage `{name}`"))
                        .with_remedy(format!("stages are: {}", known.join(", ")))
                })
            })
            .transpose()?;
        let decision = Decision::Resume {
            stage,
            rounds: *rounds,
            rebase: *rebase,
        };
        let resumed = Told {
            decision,
            seen: None,
            message: "resumed",
        };
        self.decide(item, resumed, caller).await
    }

    /// Stops a task. Inside landing or deploying it takes effect after that step.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if it has ended or is being stopped.
    pub async fn stop(&self, item: &str, caller: &Caller) -> Result<Done, CommandError> {
        let stopped = Told {
            decision: Decision::Stop,
            seen: None,
            message: "stop asked for",
        };
        self.decide(item, stopped, caller).await
    }

    /// Says how urgent a task is, 1 (first) to 9.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for another number; [`CommandError::Conflict`] if the task has ended.
    pub async fn prioritise(
        &self,
        item: &str,
        request: PriorityRequest,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        let priority = checked_priority(request.priority)?;
        let task = task_of_item(&self.ledger, item).await?.task;
        if task.stage.is_terminal() {
            let text = format!("{item} has ended in `{}`", task.stage);
            return Err(CommandError::conflict(text));
        }
        let (id, who, now) = (task.id, caller.clone(), self.ledger.now());
        let data = serde_json::json!({"priority": priority}).to_string();
        self.ledger
            .write(move |tx| {
                Box::pin(async move {
                    tx.set_priority(id, priority).await?;
                    let by = (who.person.as_str(), Some(who.channel));
                    tx.append_event_by(Some(id), EventKind::Prioritised, by, &data, now)
                        .await
                        .map(|_| ())
                })
            })
            .await?;
        Ok(Done {
            work_item: item.to_owned(),
            stage: task.stage,
            status: status_of(&task.status),
            message: format!("its priority is {priority}"),
        })
    }

    async fn decide(&self, item: &str, told: Told, caller: &Caller) -> Result<Done, CommandError> {
        let Told {
            decision,
            seen,
            message,
        } = told;
        let config = self.config.now();
        if let Some(refused) = refusal(&config, &decision, caller) {
            return Err(CommandError::forbidden(refused.what).with_remedy(refused.remedy));
        }
        let id = task_of_item(&self.ledger, item).await?.task.id;
        let by = self.ledger.by_person(caller);
        let looked_at = seen.clone().unwrap_or_default();
        let applied = self.ledger.write_or(move |tx| {
            Box::pin(async move {
                if let Some(seen) = &seen {
                    let record = tx.task(id).await?;
                    if let Some(unseen) = unseen(tx, &record, seen).await? {
                        return Ok(Err(unseen));
                    }
                }
                decide(tx, id, &decision, &config, &by).await.map(Ok)
            })
        });
        match applied.await? {
            Ok(applied) => done(applied, message),
            Err(Unseen::NoName) => Err(CommandError::invalid(format!(
                "`{looked_at}` names no commit and no code tree"
            ))
            .with_remedy("give 7 to 64 digits of what `orch task show` prints")),
            Err(Unseen::Moved(now)) => Err(CommandError::conflict(format!(
                "{item} has moved since: it is no longer what you saw (`{looked_at}`)"
            ))
            .with_remedy(format!(
                "look again with `orch task show {item}`, then decide with `--seen {now}`"
            ))),
        }
    }
}

/// What somebody decided, and what they looked at.
struct Told {
    decision: Decision,
    seen: Option<String>,
    /// What to answer.
    message: &'static str,
}

/// A task that is asked for, wherever that was.
struct Asked {
    /// How it is to be called; none for the next number.
    id: Option<WorkItem>,
    repo: String,
    title: String,
    body: String,
    after: Vec<TaskId>,
    priority: Option<i64>,
    /// The issue that it has already, and when that was put where tasks begin.
    at: Option<(IssueAt, UnixMs)>,
}

/// How a new task is called.
enum Item {
    Given(WorkItem),
    /// By the next number of this prefix.
    Next(ItemPrefix),
}

/// Prefix of the work items that are numbered here.
fn prefix_of(repo: &Repo) -> Result<ItemPrefix, CommandError> {
    let prefix = repo.config.prefix.clone();
    let prefix = prefix.unwrap_or_else(|| repo.name.to_uppercase());
    ItemPrefix::new(prefix).map_err(|e| {
        let name = &repo.name;
        CommandError::invalid(e.to_string())
            .with_remedy(format!("set `repositories.{name}.prefix` in orch.yaml"))
    })
}

fn checked_priority(priority: i64) -> Result<i64, CommandError> {
    if (1..=9).contains(&priority) {
        return Ok(priority);
    }
    let text = format!("priority must be 1 (first) to 9, not {priority}");
    Err(CommandError::invalid(text).with_remedy("leave it out for the default, 5"))
}
