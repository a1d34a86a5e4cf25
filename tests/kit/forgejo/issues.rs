//! The fake's issues: labels, comments, who did what and when.
//!
//! As the server does: what happened to an issue has an id that rises over all issues, and a time of whole seconds; one
//! label of a scope drives the others out if the scope says so; an issue that is not there answers 404, and 500 to a
//! comment.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};

use super::answers::{Asked, Named, Pages, allowed, find, page, refused, said};
use super::{BOT, Forgejo, held, hooks};

/// Second at which the server's clock begins.
const BEGINNING_S: i64 = 1_795_000_000;

/// An issue.
#[derive(Debug, Clone, Default)]
struct Issue {
    number: u64,
    author: String,
    title: String,
    body: String,
    labels: Vec<u64>,
    assignees: Vec<String>,
    is_closed: bool,
    updated_s: i64,
}

/// All issues, and what happened to them.
#[derive(Debug, Default)]
pub(super) struct Issues {
    issues: BTreeMap<u64, Issue>,
    labels: Vec<(u64, String, bool)>,
    /// What happened, by issue.
    timeline: Vec<(u64, Value)>,
    clock_s: i64,
    /// Whether what happens does so in the second of what went before.
    is_still: bool,
    /// What people do before the host is answered: the host's order, who, and which label they put.
    answers: Vec<(String, String, String)>,
}

impl Issues {
    fn now(&mut self) -> i64 {
        self.clock_s += i64::from(!self.is_still);
        BEGINNING_S + self.clock_s
    }

    fn label(&self, name: &str) -> Option<u64> {
        self.labels
            .iter()
            .find(|(_, n, _)| n == name)
            .map(|(id, ..)| *id)
    }

    fn happened(&mut self, number: u64, who: &str, kind: &str, more: Value) -> Value {
        let (at, id) = (self.now(), self.timeline.len() + 1);
        let mut row = json!({"id": id, "type": kind, "user": user(who), "body": "", "created_at": time(at),
            "updated_at": time(at), "label": null, "assignee": null, "removed_assignee": false});
        for (key, value) in more.as_object().into_iter().flatten() {
            row[key] = value.clone();
        }
        self.timeline.push((number, row.clone()));
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.updated_s = at;
        }
        row
    }

    fn add_label(&mut self, number: u64, id: u64, who: &str) {
        let Some((_, name, exclusive)) = self.labels.iter().find(|(i, ..)| *i == id).cloned()
        else {
            return;
        };
        let has = self
            .issues
            .get(&number)
            .is_some_and(|i| i.labels.contains(&id));
        if has {
            return;
        }
        if exclusive && let Some((scope, _)) = name.rsplit_once('/') {
            let of_scope: Vec<u64> = self
                .labels
                .iter()
                .filter(|(_, n, e)| *e && n.rsplit_once('/').is_some_and(|(s, _)| s == scope))
                .map(|(i, ..)| *i)
                .collect();
            for other in of_scope {
                self.remove_label(number, other, who);
            }
        }
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.labels.push(id);
        }
        self.happened(
            number,
            who,
            "label",
            json!({"body": "1", "label": {"id": id, "name": name}}),
        );
    }

    /// Somebody answers an order of the host's, if somebody waits for it.
    fn is_answered(&mut self, method: &str, number: u64, id: u64) {
        let label = self.labels.iter().find(|(of, ..)| *of == id);
        let label = label.map(|(_, name, _)| name.as_str()).unwrap_or_default();
        let order = format!("{method} {label}");
        let waits = self.answers.iter().position(|(of, ..)| *of == order);
        if let Some((_, who, puts)) = waits.map(|index| self.answers.remove(index)) {
            let id = match self.label(&puts) {
                Some(id) => id,
                None => add(self, &puts, false),
            };
            self.is_still = true;
            self.add_label(number, id, &who);
            self.is_still = false;
        }
    }

    fn remove_label(&mut self, number: u64, id: u64, who: &str) {
        let name = self
            .labels
            .iter()
            .find(|(i, ..)| *i == id)
            .map(|(_, n, _)| n.clone());
        let Some(issue) = self.issues.get_mut(&number) else {
            return;
        };
        if !issue.labels.contains(&id) {
            return;
        }
        issue.labels.retain(|l| *l != id);
        self.happened(
            number,
            who,
            "label",
            json!({"label": {"id": id, "name": name}}),
        );
    }

    fn shown(&self, issue: &Issue, repo: &str) -> Value {
        let labels = issue.labels.iter().filter_map(|id| {
            let found = self.labels.iter().find(|(i, ..)| i == id);
            found.map(
                |(id, name, exclusive)| json!({"id": id, "name": name, "exclusive": exclusive}),
            )
        });
        let assignees: Vec<Value> = issue.assignees.iter().map(|who| user(who)).collect();
        json!({"id": issue.number + 100, "number": issue.number, "user": user(&issue.author), "title": issue.title,
            "body": issue.body, "labels": labels.collect::<Vec<_>>(), "assignees": assignees,
            "state": if issue.is_closed { "closed" } else { "open" }, "pull_request": null,
            "created_at": time(BEGINNING_S), "updated_at": time(issue.updated_s),
            "repository": {"id": 1, "full_name": repo}})
    }
}

