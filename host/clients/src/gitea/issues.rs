//! Issues of repositories on a Gitea or Forgejo server as a tracker: a label says where an issue stands.
//!
//! What happened to an issue is its timeline, whose numbers rise over the whole server. A label that somebody puts on an
//! issue is a move; one that goes is none. The host's labels have a scope of their own, in which one drives out the
//! others. People begin a task by the label `orch/start`, or by assigning the issue to the host's user.

mod board;
mod comments;
mod shapes;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use orch_domain::id::{IssueId, ItemPrefix, RepoName};
use orch_domain::issue::TrackerState;
use orch_domain::port::tracker::{Comment, Entry, Intents, IssueMove, Position, Tracker, Voice};
use orch_domain::port::{PortAnswer, PortError, PortFailure, Receipt};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Mutex;

use self::board::Read;
use self::shapes::{Happened, Issue, Label, Person};
use super::{GiteaServer, PAGE, PAGES_MAX, Places};

/// What the names of the host's labels begin with.
const SCOPE: &str = "orch/";
/// Label by which people begin a task.
const START: &str = "start";
/// Colour of the host's labels.
const COLOUR: &str = "8b5cf6";

/// A repository whose issues are tasks.
#[derive(Debug, Clone)]
pub struct IssuesOf {
    /// Owner and name on the server, as configured.
    pub repo: String,
    /// What work items are called, before their number.
    pub prefix: ItemPrefix,
}

/// What the tracker is made from.
#[derive(Debug)]
pub struct GiteaIssuesSetup {
    /// The server.
    pub server: GiteaServer,
    /// Repositories by their names in `orch.yaml`.
    pub repositories: BTreeMap<RepoName, IssuesOf>,
    /// Where they are now.
    pub places: Places,
}

/// The tracker.
pub struct GiteaIssues {
    name: String,
    setup: GiteaIssuesSetup,
    intents: Arc<dyn Intents>,
    me: Mutex<Option<Person>>,
    /// Numbers of the host's labels, by repository and name.
    labels: Mutex<BTreeMap<(RepoName, String), i64>>,
    read: Mutex<Read>,
}

impl fmt::Debug for GiteaIssues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GiteaIssues")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where an issue is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    repo: RepoName,
    number: u64,
}

impl Place {
    fn issue(&self) -> Option<IssueId> {
        IssueId::new(format!("{}/{}", self.repo, self.number)).ok()
    }
}

impl GiteaIssues {
    /// The tracker; nothing is asked yet. `name` is its own.
    pub fn new(name: &str, setup: GiteaIssuesSetup, intents: Arc<dyn Intents>) -> Self {
        Self {
            name: name.to_owned(),
            setup,
            intents,
            me: Mutex::default(),
            labels: Mutex::default(),
            read: Mutex::default(),
        }
    }

    fn source(&self) -> String {
        format!("tracker `{}`", self.name)
    }

    fn failure(&self, failure: PortFailure, reason: impl Into<String>) -> PortError {
        PortError::new(self.source(), failure, reason)
    }

    fn shape<T: DeserializeOwned>(&self, json: serde_json::Value) -> Result<T, PortError> {
        serde_json::from_value(json).map_err(|error| {
            let reason = format!("its answer has another form than known: {error}");
            self.failure(PortFailure::Unavailable, reason)
        })
    }

    /// Path of a repository in the API.
    fn at(&self, repo: &RepoName, rest: &str) -> String {
        let configured = self.setup.repositories.get(repo);
        let configured = configured.map(|of| of.repo.clone()).unwrap_or_default();
        let now = self.setup.places.now(repo).unwrap_or(configured);
        format!("/repos/{now}{rest}")
    }

    fn of(&self, place: &Place, rest: &str) -> String {
        self.at(&place.repo, &format!("/issues/{}{rest}", place.number))
    }

