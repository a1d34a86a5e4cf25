//! The fake's API: pull requests, statuses, comments and merges, in the shapes of a running server.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::accounts::is_given;
use super::{BOT, Forgejo, Pull, held, hooks, issues, merges, registered, reviews};

/// Longest page.
const PAGE_MAX: usize = 50;

pub(super) type Asked = State<Forgejo>;
pub(super) type Named<T> = Path<(String, String, T)>;
pub(super) type Pages = Query<std::collections::BTreeMap<String, String>>;

pub(super) fn router() -> Router<Forgejo> {
    let repo = "/api/v1/repos/{owner}/{name}";
    let at = |rest: &str| format!("{repo}{rest}");
    Router::new()
        .route("/api/v1/user", get(me))
        .route(repo, get(repository))
        .route(&at("/branches/{*branch}"), get(branch))
        .route(&at("/commits/{sha}/status"), get(combined))
        .route(&at("/statuses/{sha}"), post(post_status))
        .route(&at("/pulls"), get(list).post(create))
        .route(&at("/pulls/{number}"), get(one).patch(edit))
        .route(&at("/pulls/{number}/merge"), post(merges::merge))
        .route(
            &at("/pulls/{number}/reviews"),
            get(reviews::list).post(reviews::give),
        )
        .route(
            &at("/hooks"),
            get(registered::list).post(registered::create),
        )
        .route(
            &at("/hooks/{id}"),
            axum::routing::patch(registered::edit).delete(registered::remove),
        )
        .route("/api/v1/repositories/{id}", get(by_id))
        .merge(issues::router())
        .route(
            &at("/issues/{number}/comments"),
            get(comments).post(comment),
        )
}

/// The token, and where the repository is; none if the request is answered already.
pub(super) fn refused(
    fake: &Forgejo,
    headers: &HeaderMap,
    owner: &str,
    name: &str,
    write: bool,
) -> Option<Response> {
    let rules = held(&fake.0.rules);
    if !is_given(headers, &rules.token) {
        return Some(said(
            StatusCode::UNAUTHORIZED,
            "user does not exist [uid: 0, name: ]",
        ));
    }
    let asked = format!("{owner}/{name}");
    match &rules.renamed_to {
        Some(now) if asked == fake.0.repo => {
            return Some(Redirect::temporary(&format!("/api/v1/repos/{now}")).into_response());
        }
        Some(now) if asked == *now => {}
        _ if asked == fake.0.repo => {}
        _ => return Some(said(StatusCode::NOT_FOUND, "The target couldn't be found.")),
    }
    if write && rules.archived {
        return Some(said(
            StatusCode::LOCKED,
            "<Repository 1:acme/shop> is archived",
        ));
    }
    if write && !rules.may_write {
        return Some(said(
            StatusCode::FORBIDDEN,
            "user should have a permission to write",
        ));
    }
    None
}

pub(super) fn said(status: StatusCode, message: &str) -> Response {
    let body = json!({"message": message, "url": "http://forge.test/api/swagger"});
    (status, Json(body)).into_response()
}

macro_rules! allowed {
    ($fake:ident, $headers:ident, $owner:ident, $name:ident, $write:literal) => {
        if let Some(refused) = refused(&$fake, &$headers, &$owner, &$name, $write) {
            return refused;
        }
    };
}
pub(super) use allowed;

async fn repository(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    whole(&fake)
}

fn whole(fake: &Forgejo) -> Response {
    let mut rules = held(&fake.0.rules);
    let is_called_empty = rules.called_empty > 0;
    rules.called_empty = rules.called_empty.saturating_sub(1);
    let name = rules.renamed_to.as_ref().unwrap_or(&fake.0.repo);
    Json(json!({"id": rules.repository_id, "full_name": name, "archived": rules.archived, "default_branch": "main",
        "empty": is_called_empty,
        "permissions": {"admin": rules.admin, "push": rules.may_write, "pull": true}}))
    .into_response()
}

/// Whose the token is.
async fn me(State(fake): Asked, headers: HeaderMap) -> Response {
    match is_given(&headers, &held(&fake.0.rules).token) {
        true => Json(fake.account_of(BOT)).into_response(),
        false => said(
            StatusCode::UNAUTHORIZED,
            "user does not exist [uid: 0, name: ]",
        ),
    }
}

/// A repository by its id, which a new name leaves as it is.
async fn by_id(State(fake): Asked, headers: HeaderMap, Path(id): Path<i64>) -> Response {
    let (is_given, known) = {
        let rules = held(&fake.0.rules);
        (is_given(&headers, &rules.token), rules.repository_id)
    };
    match (is_given, id == known) {
        (false, _) => said(
            StatusCode::UNAUTHORIZED,
            "user does not exist [uid: 0, name: ]",
        ),
        (true, false) => said(StatusCode::NOT_FOUND, "The target couldn't be found."),
        (true, true) => whole(&fake),
    }
}

