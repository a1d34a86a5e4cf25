//! The tracker in the store: an issue for each task, under the task's own number.

use std::fmt;

use orch_domain::id::{IssueId, TaskId};
use orch_domain::issue::TrackerState;
use orch_domain::port::tracker::{Comment, Intents, IssueMove, Position, Tracker, Voice};
use orch_domain::port::{HOST_ACTOR, PortAnswer, PortError, PortFailure, Receipt};
use orch_store::{BoxFuture, Store, StoreError, Tx};

use crate::Now;

/// The tracker of a host that has no other.
pub struct LocalTracker {
    store: Store,
    now: Now,
}

impl fmt::Debug for LocalTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTracker")
            .field("database", &self.store.path())
            .finish_non_exhaustive()
    }
}

impl LocalTracker {
    /// The tracker in `store`.
    pub fn new(store: Store, now: Now) -> Self {
        Self { store, now }
    }

    /// Reads of an issue that is there.
    async fn of_issue<T, F>(&self, issue: &IssueId, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx, TaskId) -> BoxFuture<'t, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let task = task_of(issue)?;
        let read = self.store.read(move |tx| {
            Box::pin(async move {
                tx.task(task).await?;
                work(tx, task).await
            })
        });
        read.await.map_err(failed)
    }

    /// Writes to an issue that is there.
    async fn to_issue<T, F>(&self, issue: &IssueId, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx, TaskId) -> BoxFuture<'t, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let task = task_of(issue)?;
        let written = self.store.write(move |tx| {
            Box::pin(async move {
                tx.task(task).await?;
                work(tx, task).await
            })
        });
        written.await.map_err(failed)
    }
}

/// The task whose number the issue's name is.
fn task_of(issue: &IssueId) -> Result<TaskId, PortError> {
    let number = issue.as_str().parse::<i64>().ok();
    number.map(TaskId).ok_or_else(|| {
        let reason = format!("there is no issue `{issue}`");
        PortError::new("the local tracker", PortFailure::NotFound, reason)
    })
}

fn failed(error: StoreError) -> PortError {
    let failure = match matches!(error, StoreError::NotFound { .. }) {
        true => PortFailure::NotFound,
        false => PortFailure::Unavailable,
    };
    PortError::new("the local tracker", failure, error.in_full())
}

/// Under what name a comment of the host stands.
fn author(voice: Voice) -> String {
    match voice {
        Voice::Host => HOST_ACTOR.to_owned(),
        Voice::Role(role) => format!("{HOST_ACTOR}/{role}"),
    }
}

/// Whether the host wrote what stands under this name.
fn is_own(author: &str) -> bool {
    let rest = author.strip_prefix(HOST_ACTOR);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Tracker for LocalTracker {
    fn moves(&self, position: Position, most: u32) -> PortAnswer<'_, Vec<IssueMove>> {
        Box::pin(async move {
            let read = self
                .store
                .read(move |tx| Box::pin(tx.issue_moves(position, most)));
            let moves = read.await.map_err(failed)?.into_iter();
            let moves = moves.map(|moved| IssueMove {
                position: moved.position,
                issue: issue_of(moved.task),
                state: moved.state,
                actor: moved.actor,
                at_ms: moved.at_ms,
                is_past: moved.is_past,
            });
            Ok(moves.collect())
        })
    }

    fn state<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, Option<TrackerState>> {
        Box::pin(self.of_issue(issue, |tx, task| Box::pin(tx.tracker_state(task))))
    }

    fn set_state<'a>(
        &'a self,
        issue: &'a IssueId,
        state: TrackerState,
        key: &'a str,
    ) -> PortAnswer<'a, Position> {
        let (key, now) = (key.to_owned(), (self.now)());
        Box::pin(self.to_issue(issue, move |tx, task| {
            Box::pin(async move { tx.move_issue_once(task, state, &key, now).await })
        }))
    }

    fn comment<'a>(
        &'a self,
        issue: &'a IssueId,
        voice: Voice,
        text: &'a str,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(async move {
            let (id, text, now) = (key.to_owned(), text.to_owned(), (self.now)());
            self.to_issue(issue, move |tx, task| {
                Box::pin(async move { tx.add_comment(task, &id, &author(voice), &text, now).await })
            })
            .await?;
            Ok(Some(key.to_owned()))
        })
    }

    fn comments<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, Vec<Comment>> {
        Box::pin(async move {
            let rows = self.of_issue(issue, |tx, task| Box::pin(tx.comments(task)));
            let comment = |row: orch_store::CommentRow| Comment {
                is_own: is_own(&row.author),
                author: row.author,
                text: row.body,
                at_ms: row.at_ms,
            };
            Ok(rows.await?.into_iter().map(comment).collect())
        })
    }
}

/// The name of a task's issue.
fn issue_of(task: TaskId) -> IssueId {
    IssueId::new(task.to_string()).expect("a number is a valid name of an issue")
}

/// Notes of other trackers on what they are about to do, in the store.
pub struct StoreIntents {
    store: Store,
    now: Now,
}

impl fmt::Debug for StoreIntents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreIntents").finish_non_exhaustive()
    }
}

impl StoreIntents {
    /// Notes in `store`.
    pub fn new(store: Store, now: Now) -> Self {
        Self { store, now }
    }
}

impl Intents for StoreIntents {
    fn begin<'a>(&'a self, key: &'a str, since: &'a str) -> PortAnswer<'a, Option<String>> {
        let (key, since, now) = (key.to_owned(), since.to_owned(), (self.now)());
        Box::pin(async move {
            let noted = self.store.write(move |tx| {
                Box::pin(async move { tx.tracker_intent(&key, &since, now).await })
            });
            noted.await.map_err(failed)
        })
    }
}
