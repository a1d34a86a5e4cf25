//! The local tracker's issues.

use orch_views::issue;

use super::Api;

pub(super) fn add(api: Api) -> Api {
    api.on(&issue::LIST, async |engine, [], list| {
        engine.issue_views(list).await
    })
    .on(&issue::MOVE, async |engine, [item], to| {
        engine.move_issue(&item, &to).await
    })
}
