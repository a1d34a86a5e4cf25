//! Merges of the fake: by fast-forward, by word of a person, and half.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answers::{Asked, Named, allowed, find, merged, refused, said};
use super::{Forgejo, held};

pub(super) async fn merge(
    State(fake): Asked,
    headers: HeaderMap,
    Path((owner, name, number)): Named<u64>,
    Json(said_so): Json<Value>,
) -> Response {
    allowed!(fake, headers, owner, name, true);
    let Some(pull) = find(&fake, number) else {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    };
    if pull.merged.is_some() {
        return said(StatusCode::METHOD_NOT_ALLOWED, "");
    }
    if !pull.is_open {
        return said(StatusCode::NOT_FOUND, "The target couldn't be found.");
    }
    {
        let mut rules = held(&fake.0.rules);
        if rules.checking > 0 {
            rules.checking -= 1;
            return said(StatusCode::METHOD_NOT_ALLOWED, "Please try again later");
        }
        if said_so["Do"] != "manually-merged"
            && let Some((status, says)) = rules.refuses_merge.clone()
        {
            // An attempt that failed has the server look into it anew.
            rules.checking = 1;
            let status = StatusCode::from_u16(status).expect("it is a status");
            return said(status, &says);
        }
        if said_so["Do"] == "manually-merged" && !rules.manual {
            return said(
                StatusCode::METHOD_NOT_ALLOWED,
                "manually-merged is not allowed an allowed merge style for this repository",
            );
        }
    }
    if said_so["Do"] == "manually-merged" {
        merged(
            &fake,
            number,
            said_so["MergeCommitID"].as_str().unwrap_or_default(),
        );
        return StatusCode::OK.into_response();
    }
    let head = fake.tip(&pull.head).unwrap_or_default();
    if said_so["head_commit_id"]
        .as_str()
        .is_some_and(|id| id != head)
    {
        return said(StatusCode::CONFLICT, "head out of date");
    }
    match fast_forward(&fake, &pull.base, &head) {
        true => {
            merged(&fake, number, &head);
            StatusCode::OK.into_response()
        }
        false => said(StatusCode::INTERNAL_SERVER_ERROR, ""),
    }
}

/// Moves a branch to a commit that stands on it.
pub(super) fn fast_forward(fake: &Forgejo, base: &str, head: &str) -> bool {
    let Some(old) = fake.tip(base) else {
        return false;
    };
    if fake
        .try_git(&["merge-base", "--is-ancestor", &old, head])
        .is_err()
    {
        return false;
    }
    let name = format!("refs/heads/{base}");
    fake.try_git(&["update-ref", &name, head, &old]).is_ok()
}

/// A merge whose server died in the middle: the base moved, and nothing else.
pub(super) async fn half_merge(fake: &Forgejo, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let number = path
        .split('/')
        .rev()
        .nth(1)
        .and_then(|text| text.parse().ok());
    if let Some(pull) = number.and_then(|number| find(fake, number)) {
        let head = fake.tip(&pull.head).unwrap_or_default();
        fast_forward(fake, &pull.base, &head);
    }
    super::cut()
}