async fn branch(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, branch)): Named<String>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    match fake.tip(&branch) {
        None => said(StatusCode::NOT_FOUND, "The target couldn't be found."),
        Some(tip) => {
            let rules = held(&fake.0.rules);
            let may_push = rules.may_write && (rules.may_push || branch != "main");
            Json(
                json!({"name": branch, "commit": {"id": tip}, "protected": !rules.may_push,
                "user_can_push": may_push, "user_can_merge": rules.may_write}),
            )
            .into_response()
        }
    }
}

fn paged(
    rows: Vec<Value>,
    pages: &std::collections::BTreeMap<String, String>,
) -> (usize, Vec<Value>) {
    let number = |key: &str| pages.get(key).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").unwrap_or(30).clamp(1, PAGE_MAX);
    let page = number("page").unwrap_or(1).max(1);
    let total = rows.len();
    (
        total,
        rows.into_iter()
            .skip((page - 1) * limit)
            .take(limit)
            .collect(),
    )
}

pub(super) fn page(
    rows: Vec<Value>,
    pages: &std::collections::BTreeMap<String, String>,
) -> Response {
    let (total, rows) = paged(rows, pages);
    ([("x-total-count", total.to_string())], Json(rows)).into_response()
}

async fn combined(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, sha)): Named<String>,
    Query(pages): Pages,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let all = held(&fake.0.statuses)
        .get(&sha)
        .cloned()
        .unwrap_or_default();
    let mut latest: Vec<Value> = Vec::new();
    for row in all {
        latest.retain(|old| old["context"] != row["context"]);
        latest.push(row);
    }
    let (total, rows) = paged(latest, &pages);
    let rows = if rows.is_empty() {
        Value::Null
    } else {
        json!(rows)
    };
    let body = json!({"state": "", "sha": sha, "total_count": total, "statuses": rows});
    fake.after_green(&body);
    ([("x-total-count", total.to_string())], Json(body)).into_response()
}

pub(super) fn add_status(
    fake: &Forgejo,
    sha: &str,
    context: &str,
    state: &str,
    description: &str,
    by: &str,
) -> Value {
    let mut statuses = held(&fake.0.statuses);
    let rows = statuses.entry(sha.to_owned()).or_default();
    let row = json!({"id": rows.len() + 1, "status": state, "context": context, "description": description,
        "target_url": "", "creator": issues::user(by), "created_at": "2026-11-27T08:38:17Z"});
    rows.push(row.clone());
    row
}

async fn post_status(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, sha)): Named<String>,
    Json(said_so): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    if fake
        .try_git(&["cat-file", "-e", &format!("{sha}^{{commit}}")])
        .is_err()
    {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "object does not exist");
    }
    let text = |key: &str| said_so[key].as_str().unwrap_or_default().to_owned();
    let row = add_status(
        &fake,
        &sha,
        &text("context"),
        &text("state"),
        &text("description"),
        BOT,
    );
    (StatusCode::CREATED, Json(row)).into_response()
}

fn shown(fake: &Forgejo, pull: &Pull) -> Value {
    let tip = fake.tip(&pull.head).filter(|_| !pull.is_from_fork);
    let head = match pull.is_open {
        true => tip.clone().unwrap_or_else(|| pull.last_head.clone()),
        false => pull.last_head.clone(),
    };
    let name = match tip.is_some() || pull.is_from_fork {
        true => pull.head.clone(),
        false => format!("refs/pull/{}/head", pull.number),
    };
    let end = |label: &str, name: &str, sha: &str| json!({"label": label, "ref": name, "sha": sha, "repo_id": 1, "repo": {"id": 1, "full_name": fake.0.repo}});
    let mut from = end(&pull.head, &name, &head);
    if pull.is_from_fork {
        from["label"] = json!(format!("{}:{}", pull.user, pull.head));
        from["repo_id"] = json!(2);
        from["repo"] = json!({"id": 2, "full_name": format!("{}/shop", pull.user)});
    }
    json!({"id": pull.number + 6, "number": pull.number, "user": fake.account_of(&pull.user), "title": pull.title,
        "body": pull.body, "state": if pull.is_open { "open" } else { "closed" }, "mergeable": true,
        "merged": pull.merged.is_some(), "merge_commit_sha": pull.merged,
        "head": from,
        "base": end(&pull.base, &pull.base, &fake.tip(&pull.base).unwrap_or_default())})
}

async fn list(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
    Query(pages): Pages,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let state = pages
        .get("state")
        .cloned()
        .unwrap_or_else(|| "open".to_owned());
    let pulls = held(&fake.0.pulls).clone();
    let wanted = pulls.iter().rev().filter(|pull| match state.as_str() {
        "open" => pull.is_open,
        "closed" => !pull.is_open,
        _ => true,
    });
    let rows = wanted.map(|pull| shown(&fake, pull)).collect();
    page(rows, &pages)
}

pub(super) fn open(
    fake: &Forgejo,
    user: &str,
    head: &str,
    base: &str,
    title: &str,
    body: &str,
) -> u64 {
    let number = {
        let mut pulls = held(&fake.0.pulls);
        let number = pulls.len() as u64 + 1;
        pulls.push(Pull {
            number,
            user: user.to_owned(),
            title: title.to_owned(),
            body: body.to_owned(),
            head: head.to_owned(),
            base: base.to_owned(),
            is_open: true,
            merged: None,
            last_head: fake.tip(head).unwrap_or_default(),
            is_from_fork: false,
        });
        number
    };
    told(fake, number, "opened");
    number
}

