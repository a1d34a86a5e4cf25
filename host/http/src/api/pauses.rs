//! Lanes and repositories that are held back.

use orch_views::pause;

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&pause::LIST, async |engine, [], page| {
        engine.pause_views(page).await
    })
    .on(&pause::PAUSE, async |engine, [], pause| {
        engine.pause(pause).await
    })
    .on(&pause::UNPAUSE, async |engine, [], of| {
        engine.unpause(of).await
    })
}
