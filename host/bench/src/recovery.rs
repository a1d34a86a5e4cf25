//! What becomes of running agents: taken up by the next host, and ended by a stop. Both in a small world of
//! their own; what is measured stands in the modules.

pub(crate) mod reattach;
pub(crate) mod stop;
