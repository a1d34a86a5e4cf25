//! How is an order of a page carried out? By the command that the endpoint of the same name gives, held to the role that
//! the endpoint names; the page that it came from is shown again, and says what came of it.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use orch_domain::person::PersonRole;
use orch_domain::remark::Side;
use orch_engine::CommandError;
use orch_views::alert::AcknowledgeRequest;
use orch_views::drill::DrillRequest;
use orch_views::endpoint::Endpoint;
use orch_views::pause::{PauseRequest, UnpauseRequest};
use orch_views::remark::RemarkRequest;
use orch_views::task::{
    ApproveRequest, Done, NewRequest, PriorityRequest, RejectRequest, ResumeRequest, ReviewRequest,
    ReviewVerdict,
};
use orch_views::{alert, drill, gate, lease, pause, remark, task};

use crate::form::Form;
use crate::page::Asked;
use crate::problem::Problem;
use crate::text::in_path;
use crate::{Window, cookie};

/// Orders about a task.
pub(crate) async fn about_task(
    State(window): State<Window>,
    Path((item, verb)): Path<(String, String)>,
    asked: Asked,
    body: Body,
) -> Response {
    let page = format!("/ui/tasks/{}", in_path(&item));
    carried_out(&asked, &page, body, async |form| {
        let done = order_task(&window, &asked, &item, &verb, form).await?;
        Ok(said(&done))
    })
    .await
}

async fn order_task(
    window: &Window,
    asked: &Asked,
    item: &str,
    verb: &str,
    form: &Form,
) -> Result<Done, Problem> {
    let (tasks, caller) = (&window.api.tasks, &asked.viewer.caller);
    let seen = form.filled("seen");
    let done = match verb {
        "approve" => {
            held_to(asked, &task::APPROVE)?;
            tasks.approve(item, &ApproveRequest { seen }, caller).await
        }
        "reject" => {
            held_to(asked, &task::REJECT)?;
            let comment = form.text("comment");
            let request = RejectRequest { comment, seen };
            tasks.reject(item, &request, caller).await
        }
        "review" => {
            held_to(asked, &task::REVIEW)?;
            let verdict = match form.get("verdict") {
                "approve" => ReviewVerdict::Approve,
                _ => ReviewVerdict::RequestChanges,
            };
            let request = ReviewRequest {
                verdict,
                comment: form.text("comment"),
                seen,
            };
            tasks.review(item, request, caller).await
        }
        "remark" => {
            held_to(asked, &remark::SAY)?;
            let said = said_in(form)?;
            window.api.remarks.say(item, said, caller).await
        }
        "resume" => {
            held_to(asked, &task::RESUME)?;
            let request = ResumeRequest {
                stage: form.filled("stage"),
                rounds: form.get("rounds").parse().unwrap_or(0),
                rebase: form.get("rebase") == "true",
            };
            tasks.resume(item, &request, caller).await
        }
        "stop" => {
            held_to(asked, &task::STOP)?;
            tasks.stop(item, caller).await
        }
        "ci" => {
            held_to(asked, &task::RERUN_CI)?;
            tasks.rerun_ci(item).await
        }
        "priority" => {
            held_to(asked, &task::PRIORITY)?;
            let Ok(priority) = form.get("priority").parse() else {
                return Err(CommandError::invalid("a priority is 1 (first) to 9").into());
            };
            tasks
                .prioritise(item, PriorityRequest { priority }, caller)
                .await
        }
        _ => {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "there is no such order",
            ));
        }
    };
    Ok(done?)
}

/// What a form says of a place in a difference.
fn said_in(form: &Form) -> Result<RemarkRequest, Problem> {
    let number = |name: &str| match form.filled(name) {
        None => Ok(None),
        Some(text) => text.trim().parse().map(Some).map_err(|_| {
            let text = format!("`{text}` is no number of a {name}");
            Problem::from(CommandError::invalid(text))
        }),
    };
    Ok(RemarkRequest {
        path: form.get("path").to_owned(),
        line: number("line")?,
        side: match form.get("side") {
            "old" => Side::Old,
            _ => Side::New,
        },
        text: form.text("text"),
        round: number("round")?,
        seen: form.filled("seen"),
    })
}

/// Begins a task.
pub(crate) async fn begin(State(window): State<Window>, asked: Asked, body: Body) -> Response {
    carried_out(&asked, "/ui/board", body, async |form| {
        held_to(&asked, &task::NEW)?;
        let request = NewRequest {
            repo: form.get("repo").to_owned(),
            title: form.get("title").trim().to_owned(),
            body: form.text("body"),
            id: None,
            after: Vec::new(),
            priority: None,
        };
        let done = window.api.tasks.new_task(request, &asked.viewer.caller);
        Ok(said(&done.await?))
    })
    .await
}

