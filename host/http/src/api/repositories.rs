//! Repositories: their pipelines and their bases.

use orch_views::repository;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&repository::LIST, async |api, [], page| {
            api.repositories.list(page).await
        })
        .on(&repository::CHECK, async |api, [name], _| {
            api.repositories.check(&name).await
        })
        .on(&repository::PIPELINE, async |api, [name], _| {
            api.configuration.pipeline(&name).await
        })
}
