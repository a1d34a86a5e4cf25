//! Commit statuses that others post.

use orch_views::status;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes.on_by(&status::SET, async |api, caller, [], status| {
        api.statuses.set(status, &caller).await
    })
}
