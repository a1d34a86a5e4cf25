//! Tasks: looked at, begun, decided about.

use orch_views::{artefact, board, diff, history, inbox, remark, run, task};

use crate::download;
use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&task::LIST, async |api, [], list| {
            api.views.tasks.list(list).await
        })
        .on_by(&task::NEW, async |api, caller, [], new| {
            api.tasks.new_task(new, &caller).await
        })
        .on(&task::SHOW, async |api, [item], _| {
            api.views.tasks.show(&item).await
        })
        .on(&board::BOARD, async |api, [], _| {
            api.views.board.show().await
        })
        .on(&history::HISTORY, async |api, [item], page| {
            api.views.tasks.history(&item, page).await
        })
        .on(&task::WHY, async |api, [item], _| {
            api.views.tasks.why(&item).await
        })
        .on(&run::LOG, async |api, [item, run], range| {
            api.views.runs.log(&item, &run, range).await
        })
        .on(&run::SEARCH, async |api, [item, run], what| {
            api.views.runs.search(&item, &run, what).await
        })
        .on(&run::EVENTS, async |api, [item, run], range| {
            api.views.runs.events(&item, &run, range).await
        })
        .file(run::RAW_PATH, download::LEAST, download::answer)
        .on(&artefact::LIST, async |api, [item], _| {
            api.views.artefacts.list(&item).await
        })
        .on(&artefact::SHOW, async |api, [item], which| {
            api.views.artefacts.show(&item, which).await
        })
        .on(&diff::DIFF, async |api, [item], which| {
            api.views.diffs.show(&item, which).await
        })
        .on_by(&remark::SAY, async |api, caller, [item], said| {
            api.remarks.say(&item, said, &caller).await
        })
        .on(&inbox::INBOX, async |api, [], page| {
            api.views.inbox.list(page).await
        })
        .on_by(&task::APPROVE, async |api, caller, [item], d| {
            api.tasks.approve(&item, &d, &caller).await
        })
        .on_by(&task::REJECT, async |api, caller, [item], d| {
            api.tasks.reject(&item, &d, &caller).await
        })
        .on_by(&task::REVIEW, async |api, caller, [item], d| {
            api.tasks.review(&item, d, &caller).await
        })
        .on(&task::RERUN_CI, async |api, [item], _| {
            api.tasks.rerun_ci(&item).await
        })
        .on_by(&task::RESUME, async |api, caller, [item], d| {
            api.tasks.resume(&item, &d, &caller).await
        })
        .on_by(&task::STOP, async |api, caller, [item], _| {
            api.tasks.stop(&item, &caller).await
        })
        .on_by(&task::PRIORITY, async |api, caller, [item], d| {
            api.tasks.prioritise(&item, d, &caller).await
        })
}
