//! Leases, and freeing them by force.

use orch_views::lease;

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&lease::LIST, async |engine, [], page| {
        engine.lease_views(page).await
    })
    .on(&lease::RELEASE, async |engine, [], of| {
        engine.release_lease(&of.resource).await
    })
    .on(&lease::RELEASE_TRANSITION, async |engine, [], of| {
        engine
            .release_lease(&format!("task:{}", of.work_item))
            .await
    })
}
