//! A stateful fake of a Forgejo server on loopback: git over HTTP by `git http-backend`, and the part of its API that
//! the host uses, in the shapes that a running server answered. It lies below a path, as behind a proxy.
//!
//! What it does as the server does: an unknown commit's statuses are an empty list, posting one is 500; lists do not
//! filter by branch, are cut at 50 rows and say their length in a header; a doubled merge answers 200 twice at most
//! once moving the base; a base that moved answers 500 with nothing in it; a landing by push is seen only where the
//! server looks for landings; a deleted branch leaves `label` and changes `ref`.

#[path = "forgejo/accounts.rs"]
mod accounts;
#[path = "forgejo/answers.rs"]
mod answers;
#[path = "forgejo/ci.rs"]
mod ci;
#[path = "forgejo/git.rs"]
mod git;
#[path = "forgejo/hooks.rs"]
mod hooks;
#[path = "forgejo/issues.rs"]
mod issues;
#[path = "forgejo/merges.rs"]
mod merges;
#[path = "forgejo/moments.rs"]
mod moments;
#[path = "forgejo/registered.rs"]
mod registered;
#[path = "forgejo/reviews.rs"]
mod reviews;
#[path = "forgejo/tls.rs"]
mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Path below which the server lies.
const BELOW: &str = "/forgejo";
/// Login of the host's own user.
pub const BOT: &str = "orch-bot";

pub use ci::CiRun;

/// How the server misbehaves, once, at a request whose method and path contain what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does what was asked and answers 500.
    FailsAfterwards,
    /// It does nothing and answers 502 in HTML, as a proxy does.
    FailsBefore,
    /// It does what was asked, and the connection is cut before the answer.
    Cut,
    /// It answers, but late.
    Slow,
    /// A merge moves the base and is forgotten: the pull request stays open, nothing is told.
    HalfMerged,
    /// It asks for fewer calls.
    Limited,
    /// A proxy in front takes no body as large, and says so with 413.
    TooLarge,
}

/// What becomes of its webhooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hooks {
    /// They are sent.
    #[default]
    Sent,
    /// They are lost.
    Lost,
    /// Each is sent three times.
    Doubled,
}

/// What can be set while it runs.
#[derive(Debug)]
pub struct Rules {
    /// Token that is accepted.
    pub token: String,
    /// Whether `main` takes pushes of the host's user.
    pub may_push: bool,
    /// What the branches begin with that take no pushes, whoever may write.
    pub refuses: Option<String>,
    /// What the server says of every push of the host's to a branch: a rule about signatures or files, or a hook.
    pub denies: Option<(String, String)>,
    /// What the server answers to every merge.
    pub refuses_merge: Option<(u16, String)>,
    /// Whether the host's user may write at all.
    pub may_write: bool,
    /// Whether the token is one of an administrator of the repository.
    pub admin: bool,
    /// The repository's id.
    pub repository_id: i64,
    /// Whether the repository is archived.
    pub archived: bool,
    /// Looks at the repository that are told that it is empty: servers do so for a moment after the first push.
    pub called_empty: u32,
    /// Whether landings by push are seen.
    pub autodetect: bool,
    /// Whether a comment of a pull request is answered by 500, though it is stored: a running server did so every time.
    pub comments_fail: bool,
    /// Whether a pull request may be told that it was merged.
    pub manual: bool,
    /// Where the repository is now, if it was renamed.
    pub renamed_to: Option<String>,
    /// Whether nothing is answered at all.
    pub down: bool,
    /// Whether whatever is asked from now on is taken and never answered.
    pub hangs: bool,
    /// Merges that are refused with 405 before one is taken.
    pub checking: u32,
    /// What becomes of webhooks.
    pub hooks: Hooks,
    /// How webhooks call the repository and where they say that it is, if otherwise than the API does.
    pub told_as: Option<(String, String)>,
    /// Where webhooks go, and by which secret they are signed.
    pub target: Option<(String, String)>,
}

