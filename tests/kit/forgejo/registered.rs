//! The fake's webhooks as they are registered: administrators alone see them, the secret is never shown, a change that
//! names no events leaves none but pushes, and nobody keeps two from being the same.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answers::{Asked, Named, allowed, refused, said};
use super::{Forgejo, held};

/// Events that can be asked for; others are dropped without a word.
const KNOWN: [&str; 12] = [
    "create",
    "delete",
    "push",
    "issues",
    "issue_label",
    "issue_comment",
    "pull_request",
    "pull_request_comment",
    "pull_request_sync",
    "pull_request_review_approved",
    "pull_request_review_rejected",
    "repository",
];

/// A registered webhook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its number.
    pub id: u64,
    /// Where it sends to.
    pub url: String,
    /// What it signs with.
    pub secret: String,
    /// What it tells of.
    pub events: Vec<String>,
    /// Whether it sends at all.
    pub is_active: bool,
}

fn shown(hook: &Hook) -> Value {
    json!({"id": hook.id, "type": "forgejo", "branch_filter": "", "url": hook.url,
        "config": {"content_type": "json", "url": hook.url}, "events": hook.events, "authorization_header": "",
        "content_type": "json", "metadata": null, "active": hook.is_active})
}

fn may_not(fake: &Forgejo) -> Option<Response> {
    let text = "user should be an owner or a collaborator with admin write of a repository";
    (!held(&fake.0.rules).admin).then(|| said(StatusCode::FORBIDDEN, text))
}

fn events(asked: &Value) -> Vec<String> {
    let asked = asked["events"].as_array().cloned().unwrap_or_default();
    let known = asked
        .iter()
        .filter_map(Value::as_str)
        .filter(|event| KNOWN.contains(event));
    let known: Vec<String> = known.map(str::to_owned).collect();
    match known.is_empty() {
        true => vec!["push".to_owned()],
        false => known,
    }
}

fn text(asked: &Value, key: &str) -> Option<String> {
    asked["config"][key].as_str().map(str::to_owned)
}

pub(super) async fn list(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    if let Some(refused) = may_not(&fake) {
        return refused;
    }
    let rows: Vec<Value> = held(&fake.0.registered).iter().map(shown).collect();
    ([("x-total-count", rows.len().to_string())], Json(rows)).into_response()
}

pub(super) async fn create(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name)): Path<(String, String)>,
    Json(asked): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    if let Some(refused) = may_not(&fake) {
        return refused;
    }
    let mut registered = held(&fake.0.registered);
    let hook = Hook {
        id: registered.iter().map(|hook| hook.id).max().unwrap_or(0) + 1,
        url: text(&asked, "url").unwrap_or_default(),
        secret: text(&asked, "secret").unwrap_or_default(),
        events: events(&asked),
        is_active: asked["active"].as_bool().unwrap_or(false),
    };
    let answer = shown(&hook);
    registered.push(hook);
    (StatusCode::CREATED, Json(answer)).into_response()
}

pub(super) async fn edit(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, id)): Named<u64>,
    Json(asked): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    if let Some(refused) = may_not(&fake) {
        return refused;
    }
    let mut registered = held(&fake.0.registered);
    let Some(hook) = registered.iter_mut().find(|hook| hook.id == id) else {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    };
    hook.events = events(&asked);
    if let Some(url) = text(&asked, "url") {
        hook.url = url;
    }
    if let Some(secret) = text(&asked, "secret") {
        hook.secret = secret;
    }
    if let Some(is_active) = asked["active"].as_bool() {
        hook.is_active = is_active;
    }
    Json(shown(hook)).into_response()
}

pub(super) async fn remove(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, id)): Named<u64>,
) -> Response {
    allowed!(fake, headers, owner, name, false);
    if let Some(refused) = may_not(&fake) {
        return refused;
    }
    held(&fake.0.registered).retain(|hook| hook.id != id);
    StatusCode::NO_CONTENT.into_response()
}
