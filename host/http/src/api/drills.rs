//! Drills: begun and looked at.

use orch_views::drill;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on_by(&drill::BEGIN, async |api, caller, [], request| {
            api.drills.begin(request, &caller).await
        })
        .on(&drill::LIST, async |api, [], page| {
            api.views.drills.list(page).await
        })
        .on(&drill::SHOW, async |api, [drill], _| {
            api.views.drills.show(&drill).await
        })
}
