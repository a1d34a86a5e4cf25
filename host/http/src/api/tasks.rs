//! Tasks: looked at, begun, decided about.

use orch_views::task;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&task::LIST, async |api, [], list| {
            api.views.tasks.list(list).await
        })
        .on(&task::NEW, async |api, [], new| {
            api.tasks.new_task(new).await
        })
        .on(&task::SHOW, async |api, [item], _| {
            api.views.tasks.show(&item).await
        })
        .on(&task::WHY, async |api, [item], _| {
            api.views.tasks.why(&item).await
        })
        .on(&task::APPROVE, async |api, [item], d| {
            api.tasks.approve(&item, &d.by).await
        })
        .on(&task::REJECT, async |api, [item], d| {
            api.tasks.reject(&item, &d).await
        })
        .on(&task::RESUME, async |api, [item], d| {
            api.tasks.resume(&item, &d).await
        })
        .on(&task::STOP, async |api, [item], d| {
            api.tasks.stop(&item, &d.by).await
        })
        .on(&task::PRIORITY, async |api, [item], d| {
            api.tasks.prioritise(&item, d).await
        })
}
