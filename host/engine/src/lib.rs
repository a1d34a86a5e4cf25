//! The one place where the store, the gates and the agents meet: worker, stage handlers, commands, queries.
//!
//! A task moves only in [`apply`]: an event goes in, and the transition's result is written in one transaction.
//! Handlers do the work of one job each and end it with one event.

mod advisories;
mod blocks;
pub mod commands;
mod costs;
mod gate_orders;
mod issues;
mod judges;
mod launch;
mod leases;
mod ledger;
mod offline;
mod pages;
mod pauses;
mod provider;
mod queries;
mod queue;
mod replay;
mod rights;
mod sources;
mod steps;
mod tasks;
mod tools;
mod wire;

pub use advisories::choose_tls;
pub use commands::CommandError;
pub use ledger::clock::Clock;
pub use ledger::paths::Paths;
pub use offline::{AssumedRole, OfflineJudgement, OfflineRequest, OfflineRights, judge_offline};
pub use replay::{BACKTEST_MAX, KeptEvaluation, Replayed, replay};
pub use tasks::driver::TaskDied;
pub use tasks::gc::Collector;
pub use wire::{Engine, Running, Setup};
