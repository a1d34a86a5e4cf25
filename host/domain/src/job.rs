//! What a job of the queue is: its kinds, states and lanes.

use crate::pipeline::{HostWork, Step};
use crate::words::words;

words! {
    "job kind":
    /// What a job does.
    pub enum JobKind {
        /// Runs an agent in the task's workspace.
        Agent = "agent",
        /// Evaluates one gate of the pipeline.
        Gate = "gate",
        /// Deploys to staging and runs the staging suite.
        Staging = "staging",
        /// Takes the merge lease and prepares the commit that would land.
        MergePrepare = "merge-prepare",
        /// Moves the base to the prepared commit.
        Land = "land",
        /// Runs the production deploy hook.
        Deploy = "deploy",
        /// Runs a repository's tests on one commit and posts the status (local forge).
        Ci = "ci",
        /// Says whether a person has to approve the deploy of this change.
        Approval = "approval",
        /// Probes production for a while after a deploy.
        Monitor = "monitor",
        /// Puts production back to what was healthy last.
        Rollback = "rollback",
        /// Ends whatever a stopped task still has running and cleans up after it.
        Stop = "stop",
    }
}

impl JobKind {
    /// Whether it works beside the steps of its task: no step waits for its end, which moves no task; what else
    /// becomes of a step leaves it alone, and it keeps no lease alive.
    pub fn works_beside_steps(self) -> bool {
        match self {
            Self::Ci | Self::Monitor | Self::Rollback => true,
            Self::Agent
            | Self::Gate
            | Self::Staging
            | Self::MergePrepare
            | Self::Land
            | Self::Deploy
            | Self::Approval
            | Self::Stop => false,
        }
    }

    /// Whether the host itself moves the task on at its end: what an agent left is in the host's hands.
    pub fn finalises(self) -> bool {
        match self {
            Self::Gate | Self::Approval | Self::MergePrepare | Self::Land | Self::Deploy => true,
            Self::Agent
            | Self::Staging
            | Self::Ci
            | Self::Monitor
            | Self::Rollback
            | Self::Stop => false,
        }
    }

    /// The job that works on a step. An approval that is asked for whatever the risk is has none.
    pub fn of_step(step: &Step) -> Self {
        match step {
            Step::Run(_) => Self::Agent,
            Step::Gate(_) => Self::Gate,
            Step::Work(HostWork::Staging) => Self::Staging,
            Step::Work(HostWork::MergePrepare) => Self::MergePrepare,
            Step::Work(HostWork::Land) => Self::Land,
            Step::Work(HostWork::Deploy) => Self::Deploy,
            Step::Approval => Self::Approval,
        }
    }

    /// The lane whose limit applies.
    pub fn lane(self) -> Lane {
        match self {
            Self::Agent => Lane::Agents,
            Self::Gate => Lane::Gates,
            Self::Staging
            | Self::MergePrepare
            | Self::Land
            | Self::Deploy
            | Self::Approval
            | Self::Ci
            | Self::Monitor
            | Self::Rollback
            | Self::Stop => Lane::Effects,
        }
    }
}

words! {
    "lane":
    /// Jobs of one lane share a concurrency limit, so that cheap gates never wait behind long agents.
    pub enum Lane {
        /// Agent runs.
        Agents = "agents",
        /// Gate evaluations.
        Gates = "gates",
        /// Everything the host does itself.
        Effects = "effects",
    }
}

words! {
    "job state":
    /// Where a job is in its life.
    pub enum JobState {
        /// Due later; kept apart from ready jobs, so that a claim never looks at it.
        Scheduled = "scheduled",
        /// Waiting for a worker.
        Ready = "ready",
        /// Claimed under an epoch.
        Running = "running",
        /// Ended well.
        Done = "done",
        /// Gave up; keeps its reason.
        Dead = "dead",
        /// Ended by a stop.
        Cancelled = "cancelled",
    }
}

impl JobState {
    /// Whether the job has ended: the one place that names the set.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Cancelled)
    }
}

words! {
    "kind of a delay":
    /// Why a job is not worked on at once, as a kind; the words for people are beside it.
    pub enum PutOffKind {
        /// Other tasks come first; the end of one makes it due.
        Turn = "turn",
        /// The disk is full.
        Disk = "disk",
        /// There is no money for a run.
        Budget = "budget",
        /// Its agent cannot start.
        AgentUnavailable = "agent-unavailable",
        /// Its agent's breaker is open.
        Breaker = "breaker",
        /// The provider asked to come back later.
        RateLimit = "rate-limit",
        /// A forge, tracker or other source does not answer, or takes no credential of the host.
        Source = "source",
        /// Its step waits for something else to happen.
        Waiting = "waiting",
        /// A try failed; the next one follows after a back-off.
        Retry = "retry",
        /// Deploys of its repository are held.
        Held = "held",
        /// The next probe of production is not due.
        Probe = "probe",
        /// The job before it was lost.
        JobLost = "job-lost",
        /// Its host died.
        HostDied = "host-died",
        /// Its host ended.
        HostEnded = "host-ended",
        /// The reaper took it from its owner.
        Reaped = "reaped",
        /// A person took it from its owner.
        Released = "released",
    }
}

/// Why a job is not worked on at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutOff {
    /// As a kind.
    pub kind: PutOffKind,
    /// In words, one line.
    pub reason: String,
}

impl PutOff {
    /// Why, as a kind and in words.
    pub fn new(kind: PutOffKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_beside_the_steps_moves_no_task() {
        let of = |is_in: fn(JobKind) -> bool| {
            let kinds = JobKind::ALL.into_iter().filter(|kind| is_in(*kind));
            kinds.map(JobKind::as_str).collect::<Vec<_>>()
        };
        assert_eq!(
            of(JobKind::works_beside_steps),
            ["ci", "monitor", "rollback"]
        );
        let finalise = ["gate", "merge-prepare", "land", "deploy", "approval"];
        assert_eq!(of(JobKind::finalises), finalise);
    }
}
