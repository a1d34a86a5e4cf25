//! Plane as a tracker: its projects' work items are issues, its states are where they stand.
//!
//! Plane has no order of all moves, tells nothing reliably and forgets which key a change had. So moves are read from
//! the activities of what changed, their time is their position, and what the host is about to do is noted first.

mod attached;
mod board;
mod budget;
mod call;
mod entry;
mod find;
mod html;
mod shape;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orch_domain::id::{IssueId, ItemPrefix, RepoName};
use orch_domain::issue::TrackerState;
use orch_domain::port::tracker::{
    Attachment, Comment, Entry, Intents, IssueMove, Position, Tracker, Voice,
};
use orch_domain::port::{HOST_ACTOR, PortAnswer, PortError, PortFailure, Receipt};
use serde_json::json;
use tokio::sync::Mutex;

use self::board::Board;
use self::budget::Urgency;
use self::call::Api;
pub use self::find::{Finder, Found, FoundProject, FoundState, PersonFound};
use self::shape::{Activity, CommentRow, Item, Me, StateRow};
use crate::SecretPlace;
use crate::http::ClientError;

/// What the host's own comments are marked with.
const SOURCE: &str = "orch";
/// How far a time may be behind the one of what it followed, microseconds: Plane writes down some milliseconds late
/// who changed what.
const LATE_US: i64 = 1_000_000;
/// Bytes of one comment of the host's.
const COMMENT_BYTES_MAX: usize = 100 * 1024;

/// A project.
#[derive(Debug, Clone)]
pub struct PlaneProject {
    /// The repository that its work items are about.
    pub repo: RepoName,
    /// What work items are called, before their number.
    pub prefix: ItemPrefix,
    /// The state from which the host begins tasks.
    pub entry: String,
    /// What its other states mean, by id.
    pub states: BTreeMap<TrackerState, String>,
}

/// What a workspace needs.
#[derive(Debug, Clone)]
pub struct PlaneSetup {
    /// Where Plane is.
    pub url: String,
    /// The workspace, as its addresses name it.
    pub workspace: String,
    /// Key of the host's own user.
    pub key: SecretPlace,
    /// Projects by id.
    pub projects: BTreeMap<String, PlaneProject>,
    /// Calls in a minute.
    pub calls_per_minute: u32,
    /// Persons by the ids of their users: a key of one of them is not used.
    pub people: BTreeMap<String, String>,
}

/// A workspace as a tracker.
#[derive(Debug)]
pub struct Plane {
    api: Api,
    projects: BTreeMap<String, PlaneProject>,
    intents: Arc<dyn Intents>,
    /// Prefix of the keys of intents: several trackers may share them.
    name: String,
    /// The host's own user, with the sum of the key that said so.
    me: Mutex<Option<([u8; 32], String)>>,
    people: BTreeMap<String, String>,
    board: Mutex<Board>,
    /// Whether a state that the configuration does not name closes an item, by project and state.
    closing: Mutex<HashMap<(String, String), bool>>,
    /// Whether this server takes a state by its other name.
    takes_state_id: AtomicBool,
    /// Whether the moves that were told last leave out some that are too young.
    holds_back: AtomicBool,
}

/// Where an issue is: its project and its own id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    project: String,
    item: String,
}

impl Place {
    fn path(&self) -> String {
        format!("projects/{}/work-items/{}/", self.project, self.item)
    }

    fn issue(&self) -> Option<IssueId> {
        IssueId::new(format!("{}/{}", self.project, self.item)).ok()
    }
}

impl Plane {
    /// Sets up the client; nothing is sent yet. `name` is the tracker's own.
    ///
    /// # Errors
    /// [`ClientError`], when the machine has no usable TLS.
    pub fn new(
        name: &str,
        setup: PlaneSetup,
        intents: Arc<dyn Intents>,
    ) -> Result<Self, ClientError> {
        let PlaneSetup {
            url,
            workspace,
            key,
            projects,
            calls_per_minute,
            people,
        } = setup;
        Ok(Self {
            api: Api::new(
                format!("tracker `{name}`"),
                &url,
                &workspace,
                key,
                calls_per_minute,
            )?,
            projects,
            intents,
            name: name.to_owned(),
            me: Mutex::default(),
            people,
            board: Mutex::default(),
            closing: Mutex::default(),
            takes_state_id: AtomicBool::new(false),
            holds_back: AtomicBool::new(false),
        })
    }

