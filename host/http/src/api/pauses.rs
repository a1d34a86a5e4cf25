//! Lanes and repositories that are held back.

use orch_views::pause;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&pause::LIST, async |api, [], page| {
            api.views.pauses.list(page).await
        })
        .on(&pause::PAUSE, async |api, [], pause| {
            api.pauses.pause(pause).await
        })
        .on(&pause::UNPAUSE, async |api, [], of| {
            api.pauses.unpause(of).await
        })
}
