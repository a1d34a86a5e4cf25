//! Gates, and what is ordered of them.

use orch_views::{conduct, gate, replay};

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&gate::LIST, async |api, [], page| {
            api.views.gates.page(&page)
        })
        .on(&conduct::CONDUCT, async |api, [], page| {
            api.views.conduct.page(page).await
        })
        .on(&gate::LOCK, async |api, [], _| api.gates.lock().await)
        .on(&gate::ENABLE, async |api, [], line| {
            api.gates.enable(line).await
        })
        .on(&gate::ROLLBACK, async |api, [name], to| {
            api.gates.rollback(&name, &to.digest).await
        })
        .on(&gate::RELEASE, async |api, [name], _| {
            api.gates.release(&name).await
        })
        .on(&replay::RECORDED, async |api, [name], page| {
            api.views.evaluations.recorded(&name, page).await
        })
}
