//! What runs cost.

use orch_views::costs;

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&costs::COSTS, async |engine, [], costs| {
        engine.costs(costs).await
    })
}
