//! The one place where the store, the gates and the agents meet: worker, stage handlers, commands, queries.

pub mod config;
