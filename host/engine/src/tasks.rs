//! What runs in the background as long as the host does: each task in a file of its own, started and watched by
//! [`driver`].

pub(crate) mod attend;
pub(crate) mod attended;
pub(crate) mod bases;
pub(crate) mod deliveries;
pub(crate) mod driver;
pub(crate) mod escalation;
pub(crate) mod files;
pub(crate) mod gc;
pub(crate) mod hooks;
pub(crate) mod lanes;
pub(crate) mod outbox;
pub(crate) mod patience;
pub(crate) mod reaper;
pub(crate) mod reconciler;
pub(crate) mod retention;
pub(crate) mod windows;