/// A review that the host gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnReview {
    /// What is said of the whole.
    pub text: String,
    /// What is said of lines: file, line, text.
    pub lines: Vec<(String, u64, String)>,
}

/// A pull request.
#[derive(Debug, Clone)]
struct Pull {
    number: u64,
    user: String,
    title: String,
    body: String,
    head: String,
    base: String,
    is_open: bool,
    merged: Option<String>,
    /// Where its branch was last.
    last_head: String,
    /// Whether the branch is one of its author's own copy of the repository.
    is_from_fork: bool,
}

struct Inner {
    /// The bare repository lies below it, as `OWNER/NAME.git`.
    root: PathBuf,
    repo: String,
    address: String,
    rules: Mutex<Rules>,
    pulls: Mutex<Vec<Pull>>,
    statuses: Mutex<BTreeMap<String, Vec<Value>>>,
    comments: Mutex<BTreeMap<u64, Vec<Value>>>,
    reviews: Mutex<BTreeMap<u64, Vec<Value>>>,
    faults: Mutex<Vec<(String, Fault)>>,
    requests: Mutex<Vec<String>>,
    deliveries: Mutex<u64>,
    /// Where webhooks are sent from, whoever caused them.
    runtime: tokio::runtime::Handle,
    registered: Mutex<Vec<registered::Hook>>,
    issues: Mutex<issues::Issues>,
    ci: Mutex<ci::Ci>,
    moments: Mutex<moments::Moments>,
    /// What the host's user is called now.
    bot: Mutex<String>,
}

/// The fake. Its server ends with the runtime that it was started in.
#[derive(Clone)]
pub struct Forgejo(Arc<Inner>);

impl std::fmt::Debug for Forgejo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forgejo").field("url", &self.url()).finish()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic under the lock")
}

