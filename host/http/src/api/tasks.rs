//! Tasks: looked at, begun, decided about.

use orch_views::task;

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&task::LIST, async |engine, [], list| {
        engine.task_lines(list).await
    })
    .on(&task::NEW, async |engine, [], new| {
        engine.new_task(new).await
    })
    .on(&task::SHOW, async |engine, [item], _| {
        engine.task_view(&item).await
    })
    .on(&task::WHY, async |engine, [item], _| {
        engine.why(&item).await
    })
    .on(&task::APPROVE, async |engine, [item], d| {
        engine.approve(&item, &d.by).await
    })
    .on(&task::REJECT, async |engine, [item], d| {
        engine.reject(&item, &d).await
    })
    .on(&task::RESUME, async |engine, [item], d| {
        engine.resume(&item, &d).await
    })
    .on(&task::STOP, async |engine, [item], d| {
        engine.stop(&item, &d.by).await
    })
    .on(&task::PRIORITY, async |engine, [item], d| {
        engine.prioritise(&item, d).await
    })
}