/// A user; the id stays whatever they are called.
pub(super) fn user(login: &str) -> Value {
    let id = match login {
        BOT => 2,
        other => other.bytes().fold(1_000_u64, |sum, byte| {
            sum * 31 % 1_000_003 + u64::from(byte)
        }),
    };
    json!({"id": id, "login": login})
}

fn time(at_s: i64) -> String {
    let at = jiff::Timestamp::from_second(at_s).expect("a time");
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn router() -> Router<Forgejo> {
    let repo = "/api/v1/repos/{owner}/{name}";
    let at = |rest: &str| format!("{repo}{rest}");
    Router::new()
        .route(&at("/labels"), routing::get(labels).post(make_label))
        .route(&at("/issues"), routing::get(list))
        .route(&at("/issues/{number}"), routing::get(one).patch(edit))
        .route(&at("/issues/{number}/labels"), routing::post(add_labels))
        .route(
            &at("/issues/{number}/labels/{id}"),
            routing::delete(remove_label),
        )
        .route(&at("/issues/{number}/timeline"), routing::get(timeline))
}

impl Forgejo {
    /// Somebody opens an issue; answers its number.
    pub fn issue(&self, who: &str, title: &str, body: &str) -> u64 {
        let mut issues = held(&self.0.issues);
        let at = issues.now();
        // Far from the numbers of pull requests, which a server counts with them.
        let number = 500 + issues.issues.len() as u64;
        let issue = Issue {
            number,
            author: who.to_owned(),
            title: title.to_owned(),
            body: body.to_owned(),
            updated_s: at,
            ..Issue::default()
        };
        issues.issues.insert(number, issue);
        number
    }

    /// Number of somebody's account.
    pub fn account(login: &str) -> u64 {
        user(login)["id"].as_u64().unwrap_or(0)
    }

    /// Something happens to a pull request.
    pub(super) fn happened(&self, number: u64, who: &str, kind: &str) {
        held(&self.0.issues).happened(number, who, kind, json!({}));
    }

    /// The server's time, which goes on by it.
    pub(super) fn time(&self) -> String {
        time(held(&self.0.issues).now())
    }

    /// Somebody puts a label on an issue.
    pub fn put_label(&self, who: &str, number: u64, name: &str) {
        {
            let mut issues = held(&self.0.issues);
            let id = match issues.label(name) {
                Some(id) => id,
                None => add(&mut issues, name, false),
            };
            issues.add_label(number, id, who);
        }
        let body = json!({"action": "label_updated", "number": number, "issue": {"number": number, "pull_request": null}});
        hooks::tell(self, "issues", body);
    }

    /// When the host next puts a label on an issue (`POST LABEL`) or takes one off (`DELETE LABEL`), somebody puts one
    /// there before the host is answered, in the same second.
    pub fn answer_at_once(&self, order: &str, who: &str, puts: &str) {
        let answer = (order.to_owned(), who.to_owned(), puts.to_owned());
        held(&self.0.issues).answers.push(answer);
    }

    /// Somebody makes a label.
    pub fn make_label(&self, name: &str, exclusive: bool) {
        add(&mut held(&self.0.issues), name, exclusive);
    }

    /// Somebody assigns an issue.
    pub fn assign(&self, who: &str, number: u64, to: &str) {
        let mut issues = held(&self.0.issues);
        if let Some(issue) = issues.issues.get_mut(&number) {
            issue.assignees.push(to.to_owned());
        }
        issues.happened(number, who, "assignees", json!({"assignee": user(to)}));
    }

    /// Somebody changes what an issue asks for, which leaves no trace but its time.
    pub fn rewrite(&self, number: u64, body: &str) {
        let mut issues = held(&self.0.issues);
        issues.clock_s += 60;
        let at = issues.now();
        if let Some(issue) = issues.issues.get_mut(&number) {
            issue.body = body.to_owned();
            issue.updated_s = at;
        }
    }

    /// Somebody closes an issue.
    pub fn close_issue(&self, who: &str, number: u64) {
        let mut issues = held(&self.0.issues);
        if let Some(issue) = issues.issues.get_mut(&number) {
            issue.is_closed = true;
        }
        issues.happened(number, who, "close", json!({}));
    }

    /// Somebody comments on an issue.
    pub fn comment_issue(&self, who: &str, number: u64, text: &str) {
        let row = held(&self.0.issues).happened(number, who, "comment", json!({"body": text}));
        // What a list of comments has is less than what a timeline has of one.
        let comment = json!({"id": row["id"], "user": row["user"], "body": text,
            "created_at": row["created_at"], "updated_at": row["updated_at"]});
        let mut comments = held(&self.0.comments);
        comments.entry(number).or_default().push(comment);
    }

    /// An administrator deletes an issue.
    pub fn delete_issue(&self, number: u64) {
        held(&self.0.issues).issues.remove(&number);
    }

    /// Names of an issue's labels, and whether it is closed.
    pub fn issue_state(&self, number: u64) -> (Vec<String>, bool) {
        let issues = held(&self.0.issues);
        let Some(issue) = issues.issues.get(&number) else {
            return (Vec::new(), true);
        };
        let shown = issues.shown(issue, "");
        let names = shown["labels"].as_array().into_iter().flatten();
        let names = names.filter_map(|label| label["name"].as_str().map(str::to_owned));
        (names.collect(), issue.is_closed)
    }

    pub(super) fn is_issue(&self, number: u64) -> bool {
        held(&self.0.issues).issues.contains_key(&number)
    }
}

fn add(issues: &mut Issues, name: &str, exclusive: bool) -> u64 {
    let id = issues.labels.len() as u64 + 1;
    issues.labels.push((id, name.to_owned(), exclusive));
    id
}

async fn labels(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
    Query(pages): Pages,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let issues = held(&fake.0.issues);
    let rows = issues.labels.iter();
    let rows =
        rows.map(|(id, name, exclusive)| json!({"id": id, "name": name, "exclusive": exclusive}));
    page(rows.collect(), &pages)
}

async fn make_label(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
    Json(asked): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    let mut issues = held(&fake.0.issues);
    let exclusive = asked["exclusive"].as_bool().unwrap_or(false);
    let id = add(
        &mut issues,
        asked["name"].as_str().unwrap_or_default(),
        exclusive,
    );
    (
        StatusCode::CREATED,
        Json(json!({"id": id, "name": asked["name"], "exclusive": exclusive})),
    )
        .into_response()
}

async fn list(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
    Query(pages): Pages,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let bot = held(&fake.0.bot).clone();
    let issues = held(&fake.0.issues);
    let asked = |key: &str| pages.get(key).map(String::as_str);
    // Accounts are asked for by what they are called now.
    let assigned_by = match asked("assigned_by") {
        Some(BOT) if bot != BOT => {
            return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
        }
        Some(who) if who == bot => Some(BOT),
        who => who,
    };
    let since = asked("since").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let mut found: Vec<&Issue> = issues.issues.values().collect();
    // Newest first, as the server lists them.
    found.reverse();
    found.retain(|issue| {
        let is_wanted = match asked("state") {
            Some("all") => true,
            Some("closed") => issue.is_closed,
            _ => !issue.is_closed,
        };
        let has_label = asked("labels").is_none_or(|name| {
            issues
                .label(name)
                .is_some_and(|id| issue.labels.contains(&id))
        });
        let has_assignee = assigned_by.is_none_or(|who| issue.assignees.iter().any(|a| a == who));
        is_wanted
            && has_label
            && has_assignee
            && since.is_none_or(|since| issue.updated_s >= since.as_second())
    });
    let rows = found
        .into_iter()
        .map(|issue| issues.shown(issue, &fake.0.repo))
        .collect();
    page(rows, &pages)
}

async fn one(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let issues = held(&fake.0.issues);
    match issues.issues.get(&number) {
        Some(issue) => Json(issues.shown(issue, &fake.0.repo)).into_response(),
        None => said(StatusCode::NOT_FOUND, "The target couldn't be found."),
    }
}

async fn edit(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Json(asked): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    if !fake.is_issue(number) {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    }
    if asked["state"] == "closed" {
        fake.close_issue(BOT, number);
    }
    StatusCode::CREATED.into_response()
}

async fn add_labels(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Json(asked): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    let mut issues = held(&fake.0.issues);
    if !issues.issues.contains_key(&number) {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    }
    for id in asked["labels"].as_array().into_iter().flatten() {
        let id = id.as_u64().unwrap_or(0);
        issues.add_label(number, id, BOT);
        issues.is_answered("POST", number, id);
    }
    Json(json!([])).into_response()
}

async fn remove_label(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number, id)): Path<(String, String, u64, u64)>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    let mut issues = held(&fake.0.issues);
    issues.remove_label(number, id, BOT);
    issues.is_answered("DELETE", number, id);
    StatusCode::NO_CONTENT.into_response()
}

async fn timeline(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Query(pages): Pages,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let issues = held(&fake.0.issues);
    if !issues.issues.contains_key(&number) && find(&fake, number).is_none() {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    }
    let since = pages
        .get("since")
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let since = since.map(|since| time(since.as_second()));
    let rows = issues.timeline.iter().filter(|(of, row)| {
        *of == number
            && since
                .as_deref()
                .is_none_or(|since| row["updated_at"].as_str() >= Some(since))
    });
    page(rows.map(|(_, row)| row.clone()).collect(), &pages)
}
