//! How a gate judges: what it sees, what it may do beyond reading, and what its answer comes to.
//!
//! Everything from the store is handed in as data, and what is to be kept is handed out; nothing here writes a row.
//! What a case consists of is gathered by the engine, or from a plain repository where there is no host.

mod decode;
mod drill;
mod evaluate;
mod facts;
mod judges;
mod limits;
mod memory;
mod offline;
mod provider;
mod replay;
mod rights;
mod risk;
mod tools;
mod trusted;
mod waivers;

pub use drill::{Made, Material, Planned};
pub use evaluate::{Answered, Case};
pub use facts::{Artefact, Facts, Source, Submodules};
pub use judges::{Judges, JudgesSetup};
pub use limits::{limits, profile};
pub use memory::Staged;
pub use offline::{AssumedRole, OfflineJudgement, OfflineRequest, OfflineRights, judge_offline};
pub use replay::{BACKTEST_MAX, Kept, KeptEvaluation, Replayed, replay};
pub use rights::Outside;
pub use risk::{is_protected, risk_of};
pub use trusted::inaccessible;