pub(super) fn told(fake: &Forgejo, number: u64, action: &str) {
    let found = held(&fake.0.pulls)
        .iter()
        .find(|p| p.number == number)
        .cloned();
    if let Some(pull) = found {
        let body = json!({"action": action, "number": number, "pull_request": shown(fake, &pull)});
        hooks::tell(fake, "pull_request", body);
    }
}

async fn create(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
    Json(said_so): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    let text = |key: &str| said_so[key].as_str().unwrap_or_default().to_owned();
    let (head, base, title) = (text("head"), text("base"), text("title"));
    if title.is_empty() {
        return said(StatusCode::UNPROCESSABLE_ENTITY, "[Title]: Required");
    }
    if fake.tip(&head).is_none() || fake.tip(&base).is_none() {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    }
    let same = |p: &Pull| p.is_open && !p.is_from_fork && p.head == head && p.base == base;
    let open_already = held(&fake.0.pulls)
        .iter()
        .find(|pull| same(pull))
        .map(|pull| pull.number);
    if let Some(number) = open_already {
        let text = format!(
            "pull request already exists for these targets [id: {}, issue_id: {number}, head_branch: {head}]",
            number + 6
        );
        return said(StatusCode::CONFLICT, &text);
    }
    let number = open(&fake, BOT, &head, &base, &title, &text("body"));
    let pull = held(&fake.0.pulls)
        .iter()
        .find(|p| p.number == number)
        .cloned();
    let body = pull.map(|pull| shown(&fake, &pull));
    (StatusCode::CREATED, Json(body)).into_response()
}

pub(super) fn find(fake: &Forgejo, number: u64) -> Option<Pull> {
    held(&fake.0.pulls)
        .iter()
        .find(|p| p.number == number)
        .cloned()
}

async fn one(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    match find(&fake, number) {
        Some(pull) => Json(shown(&fake, &pull)).into_response(),
        None => said(StatusCode::NOT_FOUND, "The target couldn't be found."),
    }
}

async fn edit(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Json(said_so): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let Some(pull) = find(&fake, number) else {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    };
    if pull.merged.is_some() {
        return said(
            StatusCode::PRECONDITION_FAILED,
            "pull request state is not editable",
        );
    }
    let head = fake.tip(&pull.head).unwrap_or(pull.last_head);
    let text = |key: &str| said_so[key].as_str().map(str::to_owned);
    change(&fake, number, |pull| {
        pull.last_head = head;
        if let Some(state) = text("state") {
            pull.is_open = state == "open";
        }
        pull.title = text("title").unwrap_or(pull.title.clone());
        pull.body = text("body").unwrap_or(pull.body.clone());
    });
    match text("state") {
        Some(_) => told(&fake, number, "closed"),
        None => told(&fake, number, "edited"),
    }
    let pull = find(&fake, number).map(|pull| shown(&fake, &pull));
    (StatusCode::CREATED, Json(pull)).into_response()
}

pub(super) fn change(fake: &Forgejo, number: u64, change: impl FnOnce(&mut Pull)) {
    if let Some(pull) = held(&fake.0.pulls).iter_mut().find(|p| p.number == number) {
        change(pull);
    }
}

/// A pull request turns merged.
pub(super) fn merged(fake: &Forgejo, number: u64, commit: &str) {
    let head = find(fake, number).and_then(|pull| fake.tip(&pull.head));
    change(fake, number, |pull| {
        pull.is_open = false;
        pull.merged = Some(commit.to_owned());
        // The server keeps the head of its own, whichever commit it names as merged.
        pull.last_head = head.unwrap_or_else(|| pull.last_head.clone());
    });
    told(fake, number, "closed");
}

async fn comments(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    let mut rows = held(&fake.0.comments)
        .get(&number)
        .cloned()
        .unwrap_or_default();
    fake.show_accounts(&mut rows);
    if rows.is_empty() && find(&fake, number).is_none() && !fake.is_issue(number) {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    }
    Json(rows).into_response()
}

async fn comment(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Json(said_so): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    if fake.is_issue(number) {
        fake.comment_issue(BOT, number, said_so["body"].as_str().unwrap_or_default());
        return (StatusCode::CREATED, Json(json!({"id": 1}))).into_response();
    }
    if find(&fake, number).is_none() {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "issue does not exist");
    }
    let mut comments = held(&fake.0.comments);
    let rows = comments.entry(number).or_default();
    let row = json!({"id": rows.len() + 1, "user": issues::user(BOT), "body": said_so["body"]});
    rows.push(row.clone());
    match held(&fake.0.rules).comments_fail {
        true => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "<!DOCTYPE html><html></html>",
        )
            .into_response(),
        false => (StatusCode::CREATED, Json(row)).into_response(),
    }
}
