//! What does the host show, and what may be asked of it? Every type that crosses from the host to whoever looks at
//! it: command line, HTTP, pages.
//!
//! The types are data and nothing else: the engine fills them, and whoever shows them decides how it looks. Of ours
//! only the domain's words are used here, so that a client needs no engine and a state is no text that may say anything.
//! What a request names is text, because whoever refuses it says what there is. One file for each noun holds its views, the requests
//! about it and its endpoints.

pub mod alert;
pub mod artefact;
pub mod author;
pub mod backup;
pub mod board;
pub mod conduct;
pub mod costs;
pub mod diff;
pub mod disk;
pub mod doctor;
pub mod drill;
pub mod endpoint;
pub mod evaluation;
pub mod finding;
pub mod gate;
pub mod history;
pub mod host;
pub mod inbox;
pub mod issue;
pub mod job;
pub mod judgement;
pub mod lease;
pub mod message;
pub mod page;
pub mod pause;
pub mod person;
pub mod problem;
pub mod queue;
pub mod remark;
pub mod replay;
pub mod repository;
pub mod resilience;
pub mod run;
pub mod session;
pub mod status;
pub mod task;
