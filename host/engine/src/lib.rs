//! The one place where the store, the gates and the agents meet.
//!
//! A task moves only in `ledger::apply`: an event goes in, and the transition's result is written in one transaction.
//! A step does the work of one job and answers what it came to; `ledger::ending` writes it.
//!
//! The rooms use each other in one direction: ledger, commands, views, launch, steps, tasks, wire.

pub mod commands;
mod launch;
mod ledger;
mod steps;
mod tasks;
pub mod views;
mod wire;

pub use commands::CommandError;
pub use ledger::clock::Clock;
pub use ledger::doors::{DoorSite, Doors, OpenDoors};
pub use ledger::paths::Paths;
pub use orch_gateway::Asked as ProviderAsked;
pub use orch_store::{move_run_folders, snapshot};
pub use steps::ask_provider;
pub use tasks::bases::Repositories;
pub use tasks::driver::TaskDied;
pub use tasks::gc::Collector;
pub use tasks::lanes::work_on;
pub use wire::{Api, Host, Running, Setup, Views, is_locked};
