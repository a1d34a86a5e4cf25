//! What the server answers.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::board::{PlaneBoard, PlaneFault, PlaneItem, date, time};
use super::{PLANE_BOT, PLANE_KEY, PROJECT, WORKSPACE, WORKSPACE_ID};

/// Rows of a page at most.
const ROWS_MAX: usize = 1000;

/// A call.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) key: Option<String>,
    pub(super) body: Value,
}

impl Asked {
    fn of_query(&self, name: &str) -> Option<String> {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(own, _)| *own == name);
        found.next().map(|(_, value)| value.replace("%3A", ":"))
    }
}

fn json_of(status: u16, body: Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, Json(body)).into_response()
}

fn absent() -> Response {
    json_of(
        404,
        json!({"error": "The requested resource does not exist."}),
    )
}

fn forbidden() -> Response {
    json_of(
        403,
        json!({"detail": "You do not have permission to perform this action."}),
    )
}

impl PlaneBoard {
    pub(super) fn answer(&mut self, asked: &Asked) -> Response {
        if self.has(PlaneFault::Down) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        if let Some(file) = asked.path.strip_prefix("/uploads/") {
            return self.uploaded(asked, file);
        }
        if !asked.path.ends_with('/') {
            let to = HeaderValue::from_str(&format!("{}/", asked.path)).expect("a header");
            return (StatusCode::MOVED_PERMANENTLY, [("location", to)]).into_response();
        }
        let now = self.now_us();
        let mut response = match &asked.key {
            None => json_of(
                401,
                json!({"detail": "Authentication credentials were not provided."}),
            ),
            Some(key) if self.owner(key).is_none() || self.has(PlaneFault::KeyRevoked) => {
                json_of(403, json!({"detail": "Given API token is not valid"}))
            }
            Some(_) => match self.throttle(now) {
                Some(throttled) => throttled,
                None => {
                    self.calls.push(format!("{} {}", asked.method, asked.path));
                    let answer = self.allowed(asked);
                    let wrote = asked.method != Method::GET && answer.status().is_success();
                    match wrote && self.has(PlaneFault::WrittenThen500) {
                        true => json_of(
                            500,
                            json!({"error": "Something went wrong please try again later"}),
                        ),
                        false => answer,
                    }
                }
            },
        };
        let date = HeaderValue::from_str(&http_date(now)).expect("a header");
        response.headers_mut().insert("date", date);
        response
    }

    /// Whose key it is.
    fn owner(&self, key: &str) -> Option<&str> {
        let mut others = self.keys.iter();
        match key == PLANE_KEY {
            true => Some(PLANE_BOT),
            false => others
                .find(|(own, _)| own == key)
                .map(|(_, user)| user.as_str()),
        }
    }

    fn throttle(&mut self, now: i64) -> Option<Response> {
        let limit = self.limit?;
        self.calls_us.retain(|at| *at > now - 60_000_000);
        if self.calls_us.len() < limit {
            self.calls_us.push(now);
            return None;
        }
        let wait = (self.calls_us[0] + 60_000_000 - now).div_euclid(1_000_000) + 1;
        let body = json!({"error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED"});
        let mut response = json_of(429, body);
        let value = HeaderValue::from_str(&wait.to_string()).expect("a header");
        response.headers_mut().insert("retry-after", value);
        Some(response)
    }

    fn allowed(&mut self, asked: &Asked) -> Response {
        let path = asked.path.trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let Some(parts) = parts.strip_prefix(&["api", "v1"]) else {
            return absent();
        };
        match parts {
            ["users", "me"] => json_of(
                200,
                json!({"id": asked.key.as_deref().and_then(|key| self.owner(key)), "first_name": "Gate", "last_name": "Bot",
                    "email": "gate@acme.test", "avatar": "", "avatar_url": null, "display_name": "gate"}),
            ),
            ["workspaces", workspace, rest @ ..] if *workspace == WORKSPACE => {
                self.in_workspace(asked, rest)
            }
            _ => forbidden(),
        }
    }

