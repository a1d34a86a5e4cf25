//! What the host speaks to outside of its own machine and files: one file for each source, behind the ports of the
//! domain.
//!
//! Nothing here knows the store, the queue or a task's life; only the program that wires the host names these types.

pub mod notify;
