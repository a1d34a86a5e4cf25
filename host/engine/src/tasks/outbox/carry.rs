//! How a message is carried through the door of its destination, and what the host notes of it afterwards.

use orch_agents::workspace::Workspace;
use orch_domain::id::TaskId;
use orch_domain::message::Message;
use orch_domain::port::forge::Status;
use orch_domain::port::tracker::{IssueAt, Position, Tracker};
use orch_domain::port::{PortError, PortFailure, Receipt};
use orch_store::{StoreError, Tx};

use super::Delivery;

/// What delivering a message came to.
pub(super) enum Delivered {
    /// It is there; what the other side calls it.
    There(Receipt),
    /// People see the issue of a task where it was moved to, from a position of its tracker on.
    Shown(Position),
    /// The branch has a pull request of this number.
    Opened(u64),
}

impl Delivered {
    pub(super) fn receipt(&self) -> Receipt {
        match self {
            Self::There(receipt) => receipt.clone(),
            Self::Shown(position) => Some(position.to_string()),
            Self::Opened(number) => Some(number.to_string()),
        }
    }
}

impl Delivery {
    /// Carries a message to where it goes.
    pub(super) async fn deliver(
        &self,
        message: &Message,
        key: &str,
    ) -> Result<Delivered, PortError> {
        let there = Delivered::There;
        match message {
            // Each notifier gets a message of its own; there is nothing to carry.
            Message::Announcement { .. } => Ok(there(None)),
            Message::Notice { to, notice, prompt } => {
                let notifier = self.doors.notifier(to)?;
                let told = match prompt {
                    Some(prompt) => notifier.ask(notice, *prompt, key).await,
                    None => notifier.tell(notice, key).await,
                };
                told.map(there)
            }
            Message::Progress { to, progress } => {
                let notifier = self.doors.notifier(to)?;
                let (name, task) = (to.clone(), progress.task);
                let before = self
                    .ledger
                    .read(|tx| Box::pin(async move { tx.progress_shown(&name, task).await }))
                    .await
                    .map_err(|e| {
                        PortError::new("the store", PortFailure::Unavailable, e.in_full())
                    })?;
                let shown = notifier.show(progress, before.as_deref(), key).await;
                shown.map(there)
            }
            Message::IssueState { at, state } => {
                let tracker = self.doors.tracker(&at.tracker)?;
                match tracker.set_state(&at.issue, *state, key).await {
                    Err(error) if is_nobodys(tracker, at, &error).await => Ok(there(None)),
                    shown => shown.map(Delivered::Shown),
                }
            }
            Message::Comment { at, voice, remark } => {
                let text = orch_words::remark::text(remark);
                let tracker = self.doors.tracker(&at.tracker)?;
                match tracker.comment(&at.issue, *voice, &text, key).await {
                    Err(error) if is_nobodys(tracker, at, &error).await => Ok(there(None)),
                    written => written.map(there),
                }
            }
            Message::OpenPullRequest { repo, request } => {
                let opened = self.doors.forge(repo)?.open_pull_request(request).await;
                opened.map(Delivered::Opened)
            }
            Message::MarkMerged {
                repo,
                branch,
                commit,
            } => {
                let marked = self.doors.forge(repo)?.mark_merged(branch, commit).await;
                marked.map(|()| there(None))
            }
            Message::DescribePullRequest {
                repo,
                branch,
                progress,
                rounds,
            } => {
                let title = orch_words::pull_request::title(progress);
                let text = orch_words::pull_request::text(progress, *rounds);
                let forge = self.doors.forge(repo)?;
                let shown = forge.describe_pull_request(branch, &title, &text).await;
                shown.map(|()| there(None))
            }
            Message::ClosePullRequest { repo, branch } => {
                let forge = self.doors.forge(repo)?;
                let why = orch_words::pull_request::CLOSED;
                let closed = forge.close_pull_request(branch, why).await;
                closed.map(|()| there(None))
            }
            Message::Review { repo, review } => {
                let given = orch_words::review::review(review);
                let forge = self.doors.forge(repo)?;
                let posted = forge.post_review(&review.branch, &given, key).await;
                posted.map(there)
            }
            Message::PostStatus {
                repo,
                commit,
                context,
                state,
                note,
            } => {
                let status = Status {
                    context: context.clone(),
                    state: *state,
                    description: orch_words::status::text(note),
                    url: None,
                    is_skipped: false,
                    reporter: None,
                    at_ms: None,
                };
                let posted = self.doors.forge(repo)?.post_status(commit, &status).await;
                posted.map(|()| there(None))
            }
            Message::RemoveWorkspace {
                task,
                work_item,
                repo,
            } => {
                let (repo, item) = (repo.as_str(), work_item.as_str());
                let workspace = Workspace::at(self.paths.workspace(repo, task.0, item));
                let removed = workspace.remove().await;
                removed.map(|_| there(None)).map_err(|error| {
                    let reason = format!("{:#}", anyhow::Error::from(error));
                    let source = format!("the workspace of {item}");
                    PortError::new(source, PortFailure::Unavailable, reason)
                })
            }
        }
    }
}

/// Whether nobody is left to be told, because the issue was deleted: trying again would end in an alert that nobody can
/// do anything about.
async fn is_nobodys(tracker: &dyn Tracker, at: &IssueAt, error: &PortError) -> bool {
    error.failure == PortFailure::NotFound
        && matches!(tracker.is_deleted(&at.issue).await, Ok(true))
}

/// Notes what the host goes by afterwards.
pub(super) async fn note(
    tx: &mut Tx,
    task: Option<TaskId>,
    message: &Message,
    delivered: &Delivered,
) -> Result<(), StoreError> {
    match (message, delivered, task) {
        (Message::IssueState { state, .. }, Delivered::Shown(from), Some(task)) => {
            tx.issue_shown(task, *state, *from).await
        }
        (Message::OpenPullRequest { request, .. }, Delivered::Opened(number), _) => {
            tx.pull_request_opened(request.task, &request.branch, &number.to_string())
                .await
        }
        (Message::Progress { to, progress }, Delivered::There(Some(receipt)), _) => {
            tx.note_progress_shown(to, progress.task, receipt).await
        }
        (_, _, _) => Ok(()),
    }
}
