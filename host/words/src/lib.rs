//! The words that people read of what the host tells and writes: one place, so that log, chat, mail and page say the
//! same.
//!
//! Plain text and Markdown only. Cutting, escaping and layout are the business of each window; what happened is data
//! in `orch-domain`.

pub mod inert;
pub mod notice;
pub mod progress;
pub mod pull_request;
pub mod remark;
pub mod remedy;
pub mod review;
pub mod status;
