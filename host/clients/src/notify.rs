//! Notifiers: where people are told what they should know.

mod log;

pub use log::LogNotifier;
