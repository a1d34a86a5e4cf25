//! The one place where the store, the gates and the agents meet: worker, stage handlers, commands, queries.
//!
//! A task moves only in [`apply`]: an event goes in, and the transition's result is written in one transaction.
//! Handlers do the work of one job each and end it with one event.

mod admission;
mod advisories;
mod apply;
mod attended;
mod blocks;
mod ci;
mod clock;
pub mod commands;
mod costs;
mod decisions;
mod engine;
mod forge;
pub mod gate_orders;
pub mod gc;
mod handlers;
mod issues;
mod leases;
mod messages;
mod offline;
mod outbox;
mod pauses;
mod prompts;
mod provider;
pub mod queries;
mod reaper;
mod reconciler;
mod replay;
mod rights;
mod sources;
mod tools;
mod turns;
mod worker;

pub use advisories::choose_tls;
pub use clock::Clock;
pub use commands::CommandError;
pub use costs::{CostView, CostsRequest, TokensView};
pub use engine::{Engine, Paths, Setup};
pub use issues::IssueView;
pub use leases::LeaseView;
pub use offline::{
    AssumedRole, FindingView, OfflineJudgement, OfflineRequest, OfflineRights, judge_offline,
};
pub use pauses::{PauseRequest, PauseView};
pub use replay::{BACKTEST_MAX, KeptEvaluation, Replayed, replay};
pub use worker::Running;