    fn in_workspace(&mut self, asked: &Asked, parts: &[&str]) -> Response {
        let project = json!({"id": PROJECT, "name": "Ledger", "identifier": "LED", "network": 2,
            "workspace": WORKSPACE_ID});
        match parts {
            ["projects"] => self.page(asked, vec![project]),
            ["projects", id] if *id == PROJECT => json_of(200, project),
            ["projects", _] => absent(),
            ["projects", id, rest @ ..] if *id == PROJECT => match rest {
                ["states"] => self.of_states(asked),
                // No page but a list.
                ["members"] => json_of(200, self.members()),
                ["work-items"] => self.list(asked),
                ["work-items", item] => self.of_item(asked, item),
                ["work-items", item, "activities"] => {
                    let found = self.items.iter().find(|own| own.id == *item);
                    let rows = found.map(|own| own.activities.clone()).unwrap_or_default();
                    self.page(asked, rows)
                }
                ["work-items", item, "comments"] => self.of_comments(asked, item),
                ["work-items", item, "attachments"] => {
                    let found = self.items.iter().find(|own| own.id == *item);
                    let files = found.into_iter().flat_map(|own| &own.files);
                    let rows: Vec<&Value> = files.map(|(row, _)| row).collect();
                    json_of(200, json!(rows))
                }
                ["work-items", _, "attachments", file] => {
                    let to = HeaderValue::from_str(&format!("/uploads/{file}")).expect("a header");
                    (StatusCode::FOUND, [("location", to)]).into_response()
                }
                _ => absent(),
            },
            _ => forbidden(),
        }
    }

