//! Leases, and freeing them by force.

use orch_views::lease;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&lease::LIST, async |api, [], page| {
            api.views.leases.list(page).await
        })
        .on_by(&lease::RELEASE, async |api, caller, [], of| {
            api.leases.release(&of.resource, &caller).await
        })
        .on_by(&lease::RELEASE_TRANSITION, async |api, caller, [], of| {
            let resource = format!("task:{}", of.work_item);
            api.leases.release(&resource, &caller).await
        })
}
