//! Where one task stands: the state that the transition function reads and writes.

use std::collections::BTreeMap;

use crate::id::{ObjectId, RepoName, TaskId, UnixMs, WorkItem};
use crate::stage::Stage;
use crate::words::words;

words! {
    "block reason":
    /// Why a task stands still until a person acts.
    pub enum BlockReason {
        /// The rework rounds are used up.
        ReworkExhausted = "rework-exhausted",
        /// The infrastructure retries are used up.
        InfraExhausted = "infra-exhausted",
        /// A wait passed its deadline.
        WaitDeadline = "wait-deadline",
        /// A gate could not decide and further tries would not help.
        Inconclusive = "inconclusive",
        /// A run ended in a way that only a person can help with.
        RunBlocked = "run-blocked",
        /// The host cannot know whether an irreversible step happened.
        Unknown = "unknown",
        /// The repository's configuration is not valid.
        Config = "config",
        /// Its job took host or handler down with it too often.
        CrashLoop = "crash-loop",
        /// A task that it depends on was stopped.
        Dependency = "dependency",
        /// The base no longer has the commit on which the task was judged.
        BaseRewritten = "base-rewritten",
        /// The task's branch is gone from its forge, or does not take what the host puts there.
        BranchGone = "branch-gone",
        /// Somebody else moved the task's branch before there was a change that they could have added to.
        BranchMoved = "branch-moved",
        /// Somebody closed the task's pull request.
        PullRequestClosed = "pull-request-closed",
        /// Somebody aimed the task's pull request at another base.
        Retargeted = "retargeted",
        /// Somebody else put the task's change onto its base, before the host had judged it to its end.
        LandedByOthers = "landed-by-others",
        /// The base fails its own tests, or they cannot be run on it.
        BaseRed = "base-red",
        /// The tests of the change cannot be run.
        CiUnable = "ci-unable",
    }
}

impl BlockReason {
    /// Whether other tasks may well meet the same at the same step, because it lies in what they have in common.
    pub fn may_be_common(self) -> bool {
        match self {
            Self::InfraExhausted
            | Self::WaitDeadline
            | Self::Inconclusive
            | Self::RunBlocked
            | Self::Config
            | Self::BaseRed
            | Self::CiUnable
            | Self::CrashLoop => true,
            Self::ReworkExhausted
            | Self::Unknown
            | Self::Dependency
            | Self::BaseRewritten
            | Self::BranchGone
            | Self::PullRequestClosed
            | Self::Retargeted
            | Self::LandedByOthers
            | Self::BranchMoved => false,
        }
    }
}

/// What a task is doing. The data of each state is where it is valid and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// A job for the current step is in the queue or running.
    Active,
    /// The current step asked to wait; a job for it is scheduled.
    Waiting {
        /// What it waits for, one line.
        reason: String,
        /// When it first waited.
        since_ms: UnixMs,
        /// When waiting ends in a block.
        deadline_ms: UnixMs,
    },
    /// A person has to approve; no job is scheduled.
    AwaitingApproval {
        /// Since when.
        since_ms: UnixMs,
    },
    /// A stage before development failed too often; a person has to say more.
    NeedsInput {
        /// Why, one line.
        detail: String,
    },
    /// Nothing happens until a person resumes the task.
    Blocked {
        /// The closed-list reason.
        reason: BlockReason,
        /// What happened, for people.
        detail: String,
    },
    /// A stop was asked for and is being carried out.
    Stopping,
    /// The stage is terminal.
    Ended,
}

impl Status {
    /// Stable name for storage and display, without data.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting { .. } => "waiting",
            Self::AwaitingApproval { .. } => "awaiting-approval",
            Self::NeedsInput { .. } => "needs-input",
            Self::Blocked { .. } => "blocked",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }

    /// Whether only a person can move the task on.
    pub fn needs_person(&self) -> bool {
        matches!(
            self,
            Self::AwaitingApproval { .. } | Self::NeedsInput { .. } | Self::Blocked { .. }
        )
    }
}

/// The state of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Row id.
    pub id: TaskId,
    /// Name in the tracker.
    pub work_item: WorkItem,
    /// Repository it works on.
    pub repo: RepoName,
    /// Title of the request.
    pub title: String,
    /// Current stage.
    pub stage: Stage,
    /// Index of the current step in the stage's steps.
    pub step: u32,
    /// What it is doing.
    pub status: Status,
    /// Raised by every applied event; writes compare and swap on it.
    pub version: i64,
    /// How often each stage was entered.
    pub attempts: BTreeMap<Stage, u32>,
    /// Rework rounds used.
    pub rework_rounds: u32,
    /// Rework rounds allowed; only a person raises it.
    pub rework_rounds_max: u32,
    /// Failed gates of the current stage before development.
    pub early_rounds: u32,
    /// Infrastructure failures of the current step in a row.
    pub infra_failures: u32,
    /// How often the base moved under what was prepared for landing, in this attempt.
    pub overtaken: u32,
    /// Findings that the next run has to work on, verbatim.
    pub findings: Option<String>,
    /// Whether the next development run's work replaces the branch's history: a secret in an old commit cannot be
    /// removed by a new one.
    pub rewrites_history: bool,
    /// Tip of the task's branch as the host last recorded it.
    pub head: Option<ObjectId>,
    /// A stop that waits for an irreversible step to finish.
    pub stop_requested: bool,
}

impl Task {
    /// A new task that has not entered the pipeline.
    pub fn new(
        id: TaskId,
        work_item: WorkItem,
        repo: RepoName,
        title: String,
        rework_rounds_max: u32,
    ) -> Self {
        Self {
            id,
            work_item,
            repo,
            title,
            stage: Stage::Created,
            step: 0,
            status: Status::Active,
            version: 0,
            attempts: BTreeMap::new(),
            rework_rounds: 0,
            rework_rounds_max,
            early_rounds: 0,
            infra_failures: 0,
            overtaken: 0,
            findings: None,
            rewrites_history: false,
            head: None,
            stop_requested: false,
        }
    }

    /// Which attempt of the current stage this is, counting from 1.
    pub fn attempt(&self) -> u32 {
        self.attempts.get(&self.stage).copied().unwrap_or(0).max(1)
    }
}
