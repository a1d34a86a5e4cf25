//! What the event log tells of tasks and of the host: its closed list of kinds.

use crate::words::words;

words! {
    "event kind":
    /// What happened. The transition's own events come first; the others move nothing.
    pub enum EventKind {
        /// A task was accepted.
        Created = "created",
        /// A run ended.
        RunEnded = "run-ended",
        /// A gate was evaluated.
        GateJudged = "gate-judged",
        /// Host work succeeded.
        WorkDone = "work-done",
        /// Host work failed.
        WorkFailed = "work-failed",
        /// A person approved.
        Approved = "approved",
        /// The risk of the change decided whether a person has to approve its deploy.
        ApprovalWeighed = "approval-weighed",
        /// Somebody outside said how a check of a commit ended.
        StatusSet = "status-set",
        /// A person rejected.
        Rejected = "rejected",
        /// The base moved after the preparation, before it was judged.
        Overtaken = "overtaken",
        /// Somebody other than the host moved the branch.
        ForeignPush = "foreign-push",
        /// The task's own commits were moved onto a base that was rewritten.
        Rebased = "rebased",
        /// A person took the task out of a block.
        Resumed = "resumed",
        /// A person asked for a stop.
        StopRequested = "stop-requested",
        /// The step cannot be worked on until a person decides.
        Halted = "halted",
        /// The task waited for longer than anything is waited for.
        WaitedTooLong = "waited-too-long",
        /// Nothing worked on the step.
        JobLost = "job-lost",
        /// A stop was carried out.
        Stopped = "stopped",
        /// A person changed how urgent a task is.
        Prioritised = "prioritised",
        /// A person said something of a place in the task's difference.
        Remarked = "remarked",
        /// A run's commit is about to be pushed.
        PushIntent = "push-intent",
        /// A run begins with the base merged into the branch.
        BaseMerged = "base-merged",
        /// The branch stands on this base anew, with the task's own commits and nothing of what it stood on before.
        MovedOnto = "moved-onto",
        /// The branch is about to be moved to a prepared commit.
        MergeIntent = "merge-intent",
        /// The base is about to be moved to the prepared commit.
        LandIntent = "land-intent",
        /// A person holds a lane or repository back.
        Paused = "paused",
        /// A person lets it go on.
        Unpaused = "unpaused",
        /// A person was given a token.
        TokenMade = "token-made",
        /// Tokens of a person count no more.
        TokenRevoked = "token-revoked",
        /// A person has seen alerts.
        Acknowledged = "acknowledged",
    }
}
