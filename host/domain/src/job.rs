//! What a job of the queue is: its kinds, states and lanes.

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
        /// Probes production for a while after a deploy.
        Monitor = "monitor",
        /// Ends whatever a stopped task still has running and cleans up after it.
        Stop = "stop",
    }
}

impl JobKind {
    /// The lane whose limit applies.
    pub fn lane(self) -> Lane {
        match self {
            Self::Agent => Lane::Agents,
            Self::Gate => Lane::Gates,
            Self::Staging
            | Self::MergePrepare
            | Self::Land
            | Self::Deploy
            | Self::Ci
            | Self::Monitor
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
