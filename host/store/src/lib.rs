//! Everything that lasts: all SQL of Orch, on an embedded SQLite.
//!
//! One writer task owns the one writing connection and commits in groups; readers have connections of
//! their own. What the rows mean is decided above; here is only how they are written and found, and every
//! guarded write says what happened.

mod error;
mod joined;
mod migrations;
mod open;
mod queue;
mod snapshot;
mod table;
mod tx;
mod writer;

pub use error::StoreError;
pub use open::{Owner, Store};
pub use snapshot::{move_run_folders, snapshot};
pub use table::alerts::{Acknowledged, AlertRow};
pub use table::artefacts::{EvidenceRow, HostArtefact, ProvenanceRow};
pub use table::base_tests::BaseTestRow;
pub use table::batch_branches::BatchBranch;
pub use table::batches::{Batch, BatchMember, BatchRun, NewBatch, NewMember};
pub use table::board::{Happened, Lamp};
pub use table::branches::{Landing, TaskBranch};
pub use table::conduct::DecisionRow;
pub use table::connections::{Asker, ConnectionRow, Denial, Traffic};
pub use table::costs::{CostRow, CostsBy, Spending, Tokens};
pub use table::counts::RowCount;
pub use table::deliveries::Delivery;
pub use table::drills::{DrillCase, DrillRow, NewDrill};
pub use table::evaluations::{Evaluation, NewEvaluation, ReuseKey};
pub use table::events::EventRow;
pub use table::forge::{MergeMark, PullRequest, StatusRow};
pub use table::issues::OWN_TRACKER;
pub use table::jobs::held::{CountsAsTry, FinishOutcome, RenewOutcome};
pub use table::jobs::rows::JobRow;
pub use table::jobs::{Cancel, ClaimedJob, EnqueueOutcome, JobKey, NewJob, Outlook};
pub use table::leases::{AcquireOutcome, LeaseRow, Reclaimed};
pub use table::memory::MemoryApplied;
pub use table::outbox::WaitingMessage;
pub use table::pages::{QueuedJob, TaskTally, WaitingPlace};
pub use table::pauses::Pause;
pub use table::reap::{OpenRun, Reaping, RunningJob};
pub use table::reconcile::UnderWay;
pub use table::releases::{NewRelease, Release};
pub use table::remarks::{NewRemark, RemarkRow};
pub use table::request_keys::KeyOutcome;
pub use table::runs::{NewRun, RunEnd, RunFolderRow, RunRow};
pub use table::sessions::{NewSession, SessionKind, SessionRow};
pub use table::tasks::{CasOutcome, NewTask, TaskRecord};
pub use table::tokens::{NewToken, TokenRow};
pub use table::tracker::{CommentRow, IssueRow, MoveRow};
pub use table::turns::Dependency;
pub use table::waits::LongWait;
pub use tx::Tx;
pub use writer::WriterStats;

/// A boxed future, as the closures of [`Store::write`] return it.
pub use futures_util::future::BoxFuture;
