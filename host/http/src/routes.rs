//! The routes. Wire types of requests live here; answers are the engine's views as JSON.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use orch_config::ExtraGate;
use orch_engine::commands::NewRequest;
use orch_engine::{CommandError, CostsRequest, Engine, PauseRequest};
use serde::Deserialize;
use serde_json::json;

/// Largest request body, bytes.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// All routes on an engine.
pub(crate) fn routes(engine: Engine) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/status", get(status))
        .route("/gc", post(gc))
        .route("/queue", get(queue))
        .route("/gates", get(gates))
        .route("/gates/lock", post(gate_lock))
        .route("/gates/enable", post(gate_enable))
        .route("/gates/{name}/rollback", post(gate_rollback))
        .route("/gates/{name}/release", post(gate_release))
        .route("/gates/{name}/evaluations", get(recorded))
        .route("/evaluations/{id}", get(evaluation))
        .route("/tasks", get(tasks).post(new_task))
        .route("/tasks/{item}", get(task))
        .route("/costs", get(costs))
        .route("/issues", get(issues))
        .route("/issues/{item}/move", post(issue_move))
        .route("/pauses", get(pauses).post(pause))
        .route("/pauses/release", post(unpause))
        .route("/leases", get(leases))
        .route("/leases/release", post(lease_release))
        .route("/transition-lease/release", post(transition_release))
        .route("/tasks/{item}/why", get(why))
        .route("/tasks/{item}/approve", post(approve))
        .route("/tasks/{item}/reject", post(reject))
        .route("/tasks/{item}/resume", post(resume))
        .route("/tasks/{item}/stop", post(stop))
        .route("/tasks/{item}/priority", post(priority))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(engine)
}

/// An error with a stable code and a text that is safe to show.
pub(crate) fn problem(status: StatusCode, code: &str, message: &str) -> impl IntoResponse + use<> {
    (
        status,
        Json(json!({"error": {"code": code, "message": message}})),
    )
}

struct Failed(CommandError);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let (status, code) = match &self.0 {
            CommandError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            CommandError::NotFound(_) => (StatusCode::NOT_FOUND, "not-found"),
            CommandError::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            CommandError::Host(detail) => {
                tracing::error!(error = detail, "a request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "host")
            }
        };
        problem(status, code, &self.0.to_string()).into_response()
    }
}

type Answer = Result<Json<serde_json::Value>, Failed>;

