//! Evaluations with what they were answered, so that they can be made again.

use orch_engine::{CommandError, Engine, KeptEvaluation};
use orch_views::endpoint::Endpoint;
use orch_views::message::Nothing;

use super::Api;

/// An evaluation with its recording. Its type is not a view: it is what the gate's runtime replays.
pub const EVALUATION: Endpoint<1, Nothing, KeptEvaluation> = Endpoint::get("/evaluations/{id}");

pub(super) fn add(api: Api) -> Api {
    api.on(&EVALUATION, async |engine, [id], _| {
        kept(&engine, &id).await
    })
}

async fn kept(engine: &Engine, id: &str) -> Result<KeptEvaluation, CommandError> {
    let id = id.parse().map_err(|_| {
        CommandError::Invalid(format!(
            "an evaluation is named by its number, as `orch task show` prints it, not `{id}`"
        ))
    })?;
    engine.kept_evaluation(id).await
}
