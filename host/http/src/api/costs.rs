//! What runs cost.

use orch_views::costs;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes.on(&costs::COSTS, async |api, [], costs| {
        api.views.costs.list(costs).await
    })
}
