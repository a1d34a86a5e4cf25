//! What people and machines may see of a host, by noun. Read-only, each view from one snapshot of the store.

mod alerts;
mod batches;
mod conduct;
mod costs;
mod decisions;
mod diff;
mod evaluations;
mod gates;
mod host;
mod inbox;
mod issues;
mod leases;
mod mechanisms;
mod pages;
mod pauses;
mod people;
mod queue;
mod remedies;
mod runs;
mod tasks;

pub use self::alerts::AlertViews;
pub use self::conduct::ConductViews;
pub use self::costs::CostViews;
pub use self::diff::DiffViews;
pub use self::evaluations::EvaluationViews;
pub use self::gates::GateViews;
pub use self::host::HostViews;
pub use self::inbox::InboxViews;
pub use self::issues::IssueViews;
pub use self::leases::LeaseViews;
pub(crate) use self::mechanisms::Mechanisms;
pub use self::pauses::PauseViews;
pub use self::people::PeopleViews;
pub use self::queue::QueueViews;
pub use self::runs::RunViews;
pub use self::tasks::TaskViews;
