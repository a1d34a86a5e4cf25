//! The fake's reviews of pull requests, and what is written at lines.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answers::{Asked, Named, Pages, allowed, find, page, refused, said};
use super::{BOT, Forgejo, held};

pub(super) async fn list(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Query(pages): Pages,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    if find(&fake, number).is_none() {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    }
    let mut rows = held(&fake.0.reviews)
        .get(&number)
        .cloned()
        .unwrap_or_default();
    fake.show_accounts(&mut rows);
    page(rows, &pages)
}

/// Takes a review. Paths and lines are not looked at, and an unknown commit is an error of the server.
pub(super) async fn give(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Json(asked): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    let Some(pull) = find(&fake, number) else {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    };
    let event = asked["event"].as_str().unwrap_or_default();
    if event != "COMMENT" && pull.user == BOT {
        return said(
            StatusCode::UNPROCESSABLE_ENTITY,
            "approve your own pull is not allowed",
        );
    }
    let commit = asked["commit_id"].as_str().unwrap_or_default();
    if fake
        .try_git(&["cat-file", "-e", &format!("{commit}^{{commit}}")])
        .is_err()
    {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "object does not exist");
    }
    let row = add(&fake, number, &asked, commit);
    Json(row).into_response()
}

fn add(fake: &Forgejo, number: u64, asked: &Value, commit: &str) -> Value {
    let mut reviews = held(&fake.0.reviews);
    let rows = reviews.entry(number).or_default();
    let comments = asked["comments"].as_array().cloned().unwrap_or_default();
    let row = json!({"id": rows.len() + 10, "user": {"id": 2, "login": BOT}, "state": "COMMENT",
        "body": asked["body"], "commit_id": commit, "stale": false, "official": false, "dismissed": false,
        "comments_count": comments.len()});
    let mut kept = row.clone();
    // The server lists them elsewhere.
    kept["_comments"] = json!(comments);
    rows.push(kept);
    row
}
