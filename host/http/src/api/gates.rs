//! Gates, and what is ordered of them.

use orch_views::{gate, replay};

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&gate::LIST, async |engine, [], page| {
        engine.gate_page(&page)
    })
    .on(&gate::LOCK, async |engine, [], _| engine.gate_lock().await)
    .on(&gate::ENABLE, async |engine, [], line| {
        engine.gate_enable(line).await
    })
    .on(&gate::ROLLBACK, async |engine, [name], to| {
        engine.gate_rollback(&name, &to.digest).await
    })
    .on(&gate::RELEASE, async |engine, [name], _| {
        engine.gate_release(&name).await
    })
    .on(&replay::RECORDED, async |engine, [name], page| {
        engine.recorded_evaluations(&name, page).await
    })
}