    /// The storage beside the server, which takes no key of it.
    fn uploaded(&self, asked: &Asked, file: &str) -> Response {
        let mut files = self.items.iter().flat_map(|item| &item.files);
        let found = files.find(|(row, _)| row["id"] == file);
        match (&asked.key, found) {
            (Some(_), _) => StatusCode::BAD_REQUEST.into_response(),
            (None, Some((_, content))) => content.clone().into_response(),
            (None, None) => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn members(&self) -> Value {
        let makers = self.items.iter().map(|item| item.by.as_str());
        let ids: BTreeSet<&str> = makers.chain([PLANE_BOT]).collect();
        let row = |id: &str| {
            json!({"id": id, "first_name": "", "last_name": "", "email": format!("{id}@acme.test"),
                "avatar": "", "avatar_url": null, "display_name": if id == PLANE_BOT { "gate" } else { id }})
        };
        ids.into_iter().map(row).collect()
    }

    fn page(&self, asked: &Asked, rows: Vec<Value>) -> Response {
        let size = asked.of_query("per_page").and_then(|n| n.parse().ok());
        let size: usize = size.unwrap_or(ROWS_MAX);
        if size > ROWS_MAX {
            return json_of(
                400,
                json!({"detail": "Invalid per_page value. Cannot exceed 1000."}),
            );
        }
        let endless = self.has(PlaneFault::PagesWithoutEnd);
        let size = if endless { size.min(2) } else { size };
        let cursor = asked.of_query("cursor").unwrap_or_default();
        let page: usize = match endless {
            true => 0,
            false => cursor
                .split(':')
                .nth(1)
                .and_then(|n| n.parse().ok())
                .unwrap_or(0),
        };
        let (total, from) = (rows.len(), page.saturating_mul(size));
        let shown: Vec<Value> = rows.into_iter().skip(from).take(size).collect();
        let more = endless || from + shown.len() < total;
        json_of(
            200,
            json!({"grouped_by": null, "sub_grouped_by": null, "total_count": total,
                "next_cursor": format!("{size}:{}:0", page + 1), "prev_cursor": format!("{size}:-1:1"),
                "next_page_results": more, "prev_page_results": page > 0, "count": shown.len(),
                "total_pages": total.div_ceil(size.max(1)), "total_results": total, "extra_stats": null,
                "results": shown}),
        )
    }

    fn of_states(&mut self, asked: &Asked) -> Response {
        let row = |(id, name, group): &(String, String, String)| {
            json!({"id": id, "name": name, "group": group, "color": "#60646C", "slug": "",
                "is_triage": false, "default": name == "Backlog", "project": PROJECT, "workspace": WORKSPACE_ID})
        };
        if asked.method != Method::POST {
            let rows = self.states.iter().map(row).collect();
            return self.page(asked, rows);
        }
        let text = |name: &str| asked.body[name].as_str().unwrap_or_default().to_owned();
        let (name, group) = (text("name"), text("group"));
        if let Some((id, _, _)) = self.states.iter().find(|(_, own, _)| *own == name) {
            let error = "State with the same name already exists in the project";
            return json_of(409, json!({"error": error, "id": id}));
        }
        let groups = ["backlog", "unstarted", "started", "completed", "cancelled"];
        if !groups.contains(&group.as_str()) {
            return json_of(400, json!({"group": ["not a valid choice."]}));
        }
        let id = self.add_state(&name, &group);
        json_of(200, row(&(id, name, group)))
    }

    fn list(&self, asked: &Asked) -> Response {
        let mut items: Vec<&PlaneItem> = self.items.iter().filter(|i| !i.is_archived).collect();
        match asked.of_query("order_by").as_deref() {
            Some("-updated_at") => items.sort_by_key(|item| -item.updated_us),
            _ => items.sort_by_key(|item| -item.created_us),
        }
        let rows = items.into_iter().map(row).collect();
        self.page(asked, rows)
    }

    fn of_item(&mut self, asked: &Asked, id: &str) -> Response {
        let found = self.items.iter().find(|item| item.id == *id);
        let Some(found) = found else { return absent() };
        if asked.method == Method::GET {
            return match found.is_archived {
                true => absent(),
                false => json_of(200, row(found)),
            };
        }
        let field = match self.has(PlaneFault::StateIdOnly) {
            true => "state_id",
            false => "state",
        };
        if asked.body[field].is_string() && self.has(PlaneFault::MovesRefused) {
            return json_of(400, json!({"error": "This move is not allowed"}));
        }
        if let Some(state) = asked.body[field].as_str() {
            if !self.states.iter().any(|(own, _, _)| own == state) {
                return json_of(
                    400,
                    json!({"state": ["Invalid pk - object does not exist."]}),
                );
            }
            self.move_item(PLANE_BOT, id, state);
        } else {
            let now = self.now_us();
            self.item(id).updated_us = now;
        }
        json_of(200, row(self.item(id)))
    }

    fn of_comments(&mut self, asked: &Asked, id: &str) -> Response {
        if asked.method != Method::POST {
            let found = self.items.iter().find(|item| item.id == *id);
            let rows = found.map(|item| item.comments.iter().rev().cloned().collect());
            return self.page(asked, rows.unwrap_or_default());
        }
        if !self.items.iter().any(|item| item.id == *id) {
            return json_of(400, json!({"error": "The payload is not valid"}));
        }
        let (source, external) = (&asked.body["external_source"], &asked.body["external_id"]);
        // The pair counts for the whole project.
        let mut comments = self.items.iter().flat_map(|item| &item.comments);
        let twin = comments.find(|row| {
            !external.is_null()
                && row["external_id"] == *external
                && row["external_source"] == *source
        });
        if let Some(twin) = twin {
            let error =
                "Work item comment with the same external id and external source already exists";
            return json_of(409, json!({"error": error, "id": twin["id"]}));
        }
        let html = asked.body["comment_html"].as_str().unwrap_or_default();
        let comment = self.add_comment(PLANE_BOT, id, html, source, external);
        let made = self
            .item(id)
            .comments
            .iter()
            .find(|row| row["id"] == comment);
        json_of(201, made.cloned().unwrap_or_default())
    }
}

fn row(item: &PlaneItem) -> Value {
    json!({"id": item.id, "type_id": null, "created_at": time(item.created_us),
        "updated_at": time(item.updated_us), "deleted_at": null, "point": null, "name": item.name,
        "description_html": item.html, "description_binary": null, "priority": "none", "start_date": null,
        "target_date": null, "sequence_id": item.number, "sort_order": 65535.0, "completed_at": null,
        "archived_at": null, "is_draft": false, "external_source": null, "external_id": null,
        "created_by": item.by, "updated_by": item.updated_by, "project": PROJECT, "workspace": WORKSPACE_ID, "parent": null, "state": item.state,
        "estimate_point": null, "type": null, "assignees": [], "labels": []})
}

/// A time as headers have it.
fn http_date(us: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = us.div_euclid(1_000_000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let name = |list: &[&'static str], at: i64| list[usize::try_from(at).expect("in range")];
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days.rem_euclid(7)),
        name(&MONTHS, month - 1),
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}
