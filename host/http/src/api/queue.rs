//! The queue and its jobs.

use orch_views::{job, queue};

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&queue::QUEUE, async |api, [], _| {
            api.views.queue.show().await
        })
        .on(&job::LIST, async |api, [], page| {
            api.views.queue.jobs(page).await
        })
}
