//! The queue and its jobs.

use orch_views::{job, queue};

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&queue::QUEUE, async |engine, [], _| engine.queue().await)
        .on(&job::LIST, async |engine, [], page| engine.jobs(page).await)
}
