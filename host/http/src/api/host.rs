//! The host itself: health, status, disk.

use orch_views::{disk, host};

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&host::HEALTH, async |api, [], _| {
            Ok(api.views.host.health())
        })
        .on(&host::STATUS, async |api, [], _| {
            api.views.host.status().await
        })
        .on(&disk::GC, async |api, [], gc| {
            api.collector.gc(gc.dry_run).await
        })
}