/// Notes that alerts were seen.
pub(crate) async fn acknowledge(
    State(window): State<Window>,
    asked: Asked,
    body: Body,
) -> Response {
    carried_out(&asked, "/ui/inbox", body, async |form| {
        held_to(&asked, &alert::ACKNOWLEDGE)?;
        let ids = form.get("ids").split(',').filter_map(|id| id.parse().ok());
        let request = AcknowledgeRequest { ids: ids.collect() };
        let done = window.api.alerts.acknowledge(request, &asked.viewer.caller);
        Ok(done.await?.message)
    })
    .await
}

/// Holds a lane or repository back.
pub(crate) async fn pause(State(window): State<Window>, asked: Asked, body: Body) -> Response {
    carried_out(&asked, "/ui/queue", body, async |form| {
        held_to(&asked, &pause::PAUSE)?;
        let request = PauseRequest {
            scope: form.get("scope").trim().to_owned(),
            period: form.filled("for"),
            reason: form.get("reason").to_owned(),
        };
        let done = window.api.pauses.pause(request, &asked.viewer.caller);
        Ok(done.await?.message)
    })
    .await
}

/// Lets it go on.
pub(crate) async fn unpause(State(window): State<Window>, asked: Asked, body: Body) -> Response {
    carried_out(&asked, "/ui/queue", body, async |form| {
        held_to(&asked, &pause::UNPAUSE)?;
        let request = UnpauseRequest {
            scope: form.get("scope").to_owned(),
            reason: form.get("reason").to_owned(),
        };
        let done = window.api.pauses.unpause(request, &asked.viewer.caller);
        Ok(done.await?.message)
    })
    .await
}

/// Frees a lease by force.
pub(crate) async fn release(State(window): State<Window>, asked: Asked, body: Body) -> Response {
    carried_out(&asked, "/ui/queue", body, async |form| {
        held_to(&asked, &lease::RELEASE)?;
        let resource = form.get("resource");
        let done = window.api.leases.release(resource, &asked.viewer.caller);
        Ok(done.await?.message)
    })
    .await
}

/// Begins a drill.
pub(crate) async fn drill(State(window): State<Window>, asked: Asked, body: Body) -> Response {
    carried_out(&asked, "/ui/gates", body, async |form| {
        held_to(&asked, &drill::BEGIN)?;
        let request = DrillRequest {
            repo: form.get("repo").trim().to_owned(),
            classes: Vec::new(),
        };
        let begun = window.api.drills.begin(request, &asked.viewer.caller);
        Ok(begun.await?.message)
    })
    .await
}

/// Orders about a gate.
pub(crate) async fn about_gate(
    State(window): State<Window>,
    Path((name, verb)): Path<(String, String)>,
    asked: Asked,
    body: Body,
) -> Response {
    carried_out(&asked, "/ui/gates", body, async |form| {
        let gates = &window.api.gates;
        let done = match verb.as_str() {
            "rollback" => {
                held_to(&asked, &gate::ROLLBACK)?;
                gates.rollback(&name, form.get("digest").trim()).await?
            }
            "release" => {
                held_to(&asked, &gate::RELEASE)?;
                gates.release(&name).await?
            }
            _ => {
                return Err(Problem::new(
                    StatusCode::NOT_FOUND,
                    "there is no such order",
                ));
            }
        };
        Ok(done.message)
    })
    .await
}

/// Refuses whoever may not do what an endpoint does.
fn held_to<const N: usize, Q, A>(
    asked: &Asked,
    endpoint: &Endpoint<N, Q, A>,
) -> Result<(), Problem> {
    if asked.viewer.may(endpoint.least) {
        return Ok(());
    }
    let caller = &asked.viewer.caller;
    let least = endpoint.least.map_or("", PersonRole::as_str);
    let text = format!(
        "`{}` is `{}`, and this takes `{least}`",
        caller.person, caller.role
    );
    Err(Problem::new(StatusCode::FORBIDDEN, text)
        .with_remedy(format!("ask somebody who is `{least}`")))
}

/// Carries an order out, and goes back to the page that it came from.
async fn carried_out(
    asked: &Asked,
    otherwise: &str,
    body: Body,
    order: impl AsyncFnOnce(&Form) -> Result<String, Problem>,
) -> Response {
    let form = match Form::own(body, &asked.viewer).await {
        Ok(form) => form,
        Err(problem) => return problem.within(otherwise, asked.is_fragment).into_response(),
    };
    let back = form.back(otherwise);
    let caller = &asked.viewer.caller;
    let (person, channel, path) = (&caller.person, caller.channel, &asked.path);
    tracing::info!(%person, %channel, path, "a person orders");
    match order(&form).await {
        Ok(said) => {
            let cookie = cookie::said(&said, asked.way.is_public);
            ([(SET_COOKIE, cookie)], Redirect::to(&back)).into_response()
        }
        Err(problem) => problem.within(&back, asked.is_fragment).into_response(),
    }
}

fn said(done: &Done) -> String {
    format!("{}: {}", done.work_item, done.message)
}
