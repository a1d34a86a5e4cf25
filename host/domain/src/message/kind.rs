//! What is a message, without its data?

use crate::words::words;

words! {
    "kind of message":
    /// What a message is, without its data.
    pub enum MessageKind {
        /// People are told something.
        Announcement = "announcement",
        /// People are told something by one notifier.
        Notice = "notice",
        /// People see where a task is.
        Progress = "progress",
        /// An issue moves.
        IssueState = "issue-state",
        /// An issue gets a comment.
        Comment = "comment",
        /// A branch gets its pull request.
        OpenPullRequest = "open-pull-request",
        /// The pull request of a branch is settled.
        MarkMerged = "mark-merged",
        /// People see on the pull request where its task is.
        DescribePullRequest = "describe-pull-request",
        /// A pull request whose task was cancelled ends.
        ClosePullRequest = "close-pull-request",
        /// A round is reviewed on its pull request.
        Review = "review",
        /// A commit gets a status.
        PostStatus = "post-status",
        /// The workspace of a task goes.
        RemoveWorkspace = "remove-workspace",
    }
}

impl MessageKind {
    /// Whether a newer message of the same kind and task makes an older one needless that still waits.
    pub fn is_replaced_by_newer(self) -> bool {
        match self {
            Self::IssueState | Self::Progress | Self::DescribePullRequest => true,
            Self::Announcement
            | Self::Notice
            | Self::Comment
            | Self::OpenPullRequest
            | Self::MarkMerged
            | Self::ClosePullRequest
            | Self::Review
            | Self::PostStatus
            | Self::RemoveWorkspace => false,
        }
    }
}
