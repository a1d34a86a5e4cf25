//! What can happen to a task: the events, and what gates and host work come to inside of them.

use crate::event::EventKind;
use crate::id::{EntryId, ObjectId};
use crate::outcome::RunOutcome;
use crate::pipeline::HostWork;
use crate::risk::Tier;
use crate::stage::Stage;
use crate::task::BlockReason;
use crate::verdict::{EvaluationOutcome, InconclusiveReason};

/// What a gate evaluation came to, after the host read the verdict back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// An explicit pass.
    Pass,
    /// A recorded not-applicable.
    NotApplicable,
    /// A fail, with its findings as text for the next run.
    Fail {
        /// Findings, verbatim.
        findings: String,
        /// Whether one of them says that a secret is on the branch.
        reveals_secret: bool,
    },
    /// Not decidable yet.
    Wait {
        /// Milliseconds the gate wants to wait.
        after_ms: u64,
        /// The gate's one-line reason.
        reason: String,
    },
    /// No verdict.
    Inconclusive {
        /// The closed-list reason.
        reason: InconclusiveReason,
        /// What happened.
        detail: String,
    },
}

impl Judgement {
    /// The judgement in one word.
    pub fn outcome(&self) -> EvaluationOutcome {
        match self {
            Self::Pass => EvaluationOutcome::Pass,
            Self::NotApplicable => EvaluationOutcome::NotApplicable,
            Self::Fail { .. } => EvaluationOutcome::Fail,
            Self::Wait { .. } => EvaluationOutcome::Wait,
            Self::Inconclusive { .. } => EvaluationOutcome::Inconclusive,
        }
    }
}

/// Why host work did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkFailure {
    /// The change itself is at fault: back to development with this text.
    Rework {
        /// Findings, verbatim.
        findings: String,
    },
    /// The world failed: try again within the infrastructure budget.
    Infra {
        /// What happened.
        detail: String,
    },
    /// Something else has to happen first: the lease is taken, contexts are pending.
    Wait {
        /// Milliseconds until the next look.
        after_ms: u64,
        /// What it waits for.
        reason: String,
    },
    /// The base moved after the preparation: prepare again; costs nothing.
    Stale {
        /// What moved.
        detail: String,
    },
    /// Nobody can know whether an irreversible step happened.
    Unknown {
        /// What is known.
        detail: String,
    },
    /// The base no longer has what the change was judged on: something was taken out of it.
    BaseRewritten {
        /// Which commit is gone.
        detail: String,
    },
    /// The branch is gone from its forge.
    BranchGone {
        /// Where it was.
        detail: String,
    },
    /// What would land or be deployed is not what a person approved: the approval is asked for again.
    Unapproved {
        /// What is different.
        detail: String,
    },
    /// The configuration makes the work impossible.
    Config {
        /// What to mend.
        detail: String,
    },
}

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The task was accepted.
    Created,
    /// The agent run of the current step ended.
    RunEnded {
        /// What it came to, as the host classified it.
        outcome: RunOutcome,
        /// Tip of the branch after the host's commit, if there was one.
        head: Option<ObjectId>,
    },
    /// The current gate was evaluated.
    GateJudged {
        /// Which entry.
        entry: EntryId,
        /// What came of it.
        judgement: Judgement,
    },
    /// The current host work succeeded.
    WorkDone {
        /// Which of the works of the host it was; another than the current one changes nothing.
        work: HostWork,
        /// Tip of the branch, if the work moved it.
        head: Option<ObjectId>,
    },
    /// The current host work failed.
    WorkFailed {
        /// Which of the works of the host it was; another than the current one changes nothing.
        work: HostWork,
        /// What kept it from succeeding, and so what follows.
        failure: WorkFailure,
    },
    /// What was prepared for landing is not what would land any more: the base or the branch has moved since.
    Overtaken {
        /// What moved.
        detail: String,
    },
    /// The risk of the change was held against the tier from which on a person approves its deploy.
    ApprovalWeighed {
        /// Whether a person has to approve.
        is_needed: bool,
        /// Tier of the change; none if it could not be told.
        tier: Option<Tier>,
    },
    /// A person approved the deploy.
    Approved {
        /// Name of the person, as it is written down.
        by: String,
    },
    /// A person rejected what waits for approval.
    Rejected {
        /// Name of the person, as it is written down.
        by: String,
        /// What they said; reaches the next run verbatim.
        comment: String,
    },
    /// Somebody other than the host moved the branch.
    ForeignPush {
        /// Where it is now.
        head: ObjectId,
    },
    /// The task's own commits stand on the base that was rewritten: what was judged before is judged anew.
    Rebased {
        /// Tip of the branch now.
        head: ObjectId,
        /// The base that it stands on.
        onto: ObjectId,
    },
    /// A person takes the task out of a block.
    Resumed {
        /// Where to go on; none means where it stopped.
        stage: Option<Stage>,
        /// Rework rounds to add.
        rounds: u32,
        /// Whether its own commits are to be moved onto the base, which was rewritten.
        rebase: bool,
        /// Name of the person, as it is written down.
        by: String,
    },
    /// A person asked for a stop.
    StopRequested {
        /// Name of the person, as it is written down.
        by: String,
    },
    /// The current step cannot be worked on until a person decides.
    Halted {
        /// Why, as a kind.
        reason: BlockReason,
        /// Why, in words.
        detail: String,
    },
    /// The task waits for an approval, its turn or its agent for longer than anything is waited for.
    WaitedTooLong {
        /// For what, and since when.
        detail: String,
    },
    /// Nothing works on the current step, and nothing is going to.
    JobLost,
    /// The stop is carried out: nothing of the task runs any more.
    Stopped,
}

impl Event {
    /// Its kind in the event log.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Created => EventKind::Created,
            Self::RunEnded { .. } => EventKind::RunEnded,
            Self::GateJudged { .. } => EventKind::GateJudged,
            Self::WorkDone { .. } => EventKind::WorkDone,
            Self::WorkFailed { .. } => EventKind::WorkFailed,
            Self::Overtaken { .. } => EventKind::Overtaken,
            Self::ApprovalWeighed { .. } => EventKind::ApprovalWeighed,
            Self::Approved { .. } => EventKind::Approved,
            Self::Rejected { .. } => EventKind::Rejected,
            Self::ForeignPush { .. } => EventKind::ForeignPush,
            Self::Rebased { .. } => EventKind::Rebased,
            Self::Resumed { .. } => EventKind::Resumed,
            Self::StopRequested { .. } => EventKind::StopRequested,
            Self::Halted { .. } => EventKind::Halted,
            Self::WaitedTooLong { .. } => EventKind::WaitedTooLong,
            Self::JobLost => EventKind::JobLost,
            Self::Stopped => EventKind::Stopped,
        }
    }
}