fn answer<T: serde::Serialize>(result: Result<T, CommandError>) -> Answer {
    let value = result.map_err(Failed)?;
    serde_json::to_value(value)
        .map(Json)
        .map_err(|e| Failed(CommandError::Host(e.to_string())))
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

async fn status(State(engine): State<Engine>) -> Answer {
    answer(engine.status().await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    dry_run: bool,
}

async fn gc(State(engine): State<Engine>, Json(removal): Json<Removal>) -> Answer {
    answer(engine.gc(removal.dry_run).await)
}

async fn queue(State(engine): State<Engine>) -> Answer {
    answer(engine.queue().await)
}

async fn gates(State(engine): State<Engine>) -> Answer {
    answer(Ok(engine.gate_views()))
}

async fn gate_lock(State(engine): State<Engine>) -> Answer {
    answer(engine.gate_lock().await)
}

async fn gate_enable(State(engine): State<Engine>, Json(extra): Json<ExtraGate>) -> Answer {
    answer(engine.gate_enable(extra).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    digest: String,
}

async fn gate_rollback(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    Json(version): Json<Version>,
) -> Answer {
    answer(engine.gate_rollback(&name, &version.digest).await)
}

async fn gate_release(State(engine): State<Engine>, Path(name): Path<String>) -> Answer {
    answer(engine.gate_release(&name).await)
}

#[derive(Deserialize)]
struct Last {
    last: u32,
}

async fn recorded(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    Query(Last { last }): Query<Last>,
) -> Answer {
    answer(engine.recorded_evaluations(&name, last).await)
}

async fn evaluation(State(engine): State<Engine>, Path(id): Path<i64>) -> Answer {
    answer(engine.kept_evaluation(id).await)
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    all: bool,
}

async fn tasks(State(engine): State<Engine>, Query(listing): Query<Listing>) -> Answer {
    answer(engine.task_lines(listing.all).await)
}

async fn new_task(State(engine): State<Engine>, Json(request): Json<NewRequest>) -> Answer {
    answer(engine.new_task(request).await)
}

async fn task(State(engine): State<Engine>, Path(item): Path<String>) -> Answer {
    answer(engine.task_view(&item).await)
}

async fn why(State(engine): State<Engine>, Path(item): Path<String>) -> Answer {
    answer(engine.why(&item).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    by: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    rounds: u32,
}

async fn approve(
    State(engine): State<Engine>,
    Path(item): Path<String>,
    Json(d): Json<Decision>,
) -> Answer {
    answer(engine.approve(&item, &d.by).await)
}

async fn reject(
    State(engine): State<Engine>,
    Path(item): Path<String>,
    Json(d): Json<Decision>,
) -> Answer {
    answer(engine.reject(&item, &d.by, &d.comment).await)
}

async fn resume(
    State(engine): State<Engine>,
    Path(item): Path<String>,
    Json(d): Json<Decision>,
) -> Answer {
    answer(
        engine
            .resume(&item, &d.by, d.stage.as_deref(), d.rounds)
            .await,
    )
}

async fn stop(
    State(engine): State<Engine>,
    Path(item): Path<String>,
    Json(d): Json<Decision>,
) -> Answer {
    answer(engine.stop(&item, &d.by).await)
}

async fn costs(State(engine): State<Engine>, Query(request): Query<CostsRequest>) -> Answer {
    answer(engine.costs(request).await)
}

async fn issues(State(engine): State<Engine>, Query(listing): Query<Listing>) -> Answer {
    answer(engine.issue_views(listing.all).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueMove {
    state: String,
    by: String,
}

async fn issue_move(
    State(engine): State<Engine>,
    Path(item): Path<String>,
    Json(to): Json<IssueMove>,
) -> Answer {
    answer(engine.move_issue(&item, &to.state, &to.by).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Priority {
    by: String,
    priority: i64,
}

async fn priority(
    State(engine): State<Engine>,
    Path(item): Path<String>,
    Json(p): Json<Priority>,
) -> Answer {
    answer(engine.prioritise(&item, &p.by, p.priority).await)
}

async fn pauses(State(engine): State<Engine>) -> Answer {
    answer(engine.pause_views().await)
}

async fn pause(State(engine): State<Engine>, Json(request): Json<PauseRequest>) -> Answer {
    answer(engine.pause(request).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    scope: String,
    by: String,
}

async fn unpause(State(engine): State<Engine>, Json(of): Json<Scope>) -> Answer {
    answer(engine.unpause(&of.scope, &of.by).await)
}

async fn leases(State(engine): State<Engine>) -> Answer {
    answer(engine.lease_views().await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaseName {
    resource: String,
}

async fn lease_release(State(engine): State<Engine>, Json(name): Json<LeaseName>) -> Answer {
    answer(engine.release_lease(&name.resource).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfItem {
    work_item: String,
}

async fn transition_release(State(engine): State<Engine>, Query(of): Query<OfItem>) -> Answer {
    let resource = format!("task:{}", of.work_item);
    answer(engine.release_lease(&resource).await)
}

/// Asks the routes in this process, for a command line that found no host running.
///
/// # Errors
/// When the request itself cannot be made.
pub async fn ask(
    engine: Engine,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<(u16, serde_json::Value), axum::Error> {
    let content = body.map(ToString::to_string).unwrap_or_default();
    let request = axum::http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(axum::body::Body::from(content))
        .map_err(axum::Error::new)?;
    let Ok(response) = tower::ServiceExt::oneshot(routes(engine), request).await;
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
    Ok((
        status,
        serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null),
    ))
}
