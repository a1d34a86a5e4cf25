//! Evaluations with what they were answered, so that they can be made again.

use orch_engine::CommandError;
use orch_judge::KeptEvaluation;
use orch_views::endpoint::Endpoint;
use orch_views::evaluation;
use orch_views::message::Nothing;

use crate::routes::Routes;

/// An evaluation with its recording. Its type is not a view: it is what the gate's runtime replays.
pub const EVALUATION: Endpoint<1, Nothing, KeptEvaluation> = Endpoint::get("/evaluations/{id}");

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&EVALUATION, async |api, [id], _| kept(&api, &id).await)
        .on(&evaluation::VERDICT, async |api, [id], _| {
            api.views.evaluations.judged(number(&id)?).await
        })
}

async fn kept(api: &orch_engine::Api, id: &str) -> Result<KeptEvaluation, CommandError> {
    api.views.evaluations.kept(number(id)?).await
}

fn number(id: &str) -> Result<i64, CommandError> {
    id.parse().map_err(|_| {
        CommandError::invalid(format!(
            "an evaluation is named by its number, as `orch task show` prints it, not `{id}`"
        ))
    })
}
