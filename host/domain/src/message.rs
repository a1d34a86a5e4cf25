//! What leaves the host: every effect outside of the store, as data that waits in the outbox.
//!
//! A message is written in the transaction that decided it and delivered afterwards, at least once and soon. It holds
//! all that its delivery needs, so that nothing that happens meanwhile changes what is said.

pub(crate) mod destination;
pub(crate) mod kind;

pub use self::destination::{Destination, InvalidDestination};
pub use self::kind::MessageKind;
use crate::id::{DoorName, ObjectId, RepoName, TaskId, WorkItem};
use crate::imports::CheckState;
use crate::issue::TrackerState;
use crate::notice::{Notice, Progress};
use crate::port::forge::NewPullRequest;
use crate::port::tracker::{IssueAt, Voice};
use crate::prompt::PromptId;
use crate::review::RoundReview;
use crate::stage::Stage;

/// What a comment of the host says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remark {
    /// The task goes back.
    Rework {
        /// Where to.
        to: Stage,
        /// Which round it is.
        round: u32,
        /// Of how many.
        rounds_max: u32,
        /// Findings, verbatim.
        findings: String,
    },
    /// Somebody other than the host moved the branch.
    BranchMoved {
        /// Where to.
        head: ObjectId,
    },
    /// The task's own commits were moved onto a base that was rewritten.
    Rebased {
        /// Tip of the branch now.
        head: ObjectId,
        /// The base that it stands on.
        onto: ObjectId,
    },
    /// What was approved is not what would land or be deployed: the approval is asked for again.
    ApprovalVoid {
        /// What is different.
        why: String,
    },
    /// The issue stands where the host is to begin it, and the host does not.
    NotBegun {
        /// Why not, with what would help.
        why: String,
    },
    /// What a person asked for by moving the issue was not carried out.
    MoveRefused {
        /// Where the issue was moved to.
        state: TrackerState,
        /// By whom.
        by: String,
        /// Why not.
        why: String,
    },
}

/// What a commit status of the host says beside its state.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusNote {
    /// The test is asked for.
    Queued,
    /// The test was lost and is asked for again.
    AskedAgain {
        /// Which time.
        time: u32,
    },
    /// The test ended.
    Ended {
        /// With this exit code.
        exit_code: i32,
    },
    /// The test passed when it was run again: only tests that fail now and then on the base had failed.
    PassedAgain {
        /// How many had failed.
        flaky: u32,
    },
    /// A gate passed, or had nothing to say.
    GatePassed,
    /// A gate failed.
    GateFailed,
    /// A gate cannot say yet.
    GateWaits,
    /// A gate had no verdict.
    GateInconclusive,
    /// Some gates are still to judge.
    GatesToCome,
    /// All gates that stand before the landing have passed.
    GatesPassed,
}

/// Something that leaves the host.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// People are told something, by whichever notifiers there are when it is sent out.
    Announcement {
        /// What everybody is told.
        notice: Notice,
    },
    /// People are told something by one notifier.
    Notice {
        /// By which notifier.
        to: DoorName,
        /// What this one tells.
        notice: Notice,
        /// The question that it asks; none if it asks nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<PromptId>,
    },
    /// One notifier shows where a task is. Of several that wait for one task only the newest is delivered.
    Progress {
        /// Which notifier.
        to: DoorName,
        /// Where the task is.
        progress: Progress,
    },
    /// An issue moves. Of several that wait for one issue only the newest is delivered.
    IssueState {
        /// Which issue.
        at: IssueAt,
        /// Where to.
        state: TrackerState,
    },
    /// An issue gets a comment.
    Comment {
        /// Which issue.
        at: IssueAt,
        /// In whose name.
        voice: Voice,
        /// What it says.
        remark: Remark,
    },
    /// A branch gets its pull request.
    OpenPullRequest {
        /// In which repository.
        repo: RepoName,
        /// The branch, with title and text.
        request: NewPullRequest,
    },
    /// The pull request of a branch is settled: its commit has landed.
    MarkMerged {
        /// In which repository.
        repo: RepoName,
        /// Its branch.
        branch: String,
        /// The commit that landed.
        commit: ObjectId,
    },
    /// A pull request shows where its task is. Of several that wait for one task only the newest is delivered.
    DescribePullRequest {
        /// In which repository.
        repo: RepoName,
        /// Its branch.
        branch: String,
        /// Where the task is.
        progress: Progress,
        /// Rework rounds used, and allowed.
        rounds: (u32, u32),
    },
    /// The pull request of a branch is closed: its task was cancelled.
    ClosePullRequest {
        /// In which repository.
        repo: RepoName,
        /// Its branch.
        branch: String,
    },
    /// What gates found in a round is said on the pull request.
    Review {
        /// In which repository.
        repo: RepoName,
        /// What was found.
        review: RoundReview,
    },
    /// A commit gets a status.
    PostStatus {
        /// In which repository.
        repo: RepoName,
        /// Which commit.
        commit: ObjectId,
        /// Under which name.
        context: String,
        /// How it is.
        state: CheckState,
        /// What is said beside.
        note: StatusNote,
    },
    /// The workspace of a task goes.
    RemoveWorkspace {
        /// The task whose workspace it is.
        task: TaskId,
        /// Its name in the tracker.
        work_item: WorkItem,
        /// Its repository.
        repo: RepoName,
    },
}

impl Message {
    /// What it is.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Announcement { .. } => MessageKind::Announcement,
            Self::Notice { .. } => MessageKind::Notice,
            Self::Progress { .. } => MessageKind::Progress,
            Self::IssueState { .. } => MessageKind::IssueState,
            Self::Comment { .. } => MessageKind::Comment,
            Self::OpenPullRequest { .. } => MessageKind::OpenPullRequest,
            Self::MarkMerged { .. } => MessageKind::MarkMerged,
            Self::DescribePullRequest { .. } => MessageKind::DescribePullRequest,
            Self::ClosePullRequest { .. } => MessageKind::ClosePullRequest,
            Self::Review { .. } => MessageKind::Review,
            Self::PostStatus { .. } => MessageKind::PostStatus,
            Self::RemoveWorkspace { .. } => MessageKind::RemoveWorkspace,
        }
    }

    /// Where it goes.
    pub fn destination(&self) -> Destination {
        match self {
            Self::Announcement { .. } => Destination::Notifiers,
            Self::Notice { to, .. } | Self::Progress { to, .. } => {
                Destination::Notifier(to.clone())
            }
            Self::IssueState { at, .. } | Self::Comment { at, .. } => {
                Destination::Tracker(at.tracker.clone())
            }
            Self::OpenPullRequest { repo, .. }
            | Self::MarkMerged { repo, .. }
            | Self::DescribePullRequest { repo, .. }
            | Self::ClosePullRequest { repo, .. }
            | Self::Review { repo, .. }
            | Self::PostStatus { repo, .. } => Destination::Forge(repo.clone()),
            Self::RemoveWorkspace { .. } => Destination::Host,
        }
    }
}

#[cfg(test)]
mod tests;
