//! The local tracker's issues.

use orch_views::issue;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&issue::LIST, async |api, [], list| {
            api.views.issues.list(list).await
        })
        .on_by(&issue::MOVE, async |api, caller, [item], to| {
            api.issues.move_to(&item, &to, &caller).await
        })
}
