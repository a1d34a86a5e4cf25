//! What a job of the queue is: its kinds, states and lanes.

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Runs an agent in the task's workspace.
    Agent,
    /// Evaluates one gate of the pipeline.
    Gate,
    /// Deploys to staging and runs the staging suite.
    Staging,
    /// Takes the merge lease and prepares the commit that would land.
    MergePrepare,
    /// Moves the base to the prepared commit.
    Land,
    /// Runs the production deploy hook.
    Deploy,
    /// Runs a repository's tests on one commit and posts the status (local forge).
    Ci,
    /// Probes production for a while after a deploy.
    Monitor,
    /// Ends whatever a stopped task still has running and cleans up after it.
    Stop,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Agent,
        Self::Gate,
        Self::Staging,
        Self::MergePrepare,
        Self::Land,
        Self::Deploy,
        Self::Ci,
        Self::Monitor,
        Self::Stop,
    ];

    /// Stable name for storage and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Gate => "gate",
            Self::Staging => "staging",
            Self::MergePrepare => "merge-prepare",
            Self::Land => "land",
            Self::Deploy => "deploy",
            Self::Ci => "ci",
            Self::Monitor => "monitor",
            Self::Stop => "stop",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == name)
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
            | Self::Ci
            | Self::Monitor
            | Self::Stop => Lane::Effects,
        }
    }
}

/// Jobs of one lane share a concurrency limit, so that cheap gates never wait behind long agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Agent runs.
    Agents,
    /// Gate evaluations.
    Gates,
    /// Everything the host does itself.
    Effects,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 3] = [Self::Agents, Self::Gates, Self::Effects];

    /// Stable name for storage and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Gates => "gates",
            Self::Effects => "effects",
        }
    }
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Due later; kept apart from ready jobs, so that a claim never looks at it.
    Scheduled,
    /// Waiting for a worker.
    Ready,
    /// Claimed under an epoch.
    Running,
    /// Ended well.
    Done,
    /// Gave up; keeps its reason.
    Dead,
    /// Ended by a stop.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Scheduled,
        Self::Ready,
        Self::Running,
        Self::Done,
        Self::Dead,
        Self::Cancelled,
    ];

    /// Stable name for storage and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// Whether the job has ended: the one place that names the set.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Cancelled)
    }
}
