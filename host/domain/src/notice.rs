//! What people are told: as data, never as a sentence.
//!
//! Every window (log, chat, mail, page) makes its own words of it; `orch-words` has those that all of them share.

pub(crate) mod alert;
mod progress;

pub use self::alert::NoticeName;
pub use self::progress::Progress;
use crate::id::{DoorName, JobId, ObjectId, RepoName, TaskId, UnixMs, WorkItem};
use crate::job::JobKind;
use crate::message::destination::Destination;
use crate::message::kind::MessageKind;
use crate::outcome::ResultFault;
use crate::release::RollbackEnd;
use crate::stage::{Role, Stage};
use crate::task::BlockReason;
use crate::words::words;

/// Something that people are told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notice {
    /// What it is about.
    pub subject: Subject,
    /// When it happened, Unix milliseconds; it may be told much later.
    pub at_ms: UnixMs,
    /// What happened.
    pub kind: NoticeKind,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The host as a whole.
    Host,
    /// One task.
    Task {
        /// Row id.
        id: TaskId,
        /// Its name in the tracker.
        work_item: WorkItem,
        /// Its repository.
        repo: RepoName,
    },
}

impl Subject {
    /// The task that it is about.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::Host => None,
            Self::Task { id, .. } => Some(*id),
        }
    }
}

words! {
    "level of a notice":
    /// How much it matters.
    pub enum Level {
        /// Good to know.
        News = "news",
        /// Odd, and dealt with.
        Warning = "warning",
        /// Something stands still or is in danger.
        Alarm = "alarm",
    }
}

/// Why a merge lease is no longer its holder's.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseLoss {
    /// Nobody renewed it in time.
    Expired,
    /// Its task is not at work.
    HolderIdle,
    /// Nobody renewed it in time, and another task has it now.
    TakenOver {
        /// The task that was given it.
        by: TaskId,
    },
    /// A person freed it.
    FreedByPerson,
}

/// What the reconciler found that no notice had told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// Nobody worked on the current step.
    JobLost,
    /// Somebody moved the branch.
    BranchMoved {
        /// Where to.
        head: ObjectId,
    },
    /// Somebody asked for something by moving the issue.
    IssueMoved {
        /// What for.
        asked: PersonAsked,
        /// Whoever moved it, as the tracker names them.
        by: String,
    },
}

words! {
    "kind of news":
    /// What a notifier can be asked to tell; one notice may be of several kinds.
    pub enum News {
        /// What is odd, stands still or is in danger.
        Alerts = "alerts",
        /// What goes on, or gets better, only when a person acts.
        NeedsPerson = "needs-person",
        /// The end of a task.
        Done = "done",
        /// Where each task is.
        Stages = "stages",
        /// What needed a person and was left for too long.
        Escalations = "escalations",
    }
}

words! {
    "step of an escalation":
    /// What follows when nobody acts on an alert.
    pub enum Escalation {
        /// Those who were told are told once more.
        Reminder = "reminder",
        /// Somebody else is told.
        Second = "second",
    }
}

words! {
    "request of a person":
    /// What a person may ask by moving an issue.
    pub enum PersonAsked {
        /// That the task is stopped.
        Stop = "stop",
        /// That what it waits for is approved.
        Approval = "approval",
        /// That it goes on.
        Resumption = "resumption",
    }
}

