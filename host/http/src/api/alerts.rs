//! Alerts, and acknowledging them.

use orch_views::alert;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on(&alert::LIST, async |api, [], list| {
            api.views.alerts.list(list).await
        })
        .on_by(&alert::ACKNOWLEDGE, async |api, caller, [], seen| {
            api.alerts.acknowledge(seen, &caller).await
        })
}
