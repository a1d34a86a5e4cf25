//! The host itself: health, status, disk.

use orch_views::{disk, host};

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&host::HEALTH, async |engine, [], _| Ok(engine.health()))
        .on(&host::STATUS, async |engine, [], _| engine.status().await)
        .on(&disk::GC, async |engine, [], gc| {
            engine.gc(gc.dry_run).await
        })
}