/// Whose money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// That of the task which the notice is about.
    Task,
    /// That of the day (UTC).
    Day,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The task stands still until a person resumes it.
    Blocked {
        /// Stage that the task cannot leave.
        stage: Stage,
        /// The closed-list reason.
        reason: BlockReason,
        /// What happened.
        detail: String,
    },
    /// A stage before development failed too often; a person has to say more.
    InputNeeded {
        /// Which stage.
        stage: Stage,
        /// How often it failed.
        failures: u32,
    },
    /// A person has to approve before the task goes on.
    ApprovalNeeded {
        /// Stage that waits for a person.
        stage: Stage,
        /// What asks: a gate's entry, or the step of that name.
        step: String,
    },
    /// The task is done.
    Done,
    /// A run said that it ended well and left no result.
    ResultLost {
        /// Whose run.
        role: Role,
        /// Stage whose run left no result.
        stage: Stage,
        /// What is wrong with the result.
        fault: ResultFault,
        /// What was found instead.
        detail: String,
    },
    /// A gate found a secret on the branch: whoever owns it has to rotate it.
    SecretFound {
        /// Which gate.
        gate: String,
        /// In which commit.
        commit: ObjectId,
    },
    /// A gate's file judges nothing any more.
    Quarantined {
        /// Which gate.
        gate: String,
        /// Digest of the file.
        digest: String,
        /// What it did.
        reason: String,
    },
    /// A gate's file is not in force: nobody is judged by it, or an older version of it judges still.
    GateUnfit {
        /// Which gate.
        gate: String,
        /// Why.
        error: String,
        /// Whether the host tries again by itself: the machine was at fault.
        is_retried: bool,
    },
    /// A merge lease was taken from its holder.
    LeaseReclaimed {
        /// Name of the lease.
        lease: String,
        /// Whose it was.
        holder: TaskId,
        /// How the holder lost it.
        why: LeaseLoss,
    },
    /// A person released the transition of a task: its job begins anew.
    TransitionReleased {
        /// Which job.
        job: JobId,
        /// What it does.
        kind: JobKind,
    },
    /// So many jobs look dead at once that the reaper looks again first.
    ReaperHeld {
        /// How many look dead.
        dead: u32,
        /// Of how many.
        running: u32,
    },
    /// A job beside the steps took its host or handler down again and again, and was given up.
    CrashLoop {
        /// Which job.
        job: JobId,
        /// What it does.
        kind: JobKind,
        /// How often.
        crashes: u32,
    },
    /// The stop of a task fails again and again; it goes on trying.
    StopFails {
        /// What happened last.
        error: String,
    },
    /// No run may start, until somebody mends it.
    LaunchRefused {
        /// What it is about: an agent, a work item, a repository or the disk.
        of: String,
        /// Which check refused.
        check: String,
        /// Why, with the remedy.
        reason: String,
    },
    /// The reconciler made good what no notice had told.
    MadeGood {
        /// What was found that no notice had told.
        missed: Missed,
    },
    /// Most of a budget is used up.
    BudgetNearlySpent {
        /// Whether it is that of the task or of the day.
        budget: Budget,
        /// What is charged, in hundredths of a US dollar.
        charged_cents: i64,
        /// What there is, in hundredths of a US dollar.
        limit_cents: i64,
    },
    /// Production is worse since the change.
    Degraded {
        /// Which commit is live.
        commit: ObjectId,
        /// What was seen.
        findings: String,
    },
    /// Nobody can say how production is since the change.
    HealthUnknown {
        /// Which commit is live.
        commit: ObjectId,
        /// Why not.
        reason: String,
    },
    /// Production was put back after it was degraded, or could not be.
    RolledBack {
        /// Whose production.
        repo: RepoName,
        /// Which commit it was degraded by.
        from: ObjectId,
        /// The commit that was healthy last; none if none ever was.
        to: Option<ObjectId>,
        /// What it came to.
        end: RollbackEnd,
        /// What was seen, masked.
        detail: String,
    },
    /// Work waits because a forge, a tracker or another source does not answer.
    SourceFails {
        /// Which source.
        source: String,
        /// What it said.
        error: String,
        /// Whether it takes no credential of the host: waiting cures that never.
        is_credential: bool,
    },
    /// A source tells the host nothing, or not enough: what happens there is seen late.
    WebhookFails {
        /// Name of the webhook.
        webhook: DoorName,
        /// What it is about, such as a repository.
        of: String,
        /// What is wrong with it.
        fault: WebhookFault,
    },
    /// A message was given up.
    Undelivered {
        /// Where it should have gone.
        destination: Destination,
        /// What it was; none if this version of the host cannot read it.
        message: Option<MessageKind>,
        /// How often it was tried.
        tries: u32,
        /// What happened last.
        error: String,
    },
    /// Several tasks in a row met the same at one step: the lane of their repository is held back.
    LanePaused {
        /// Which repository.
        repo: RepoName,
        /// What is held back, as `orch unpause` takes it.
        scope: String,
        /// Name of the step.
        step: String,
        /// Why each of them was blocked.
        reason: BlockReason,
        /// How many tasks.
        tasks: u32,
    },
    /// A part of the host panicked and is started again.
    TaskPanicked {
        /// Which background task.
        task: String,
        /// What the panic said.
        reason: String,
    },
    /// Nobody has acted on an alert.
    Unanswered {
        /// Who is told now.
        step: Escalation,
        /// For how long, seconds.
        for_s: u64,
        /// What it is.
        what: Box<NoticeKind>,
    },
    /// What an earlier version of the host told in its own words.
    Earlier {
        /// Its words.
        text: String,
    },
}