    /// Where an issue is, if it is of a repository that is configured.
    fn place(&self, issue: &IssueId) -> Result<Place, PortError> {
        let parts = issue.as_str().rsplit_once('/');
        let place = parts.and_then(|(repo, number)| {
            let repo = RepoName::new(repo).ok()?;
            let number = number.parse().ok()?;
            let is_known = self.setup.repositories.contains_key(&repo);
            is_known.then_some(Place { repo, number })
        });
        place.ok_or_else(|| {
            let reason = format!("`{issue}` is of no repository that this tracker names");
            self.failure(PortFailure::NotFound, reason)
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, PortError> {
        let answer = self.setup.server.get(&self.source(), path).await?;
        self.shape(answer.json)
    }

    /// Every row of a list, which `path` has a query for; bounded.
    async fn rows<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, PortError> {
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let asked = format!("{path}page={page}&limit={PAGE}");
            let answer = self.setup.server.get(&self.source(), &asked).await?;
            let rows: Option<Vec<T>> = self.shape(answer.json)?;
            let rows = rows.unwrap_or_default();
            let is_last = rows.is_empty();
            all.extend(rows);
            if is_last || answer.total.is_some_and(|total| all.len() as u64 >= total) {
                break;
            }
        }
        Ok(all)
    }

    /// The host's own user.
    async fn me(&self) -> Result<Person, PortError> {
        let known = self.me.lock().await.clone();
        match known {
            Some(me) => Ok(me),
            None => self.me_now().await,
        }
    }

    /// The host's own user by the name that it has now: people may call it otherwise at any time.
    async fn me_now(&self) -> Result<Person, PortError> {
        let me: Person = self.get("/user").await?;
        *self.me.lock().await = Some(me.clone());
        Ok(me)
    }

    async fn issue(&self, place: &Place) -> Result<Issue, PortError> {
        self.get(&self.of(place, "")).await
    }

    /// What happened to an issue, in the order of the server's own numbers. The times beside them are no order: they have
    /// whole seconds, and are taken before the number is. None is earlier than what went before.
    async fn timeline(&self, place: &Place, query: &str) -> Result<Vec<Happened>, PortError> {
        let path = self.of(place, &format!("/timeline?{query}"));
        let mut rows: Vec<Happened> = self.rows(&path).await?;
        rows.sort_by_key(|row| row.id);
        let mut latest = Timestamp::UNIX_EPOCH;
        for row in &mut rows {
            latest = latest.max(row.created_at);
            row.created_at = latest;
        }
        Ok(rows)
    }

    /// The number of a label of the host's; one that is not there is made. Names are not unique on a server: the first
    /// of a name is the one.
    async fn label(&self, repo: &RepoName, name: &str) -> Result<i64, PortError> {
        let key = (repo.clone(), name.to_owned());
        let mut labels = self.labels.lock().await;
        if let Some(id) = labels.get(&key) {
            return Ok(*id);
        }
        let path = self.at(repo, "/labels?");
        let there: Vec<Label> = self.rows(&path).await?;
        let found = there.iter().filter(|label| label.name == name);
        if let Some(id) = found.map(|label| label.id).min() {
            labels.insert(key, id);
            return Ok(id);
        }
        let order = json!({"name": name, "color": COLOUR, "exclusive": true,
            "description": "Where Orch is with it"});
        let answer = self
            .setup
            .server
            .order(
                &self.source(),
                Method::POST,
                &self.at(repo, "/labels"),
                &order,
            )
            .await?;
        if !answer.status.is_success() {
            let said = format!(
                "it answered {} to the label `{name}`: {}; make it by hand, or let the host's user write to the repository",
                answer.status, answer.words
            );
            return Err(self.failure(PortFailure::Refused, said));
        }
        let made: Label = self.shape(answer.json)?;
        labels.insert(key, made.id);
        Ok(made.id)
    }

    /// Makes the labels that people use, where they are missing.
    ///
    /// # Errors
    /// [`PortError`] if the server does not answer, or the host's user may make none.
    pub async fn make_labels(&self) -> Result<(), PortError> {
        for repo in self.setup.repositories.keys() {
            self.label(repo, &format!("{SCOPE}{START}")).await?;
            for state in TrackerState::ALL {
                self.label(repo, &format!("{SCOPE}{state}")).await?;
            }
        }
        Ok(())
    }

    async fn move_to(
        &self,
        issue: &IssueId,
        state: TrackerState,
        key: &str,
    ) -> Result<Position, PortError> {
        let place = self.place(issue)?;
        // In this order: what the issue shows is then no older than what is known to have happened.
        let timeline = self.timeline(&place, "").await?;
        let before = self.issue(&place).await?;
        let (me, name) = (self.me().await?.id, format!("{SCOPE}{state}"));
        let latest = timeline.last().map_or(0, |row| row.id);
        let key = format!("{}:{}/{}:{key}", self.name, place.repo, place.number);
        if let Some(since) = self.intents.begin(&key, &latest.to_string()).await? {
            // It may have been made: whoever died then would take somebody's later move back.
            let since: i64 = since.parse().unwrap_or(0);
            let mut made = timeline.iter().rev().filter(|row| row.put() == Some(&name));
            if let Some(made) = made.find(|row| row.id > since && row.by() == Some(me)) {
                return Ok(made.position());
            }
        }
        let is_other = |label: &&Label| label.name.starts_with(SCOPE) && label.name != name;
        let shown = match before.labels.iter().any(|label| label.name == name) {
            // People have seen it all the while; what they did so far is no answer to this.
            true => {
                for other in before.labels.iter().filter(is_other) {
                    self.take_off(&place, other.id).await?;
                }
                timeline.last().cloned()
            }
            false => {
                let id = self.label(&place.repo, &name).await?;
                let path = self.of(&place, "/labels");
                self.order(Method::POST, &path, &json!({"labels": [id]}))
                    .await?;
                // In this order: what stands there now is known to have been put.
                let now = self.issue(&place).await?;
                let timeline = self.timeline(&place, "").await?;
                let put = put_since(&timeline, latest, &name).ok_or_else(|| {
                    let reason = format!(
                        "it took the label `{name}` for issue {} and has it not; look at the rights of the host's user",
                        place.number
                    );
                    self.failure(PortFailure::Refused, reason)
                })?;
                // Where the server knows no scopes, what was there before goes. What somebody has put since is an answer,
                // though it may have stood there before.
                for other in now.labels.iter().filter(is_other) {
                    if put_since(&timeline, put.id, &other.name).is_none() {
                        self.take_off(&place, other.id).await?;
                    }
                }
                Some(put.clone())
            }
        };
        if state == TrackerState::Done && before.state == "open" {
            let path = self.of(&place, "");
            self.order(Method::PATCH, &path, &json!({"state": "closed"}))
                .await?;
        }
        Ok(shown.as_ref().map_or(0, Happened::position))
    }

    async fn take_off(&self, place: &Place, label: i64) -> Result<(), PortError> {
        let path = self.of(place, &format!("/labels/{label}"));
        self.order(Method::DELETE, &path, &json!({})).await
    }

    /// Orders; an answer that is no success is looked at by whoever reads back, unless the credential is at fault.
    async fn order(
        &self,
        method: Method,
        path: &str,
        said: &serde_json::Value,
    ) -> Result<(), PortError> {
        let source = self.source();
        let answer = self.setup.server.order(&source, method, path, said).await?;
        match answer.status.as_u16() {
            403 => self.setup.server.judged(&source, answer).map(drop),
            status if status >= 500 => {
                let reason = format!("it answered {status}: {}", answer.words);
                Err(self.failure(PortFailure::Unavailable, reason))
            }
            _ => Ok(()),
        }
    }

    /// Whether an issue is gone while its repository is shown.
    async fn is_gone(&self, place: &Place) -> Result<bool, PortError> {
        match self.issue(place).await {
            Ok(_) => return Ok(false),
            Err(error) if error.failure == PortFailure::NotFound => {}
            Err(error) => return Err(error),
        }
        let _shown: serde_json::Value = self.get(&self.at(&place.repo, "")).await?;
        Ok(true)
    }
}

/// How a label was last put on an issue after something else happened.
fn put_since<'a>(timeline: &'a [Happened], since: i64, name: &str) -> Option<&'a Happened> {
    let mut rows = timeline.iter().rev().take_while(|row| row.id > since);
    rows.find(|row| row.put() == Some(name))
}

impl Tracker for GiteaIssues {
    fn moves(&self, position: Position, most: u32) -> PortAnswer<'_, Vec<IssueMove>> {
        Box::pin(board::moves(self, position, most))
    }

    fn beginning(&self) -> PortAnswer<'_, Position> {
        Box::pin(board::beginning(self))
    }

    fn entries(&self, most: u32) -> PortAnswer<'_, Vec<Entry>> {
        Box::pin(board::entries(self, most))
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
            let found = self.issue(&place).await?;
            let states = found
                .labels
                .iter()
                .filter_map(|label| state_of(&label.name));
            let states: Vec<TrackerState> = states.collect();
            if let [one] = states[..] {
                return Ok(Some(one));
            }
            // A server that knows no scopes leaves several: the last one counts.
            let timeline = self.timeline(&place, "").await?;
            let put = timeline.iter().rev().filter_map(Happened::put);
            Ok(put
                .filter_map(state_of)
                .find(|state| states.contains(state)))
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
}

/// Which state a label stands for; none if it is no state of the host's.
fn state_of(label: &str) -> Option<TrackerState> {
    TrackerState::parse(label.strip_prefix(SCOPE)?)
}
