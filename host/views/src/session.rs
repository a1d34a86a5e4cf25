//! Being logged in at the host's pages: the links that begin it.

use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;

/// Makes a link that logs whoever asks in, once. Asked over the socket: over TCP one has a token to log in with.
pub const NEW_LINK: Endpoint<0, Nothing, LinkView> = Endpoint::post(PersonRole::Viewer, "/links");

/// Where the pages begin.
pub const PAGES: &str = "/ui/";

/// A link that logs somebody in, with its secret: it is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkView {
    /// The address to open; works once.
    pub url: String,
    /// Whom it logs in.
    pub person: String,
    /// Until when it works.
    pub expires: String,
}

impl std::fmt::Debug for LinkView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkView")
            .field("person", &self.person)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
