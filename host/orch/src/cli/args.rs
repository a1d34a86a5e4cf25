//! Arguments that several verbs take.

use clap::Args;
use orch_views::page::{ListRequest, PageRequest};

/// What somebody who decides has looked at.
#[derive(Debug, Args)]
pub(crate) struct Seen {
    /// Code tree or commit that you looked at, as `orch task show` prints it; refused if it is another by now.
    #[arg(long)]
    pub(crate) seen: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// Rows at most, 1 to 500; 50 if not given.
    #[arg(long)]
    pub(crate) limit: Option<u32>,
    /// Go on behind a row, as the part before says it.
    #[arg(long)]
    pub(crate) after: Option<String>,
}

impl Part {
    pub(crate) fn page(self) -> PageRequest {
        PageRequest {
            limit: self.limit,
            after: self.after,
        }
    }

    pub(crate) fn list(self, all: bool) -> ListRequest {
        ListRequest {
            all,
            limit: self.limit,
            after: self.after,
        }
    }
}