/// What is wrong with a webhook.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookFault {
    /// The source has none to this host.
    Missing,
    /// It is switched off.
    Off,
    /// It does not tell of everything.
    Short {
        /// Events that are left out.
        missing: Vec<String>,
    },
    /// The host did things there that it should have been told of, and was told nothing.
    Silent {
        /// How many.
        acts: u32,
        /// Since when nothing came; none if nothing ever did.
        since_ms: Option<UnixMs>,
    },
}

impl NoticeKind {
    /// Stable name for display, without data.
    pub fn name(&self) -> &'static str {
        self.word().as_str()
    }

    /// Whether it is news of this kind.
    pub fn is(&self, news: News) -> bool {
        if let Self::Unanswered { step, .. } = self
            && *step == Escalation::Second
        {
            return news == News::Escalations;
        }
        match news {
            News::Escalations => false,
            News::Alerts => self.level() > Level::News,
            News::NeedsPerson => self.needs_person(),
            News::Done => matches!(self, Self::Done),
            News::Stages => false,
        }
    }

    /// Whether it asks a person for a decision that can be given where it is told.
    pub fn asks(&self) -> bool {
        matches!(self, Self::ApprovalNeeded { .. })
    }

    /// Whether it asks for a decision about a task at a stage.
    pub fn asks_at(&self, present: Stage) -> bool {
        matches!(self, Self::ApprovalNeeded { stage, .. } if *stage == present)
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::Done | Self::ApprovalNeeded { .. } => Level::News,
            Self::LeaseReclaimed { .. }
            | Self::TransitionReleased { .. }
            | Self::ReaperHeld { .. }
            | Self::ResultLost { .. }
            | Self::MadeGood { .. }
            | Self::BudgetNearlySpent { .. }
            | Self::SourceFails { .. }
            | Self::WebhookFails { .. }
            | Self::Earlier { .. } => Level::Warning,
            Self::Blocked { .. }
            | Self::InputNeeded { .. }
            | Self::SecretFound { .. }
            | Self::Quarantined { .. }
            | Self::GateUnfit { .. }
            | Self::CrashLoop { .. }
            | Self::StopFails { .. }
            | Self::LaunchRefused { .. }
            | Self::LanePaused { .. }
            | Self::Degraded { .. }
            | Self::HealthUnknown { .. }
            | Self::RolledBack { .. }
            | Self::Unanswered { .. }
            | Self::Undelivered { .. }
            | Self::TaskPanicked { .. } => Level::Alarm,
        }
    }

    /// Whether nothing goes on, or nothing gets better, until a person acts.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Blocked { .. }
            | Self::InputNeeded { .. }
            | Self::ApprovalNeeded { .. }
            | Self::SecretFound { .. }
            | Self::Quarantined { .. }
            | Self::CrashLoop { .. }
            | Self::StopFails { .. }
            | Self::LaunchRefused { .. }
            | Self::LanePaused { .. }
            | Self::Degraded { .. }
            | Self::HealthUnknown { .. }
            | Self::RolledBack { .. }
            | Self::Unanswered { .. }
            | Self::Undelivered { .. } => true,
            Self::SourceFails { is_credential, .. } => *is_credential,
            Self::GateUnfit { is_retried, .. } => !is_retried,
            Self::TaskPanicked { .. } | Self::WebhookFails { .. } => false,
            Self::Done
            | Self::ResultLost { .. }
            | Self::LeaseReclaimed { .. }
            | Self::TransitionReleased { .. }
            | Self::ReaperHeld { .. }
            | Self::MadeGood { .. }
            | Self::BudgetNearlySpent { .. }
            | Self::Earlier { .. } => false,
        }
    }
}