impl Forgejo {
    /// Starts the fake on a free port. The bare repository `root/REPO.git` is there.
    ///
    /// # Panics
    /// When loopback cannot be listened on, or the repository is not there.
    pub async fn start(root: &Path, repo: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback can be listened on");
        let address = listener.local_addr().expect("a listener has an address");
        let inner = Arc::new(Inner {
            root: root.to_owned(),
            repo: repo.to_owned(),
            address: address.to_string(),
            rules: Mutex::new(Rules {
                token: "fake-token-of-the-bot".to_owned(),
                may_push: true,
                refuses: None,
                denies: None,
                refuses_merge: None,
                may_write: true,
                admin: false,
                repository_id: 1,
                archived: false,
                called_empty: 0,
                autodetect: false,
                comments_fail: true,
                manual: false,
                renamed_to: None,
                down: false,
                hangs: false,
                checking: 0,
                hooks: Hooks::Sent,
                told_as: None,
                target: None,
            }),
            pulls: Mutex::default(),
            statuses: Mutex::default(),
            comments: Mutex::default(),
            reviews: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            deliveries: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
            registered: Mutex::default(),
            issues: Mutex::default(),
            ci: Mutex::default(),
            moments: Mutex::default(),
            bot: Mutex::new(BOT.to_owned()),
        });
        let fake = Self(inner);
        fake.git(&["config", "http.receivepack", "true"]);
        fake.protect();
        let router = answers::router()
            .fallback(git::backend)
            .layer(middleware::from_fn_with_state(fake.clone(), misbehave))
            .layer(DefaultBodyLimit::disable())
            .with_state(fake.clone());
        let router = axum::Router::new().nest(BELOW, router);
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// Its address, with the path below which it lies.
    pub fn url(&self) -> String {
        format!("http://{}{BELOW}", self.0.address)
    }

    /// Changes its rules.
    pub fn rule<T>(&self, change: impl FnOnce(&mut Rules) -> T) -> T {
        let done = change(&mut held(&self.0.rules));
        self.protect();
        done
    }

    /// Misbehaves once, at the next request whose method and path contain `at`, such as `POST pulls/1/merge`: both
    /// words, in this order.
    pub fn fail(&self, at: &str, fault: Fault) {
        held(&self.0.faults).push((at.to_owned(), fault));
    }

    /// How many requests had this method and a path that contains `part`.
    pub fn requests(&self, method: &str, part: &str) -> usize {
        let requests = held(&self.0.requests);
        let is_it = |line: &&String| line.starts_with(method) && line.contains(part);
        requests.iter().filter(is_it).count()
    }

    /// Every request so far: method and path.
    pub fn all_requests(&self) -> Vec<String> {
        held(&self.0.requests).clone()
    }

    /// State of a pull request as people see it: `open`, `closed` or `merged`, and the commit as which it was merged.
    ///
    /// # Panics
    /// When there is none of this number.
    pub fn pull(&self, number: u64) -> (String, Option<String>) {
        let pulls = held(&self.0.pulls);
        let pull = pulls
            .iter()
            .find(|p| p.number == number)
            .expect("it is there");
        let state = match (pull.is_open, pull.merged.is_some()) {
            (_, true) => "merged",
            (true, false) => "open",
            (false, false) => "closed",
        };
        (state.to_owned(), pull.merged.clone())
    }

    /// How many pull requests there are.
    pub fn pulls(&self) -> usize {
        held(&self.0.pulls).len()
    }

    /// Texts of the comments of a pull request.
    pub fn comments(&self, number: u64) -> Vec<String> {
        let comments = held(&self.0.comments);
        let of = comments.get(&number).into_iter().flatten();
        of.map(|c| c["body"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Title and text of a pull request.
    ///
    /// # Panics
    /// When there is none of this number.
    pub fn pull_text(&self, number: u64) -> (String, String) {
        let pull = answers::find(self, number).expect("it is there");
        (pull.title, pull.body)
    }

    /// Reviews of a pull request that the host gave.
    pub fn own_reviews(&self, number: u64) -> Vec<OwnReview> {
        let reviews = held(&self.0.reviews);
        let own = reviews.get(&number).into_iter().flatten();
        let own = own.filter(|row| row["user"]["login"] == BOT);
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        own.map(|row| {
            let lines = row["_comments"].as_array().into_iter().flatten();
            let lines = lines.map(|at| {
                let line = at["new_position"].as_u64().unwrap_or(0);
                (text(at, "path"), line, text(at, "body"))
            });
            OwnReview {
                text: text(row, "body"),
                lines: lines.collect(),
            }
        })
        .collect()
    }

    /// Webhooks that are registered.
    pub fn registered(&self) -> Vec<registered::Hook> {
        held(&self.0.registered).clone()
    }

    /// Somebody changes the registered webhooks.
    pub fn change_registered(&self, change: impl FnOnce(&mut Vec<registered::Hook>)) {
        change(&mut held(&self.0.registered));
    }

    /// Statuses of a commit, in the order in which they were posted: context and state.
    pub fn statuses(&self, commit: &str) -> Vec<(String, String)> {
        let statuses = held(&self.0.statuses);
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let of = statuses.get(commit).into_iter().flatten();
        of.map(|row| (text(row, "context"), text(row, "status")))
            .collect()
    }

    /// The server has forgotten what was said of a commit, as after its database was put back.
    pub fn forget_statuses(&self, commit: &str) {
        held(&self.0.statuses).remove(commit);
    }

    /// Somebody posts a status.
    pub fn post_status(&self, commit: &str, context: &str, state: &str, by: &str) {
        answers::add_status(self, commit, context, state, "", by);
    }

    /// Somebody opens a pull request.
    pub fn open(&self, user: &str, head: &str, base: &str) -> u64 {
        answers::open(self, user, head, base, "Opened by somebody", "")
    }

    /// Somebody opens a pull request from a branch of this name in a copy of the repository; its head is this commit.
    pub fn open_from_fork(&self, user: &str, head: &str, base: &str, commit: &str) -> u64 {
        let number = answers::open(self, user, head, base, "Opened from a copy", "");
        answers::change(self, number, |pull| {
            pull.is_from_fork = true;
            commit.clone_into(&mut pull.last_head);
        });
        number
    }

    /// The host's user is called otherwise now, and what it wrote shows so.
    pub fn rename_bot(&self, login: &str) {
        *held(&self.0.bot) = login.to_owned();
    }

    /// Somebody closes a pull request, or opens it again.
    pub fn set_open(&self, number: u64, is_open: bool) {
        answers::change(self, number, |pull| pull.is_open = is_open);
        answers::told(self, number, if is_open { "reopened" } else { "closed" });
    }

    /// Somebody else has the server put the head of a pull request onto its base, as a scheduled auto merge does.
    ///
    /// # Panics
    /// When there is none of this number, or the base has moved on.
    pub fn merge_by_others(&self, number: u64) {
        let pull = answers::find(self, number).expect("it is there");
        let head = self.tip(&pull.head).expect("its branch is there");
        assert!(merges::fast_forward(self, &pull.base, &head));
        answers::merged(self, number, &head);
    }

    /// Somebody aims a pull request at another base.
    pub fn retarget(&self, number: u64, base: &str) {
        answers::change(self, number, |pull| base.clone_into(&mut pull.base));
        self.happened(number, "ann", "change_target_branch");
        answers::told(self, number, "edited");
    }

    /// Somebody reviews a pull request.
    pub fn review(&self, number: u64, user: &str, state: &str, commit: &str, is_official: bool) {
        let row = serde_json::json!({"user": issues::user(user), "state": state, "commit_id": commit,
            "official": is_official, "dismissed": false, "stale": false, "submitted_at": self.time()});
        held(&self.0.reviews).entry(number).or_default().push(row);
    }
}

/// Notes a request, and misbehaves at it if that was asked for.
async fn misbehave(State(fake): State<Forgejo>, request: Request, next: Next) -> Response {
    let line = format!("{} {}", request.method(), request.uri().path());
    held(&fake.0.requests).push(line.clone());
    if held(&fake.0.rules).down {
        return cut();
    }
    if held(&fake.0.rules).hangs {
        std::future::pending::<()>().await;
    }
    fake.before_request(&line);
    let fault = {
        let mut faults = held(&fake.0.faults);
        let is_it = |(at, _): &(String, Fault)| moments::matches(at, &line);
        let found = faults.iter().position(is_it);
        found.map(|index| faults.remove(index).1)
    };
    match fault {
        None => next.run(request).await,
        Some(Fault::FailsBefore) => moments::bad_gateway(),
        Some(Fault::TooLarge) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "<html><head><title>413 Request Entity Too Large</title></head></html>",
        )
            .into_response(),
        Some(Fault::Limited) => (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "2")],
            "slow down",
        )
            .into_response(),
        Some(Fault::FailsAfterwards) => {
            drop(next.run(request).await);
            moments::failed()
        }
        Some(Fault::Cut) => {
            drop(next.run(request).await);
            cut()
        }
        Some(Fault::Slow) => {
            // Nothing comes meanwhile, as on a line that is slow.
            let late = Duration::from_millis(1500);
            tokio::time::timeout(late, std::future::pending::<()>())
                .await
                .ok();
            next.run(request).await
        }
        Some(Fault::HalfMerged) => merges::half_merge(&fake, request).await,
    }
}

/// An answer that breaks off.
fn cut() -> Response {
    let broken = futures_util::stream::once(async {
        Err::<Vec<u8>, _>(std::io::Error::other("the connection is cut"))
    });
    let mut response = Response::new(Body::from_stream(broken));
    let length = axum::http::HeaderValue::from_static("1000");
    response.headers_mut().insert("content-length", length);
    response
}
