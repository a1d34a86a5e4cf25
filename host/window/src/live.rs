//! How does a page learn that it is old? One stream for each page says about what something happened and never what: the
//! page asks anew, under its own rights. A word that is lost costs nothing, for the next page is newer.
//!
//! However many look, the store is asked at most once in a while, and only while somebody does.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use orch_domain::job::JobState;
use orch_engine::views::LiveViews;
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};

use crate::Window;

/// Longest time until a page is told.
const LOOK: Duration = Duration::from_millis(250);
/// How long a stream lives: whoever follows longer asks anew, and shows again who they are.
const LIFE: Duration = Duration::from_secs(300);
/// Streams at once; further pages follow by asking now and then.
const STREAMS_MAX: usize = 256;
/// What happened that is remembered; whoever is further behind looks at everything anew.
const REMEMBERED_MAX: usize = 1000;

/// What of everything happened lately. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    views: LiveViews,
    known: Arc<Mutex<Known>>,
    streams: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

#[derive(Debug, Default)]
struct Known {
    looked: Option<Instant>,
    /// The event up to which is known what happened.
    latest: i64,
    about: VecDeque<(i64, Option<String>)>,
    jobs: Vec<(JobState, i64)>,
    /// How often the queue has changed.
    queue: u64,
}

/// Up to where somebody has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    event: i64,
    /// None before the first look: the page is new.
    queue: Option<u64>,
}

impl Hub {
    pub(crate) fn new(views: LiveViews, stopped: watch::Receiver<bool>) -> Self {
        Self {
            views,
            known: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            stopped,
        }
    }

    /// Topics about which something happened behind the cursor, each with the latest event.
    async fn news(&self, cursor: &mut Cursor) -> BTreeMap<String, i64> {
        let mut known = self.known.lock().await;
        let is_fresh = known.looked.is_some_and(|at| at.elapsed() < LOOK);
        if !is_fresh {
            let first = known.looked.is_none();
            let after = if first { cursor.event } else { known.latest };
            // A store that does not answer says so to whoever loads a page.
            if let Ok(news) = self.views.since(after).await {
                known.take(after, news.latest, news.about, news.jobs);
            }
            known.looked = Some(Instant::now());
        }
        known.since(cursor)
    }
}

impl Known {
    fn take(
        &mut self,
        after: i64,
        latest: i64,
        about: Vec<(i64, Option<String>)>,
        jobs: Vec<(JobState, i64)>,
    ) {
        if self.latest == 0 {
            self.latest = after;
        }
        self.about.extend(about);
        while self.about.len() > REMEMBERED_MAX {
            self.about.pop_front();
        }
        self.latest = self.latest.max(latest);
        if self.jobs != jobs {
            self.jobs = jobs;
            self.queue += 1;
        }
    }

    fn since(&self, cursor: &mut Cursor) -> BTreeMap<String, i64> {
        let mut topics = BTreeMap::new();
        let oldest = self.about.front().map_or(self.latest, |(id, _)| id - 1);
        if cursor.event < oldest {
            topics.insert("everything".to_owned(), self.latest);
        } else {
            let new = self.about.iter().filter(|(id, _)| *id > cursor.event);
            for (id, item) in new {
                topics.insert(item.clone().unwrap_or_else(|| "host".to_owned()), *id);
            }
        }
        if cursor.queue.is_some_and(|queue| queue != self.queue) {
            topics.insert("queue".to_owned(), self.latest);
        }
        cursor.event = cursor.event.max(self.latest);
        cursor.queue = Some(self.queue);
        topics
    }
}

/// From where on somebody wants to be told.
#[derive(Debug, Deserialize)]
pub(crate) struct Since {
    #[serde(default)]
    after: i64,
}

/// The stream of a page. What a browser says it had last counts more than what the page said at first.
pub(crate) async fn answer(
    State(window): State<Window>,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Response {
    let hub = window.hub;
    let Ok(permit) = hub.streams.clone().try_acquire_owned() else {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "30")]).into_response();
    };
    let had = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let event = had.and_then(|id| id.parse().ok()).unwrap_or(since.after);
    let cursor = Cursor { event, queue: None };
    Sse::new(told(hub, cursor, permit))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response()
}

fn told(
    hub: Hub,
    cursor: Cursor,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let begun = Instant::now();
    let start = (hub, cursor, VecDeque::new(), true, permit);
    stream::unfold(
        start,
        move |(mut hub, mut cursor, mut queue, is_first, permit)| async move {
            if is_first {
                // An answer begins at once, so that the page knows that it follows.
                let event = Event::default().event("hello").data("{}");
                return Some((Ok(event), (hub, cursor, queue, false, permit)));
            }
            while queue.is_empty() {
                if begun.elapsed() > LIFE || *hub.stopped.borrow() {
                    return None;
                }
                queue.extend(hub.news(&mut cursor).await);
                if queue.is_empty() {
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        // A sender that is gone means the same.
                        _ = hub.stopped.changed() => return None,
                    }
                }
            }
            let (topic, revision): (String, i64) = queue.pop_front()?;
            let data = serde_json::json!({"topic": topic, "revision": revision});
            let event = Event::default()
                .id(revision.to_string())
                .data(data.to_string());
            Some((Ok(event), (hub, cursor, queue, false, permit)))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut known = Known::default();
        let about = vec![
            (11, Some("SHOP-1".to_owned())),
            (12, None),
            (13, Some("SHOP-1".to_owned())),
        ];
        known.take(10, 13, about, vec![(JobState::Ready, 1)]);
        known
    }

    fn cursor(event: i64, queue: Option<u64>) -> Cursor {
        Cursor { event, queue }
    }

    #[test]
    fn page_is_told_once_of_what_happened_behind_it() {
        let known = known();
        let mut at = cursor(11, Some(known.queue));
        let told = known.since(&mut at);
        assert_eq!(
            told,
            BTreeMap::from([("SHOP-1".into(), 13), ("host".into(), 12)])
        );
        assert_eq!(known.since(&mut at), BTreeMap::new());
    }

    #[test]
    fn page_that_is_far_behind_looks_at_everything() {
        let mut at = cursor(3, None);
        assert_eq!(
            known().since(&mut at),
            BTreeMap::from([("everything".into(), 13)])
        );
        assert_eq!(at.event, 13);
    }

    #[test]
    fn queue_is_told_of_when_its_counts_change() {
        let mut known = known();
        let mut at = cursor(13, None);
        assert_eq!(
            known.since(&mut at),
            BTreeMap::new(),
            "a new page has the queue as it is"
        );
        known.take(13, 13, Vec::new(), vec![(JobState::Running, 1)]);
        assert_eq!(known.since(&mut at), BTreeMap::from([("queue".into(), 13)]));
        known.take(13, 13, Vec::new(), vec![(JobState::Running, 1)]);
        assert_eq!(known.since(&mut at), BTreeMap::new());
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut known = Known::default();
        let many = (1..3000).map(|id| (id, Some(id.to_string()))).collect();
        known.take(0, 2999, many, Vec::new());
        assert_eq!(known.about.len(), REMEMBERED_MAX);
        let mut at = cursor(1, None);
        assert!(known.since(&mut at).contains_key("everything"));
    }
}
