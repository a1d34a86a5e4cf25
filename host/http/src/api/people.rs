//! Who asks, and the tokens of persons.

use orch_views::person::{self, MeView};
use orch_views::session;

use crate::routes::Routes;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .on_by(&person::ME, async |_, caller, [], _| {
            Ok(MeView {
                person: caller.person.to_string(),
                role: caller.role,
                channel: caller.channel,
            })
        })
        .on(&person::TOKENS, async |api, [], page| {
            api.views.people.tokens(page).await
        })
        .on_by(&person::NEW_TOKEN, async |api, caller, [], new| {
            api.people.new_token(new, &caller).await
        })
        .on_by(&session::NEW_LINK, async |api, caller, [], _| {
            api.sessions.link(&caller).await
        })
        .on_by(&person::REVOKE, async |api, caller, [token], _| {
            api.people.revoke(&token, &caller).await
        })
}
