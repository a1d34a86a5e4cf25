//! Lanes and repositories that are held back.

use orch_views::pause;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&pause::LIST, async |api, [], page| {
            api.views.pauses.list(page).await
        })
        .on_by(&pause::PAUSE, async |api, caller, [], pause| {
            api.pauses.pause(pause, &caller).await
        })
        .on_by(&pause::UNPAUSE, async |api, caller, [], of| {
            api.pauses.unpause(of, &caller).await
        })
}
