//! Leases, and freeing them by force.

use orch_views::lease;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&lease::LIST, async |api, [], page| {
            api.views.leases.list(page).await
        })
        .on(&lease::RELEASE, async |api, [], of| {
            api.leases.release(&of.resource).await
        })
        .on(&lease::RELEASE_TRANSITION, async |api, [], of| {
            api.leases.release(&format!("task:{}", of.work_item)).await
        })
}