    /// The host's own user. Asked again when the key is another: it may be of somebody else. What is written or read
    /// with the key of a person would be taken for their word, or theirs for the host's.
    async fn me(&self) -> Result<String, PortError> {
        let sum = self.api.key_sum()?;
        let mut known = self.me.lock().await;
        let me = match &*known {
            Some((own, me)) if *own == sum => me.clone(),
            _ => {
                let me: Me = self.api.whoami().await?;
                *known = Some((sum, me.id.clone()));
                me.id
            }
        };
        match self.people.get(&me) {
            None => Ok(me),
            Some(person) => {
                let reason = format!(
                    "its key is one of `{person}`, whom `people` in orch.yaml names, and words of theirs could not be told from the host's; put a key of a user of its own there"
                );
                Err(PortError::new(
                    self.api.source(),
                    PortFailure::Unauthorised,
                    reason,
                ))
            }
        }
    }

    /// Where an issue is, if it is of a project that is configured.
    fn place(&self, issue: &IssueId) -> Result<Place, PortError> {
        let parts = issue.as_str().split_once('/');
        let known = parts.filter(|(project, item)| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            self.projects.contains_key(*project) && item.chars().all(is_plain)
        });
        let (project, item) = known.ok_or_else(|| {
            let reason = format!("`{issue}` is of no project that orch.yaml names");
            PortError::new(self.api.source(), PortFailure::NotFound, reason)
        })?;
        Ok(Place {
            project: project.to_owned(),
            item: item.to_owned(),
        })
    }

    fn project(&self, place: &Place) -> Result<&PlaneProject, PortError> {
        self.projects.get(&place.project).ok_or_else(|| {
            let reason = format!("project `{}` is not in orch.yaml", place.project);
            PortError::new(self.api.source(), PortFailure::NotFound, reason)
        })
    }

    /// What a state means to the host. One that closes an item and has no meaning of its own stops its task.
    async fn meaning(
        &self,
        project: &PlaneProject,
        place: &Place,
        state: &str,
    ) -> Result<Option<TrackerState>, PortError> {
        let found = project.states.iter().find(|(_, own)| *own == state);
        if let Some((meaning, _)) = found {
            return Ok(Some(*meaning));
        }
        let closes = state != project.entry && self.closes(&place.project, state).await?;
        Ok(closes.then_some(TrackerState::Stopped))
    }

    /// Whether a state is one of those in which nothing is left to do, by its group.
    async fn closes(&self, project: &str, state: &str) -> Result<bool, PortError> {
        let mut known = self.closing.lock().await;
        let key = (project.to_owned(), state.to_owned());
        if let Some(closes) = known.get(&key) {
            return Ok(*closes);
        }
        let path = format!("projects/{project}/states/");
        let rows: Vec<StateRow> = self.api.list(Urgency::State, &path, &[]).await?;
        for row in rows {
            let closes = matches!(row.group.as_str(), "cancelled" | "completed");
            known.insert((project.to_owned(), row.id), closes);
        }
        // One that is gone again closes nothing.
        Ok(*known.entry(key).or_insert(false))
    }

    async fn item(&self, place: &Place, urgency: Urgency) -> Result<Item, PortError> {
        self.api.get(urgency, &place.path(), &[]).await
    }

    /// Who changed what of an item, oldest first.
    async fn activities(
        &self,
        place: &Place,
        urgency: Urgency,
    ) -> Result<Vec<Activity>, PortError> {
        let path = format!("{}activities/", place.path());
        let mut list: Vec<Activity> = self.api.list(urgency, &path, &[]).await?;
        list.sort_by_key(|activity| activity.created_at.0);
        Ok(list)
    }

    /// Moves an item and compares what the server says of it: some take a state by one name, some by the other, and
    /// both answer well to either.
    async fn patch_state(&self, place: &Place, wanted: &str) -> Result<Item, PortError> {
        let by_id = self.takes_state_id.load(Ordering::SeqCst);
        let names = match by_id {
            true => ["state_id", "state"],
            false => ["state", "state_id"],
        };
        for name in names {
            let item: Item = self
                .api
                .patch(Urgency::State, &place.path(), &json!({name: wanted}))
                .await?;
            if item.state == wanted {
                self.takes_state_id
                    .store(name == "state_id", Ordering::SeqCst);
                return Ok(item);
            }
        }
        let reason = format!(
            "it took the move of {} and left it where it was; look at the permissions of the host's user",
            place.item
        );
        Err(PortError::new(
            self.api.source(),
            PortFailure::Refused,
            reason,
        ))
    }

    async fn move_to(
        &self,
        issue: &IssueId,
        state: TrackerState,
        key: &str,
    ) -> Result<Position, PortError> {
        let place = self.place(issue)?;
        let me = self.me().await?;
        let wanted = &self.project(&place)?.states[&state];
        let item = self.item(&place, Urgency::State).await?;
        let key = format!("{}:{}:{key}", self.name, place.item);
        let since = item.updated_at.0.to_string();
        if let Some(since) = self.intents.begin(&key, &since).await? {
            // It may have been made: whoever died then would take somebody's later move back.
            let since = since.parse::<i64>().unwrap_or(0).saturating_sub(LATE_US);
            let made = self.activities(&place, Urgency::State).await?;
            let made = made.iter().rev().find(|activity| {
                activity.created_at.0 >= since
                    && activity.actor == me
                    && activity.moved_to() == Some(wanted.as_str())
            });
            if let Some(made) = made {
                return Ok(made.created_at.0.saturating_add(LATE_US));
            }
        }
        // Whoever moves it from now on saw it there; nobody answers what they saw within a second.
        if item.state == *wanted {
            return Ok(item.updated_at.0.saturating_add(LATE_US));
        }
        match self.patch_state(&place, wanted).await {
            Ok(moved) => Ok(moved.updated_at.0.saturating_add(LATE_US)),
            Err(error) if error.failure == PortFailure::Refused => Err(self
                .lost_state(&place, state, wanted)
                .await?
                .unwrap_or(error)),
            Err(error) => Err(error),
        }
    }

    /// That a state to which an item was to be moved is not on the board any more; none if it is.
    async fn lost_state(
        &self,
        place: &Place,
        state: TrackerState,
        wanted: &str,
    ) -> Result<Option<PortError>, PortError> {
        let project = &place.project;
        let path = format!("projects/{project}/states/");
        let rows: Vec<StateRow> = self.api.list(Urgency::State, &path, &[]).await?;
        if rows.iter().any(|row| row.id == wanted) {
            return Ok(None);
        }
        let word = state.as_str();
        let there: Vec<String> = rows
            .iter()
            .map(|row| format!("`{}` {}", row.name, row.id))
            .collect();
        Ok(Some(self.api.refused(format!(
            "the state for `{word}` ({wanted}) is not on the board any more; set \
             `projects.{project}.states.{word}` of the tracker in orch.yaml to one that is: {}",
            there.join(", ")
        ))))
    }

    async fn write_comment(
        &self,
        issue: &IssueId,
        voice: Voice,
        text: &str,
        key: &str,
    ) -> Result<Receipt, PortError> {
        let place = self.place(issue)?;
        self.me().await?;
        let path = format!("{}comments/", place.path());
        let body = json!({
            "comment_html": text::comment(voice, text, COMMENT_BYTES_MAX),
            "external_source": SOURCE,
            // A pair counts for the whole project, whatever item it is on.
            "external_id": format!("{}:{key}", place.item),
        });
        let made = self.api.create(Urgency::Comment, &path, &body).await;
        match made {
            Ok(id) => Ok(Some(id)),
            // An unknown item is called a payload that is not valid.
            Err(error) if error.failure == PortFailure::Refused => {
                self.item(&place, Urgency::Comment).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_comments(&self, issue: &IssueId) -> Result<Vec<Comment>, PortError> {
        let place = self.place(issue)?;
        let me = self.me().await?;
        let path = format!("{}comments/", place.path());
        let mut rows: Vec<CommentRow> = self.api.list(Urgency::Read, &path, &[]).await?;
        if rows.is_empty() {
            // The list of an item that is not there is an empty one.
            self.item(&place, Urgency::Read).await?;
        }
        rows.sort_by_key(|row| row.created_at.0);
        let comment = |row: CommentRow| {
            let is_own = row.actor == me && row.external_source.as_deref() == Some(SOURCE);
            // Members may overwrite the comments of others: the words are of whoever wrote them last.
            let writer = row.updated_by.unwrap_or(row.actor);
            let author = match is_own {
                true => HOST_ACTOR.to_owned(),
                false => writer,
            };
            Comment {
                author,
                is_own,
                text: html::read(&row.comment_html),
                at_ms: row.created_at.ms(),
            }
        };
        Ok(rows.into_iter().map(comment).collect())
    }

    /// Whether an item is gone for good. One that was put into the archive is not shown and can still be changed.
    async fn is_gone(&self, place: &Place) -> Result<bool, PortError> {
        match self.item(place, Urgency::Read).await {
            Ok(_) => return Ok(false),
            Err(error) if error.failure == PortFailure::NotFound => {}
            Err(error) => return Err(error),
        }
        let project = format!("projects/{}/", place.project);
        let _shown: serde_json::Value = self.api.get(Urgency::Read, &project, &[]).await?;
        let patched: Result<serde_json::Value, PortError> = self
            .api
            .patch(Urgency::Read, &place.path(), &json!({}))
            .await;
        match patched {
            Ok(_) => Ok(false),
            Err(error) if error.failure == PortFailure::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl Tracker for Plane {
    fn moves(&self, position: Position, most: u32) -> PortAnswer<'_, Vec<IssueMove>> {
        Box::pin(board::moves(self, position, most))
    }

    fn holds_back(&self) -> bool {
        self.holds_back.load(Ordering::SeqCst)
    }

    fn beginning(&self) -> PortAnswer<'_, Position> {
        Box::pin(board::beginning(self))
    }

    fn entries(&self, most: u32) -> PortAnswer<'_, Vec<Entry>> {
        Box::pin(entry::entries(self, most))
    }

    fn is_deleted<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, bool> {
        Box::pin(async move {
            let place = self.place(issue)?;
            self.is_gone(&place).await
        })
    }

    fn state<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, Option<TrackerState>> {
        Box::pin(async move {
            let place = self.place(issue)?;
            let item = self.item(&place, Urgency::State).await?;
            self.meaning(self.project(&place)?, &place, &item.state)
                .await
        })
    }

    fn set_state<'a>(
        &'a self,
        issue: &'a IssueId,
        state: TrackerState,
        key: &'a str,
    ) -> PortAnswer<'a, Position> {
        Box::pin(self.move_to(issue, state, key))
    }

    fn comment<'a>(
        &'a self,
        issue: &'a IssueId,
        voice: Voice,
        text: &'a str,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(self.write_comment(issue, voice, text, key))
    }

    fn comments<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, Vec<Comment>> {
        Box::pin(self.read_comments(issue))
    }

    fn attachments<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, Vec<Attachment>> {
        Box::pin(async move { attached::list(self, &self.place(issue)?).await })
    }

    fn attachment<'a>(
        &'a self,
        issue: &'a IssueId,
        id: &'a str,
        bytes_max: usize,
    ) -> PortAnswer<'a, Vec<u8>> {
        Box::pin(async move { attached::fetch(self, &self.place(issue)?, id, bytes_max).await })
    }
}
