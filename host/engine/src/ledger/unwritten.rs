//! Why nothing of a command or of a job's end was written: all of it is rolled back.

use orch_domain::id::{BatchId, JobId, RunId, TaskId};
use orch_store::StoreError;

/// Why nothing of a command or of a job's end was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritten {
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration that a task began with makes no sense to this version.
    #[error(
        "the stored configuration `{digest}` cannot be used: {why}; was it stored by another version?"
    )]
    Configuration { digest: String, why: String },
    /// The task is not as it was read.
    #[error("task {0} moved meanwhile; its step is looked at again")]
    TaskMoved(TaskId),
    /// A task has one job for its step, and that one has not ended.
    #[error("job {job} of task {task} is still live")]
    JobLive { job: JobId, task: TaskId },
    /// A handler whose claim was taken writes nothing more.
    #[error("job {0} is no longer this claim's")]
    ClaimLost(JobId),
    /// A run's result counts once.
    #[error("run {0} was taken in before")]
    TakenIn(RunId),
    /// What was found out about a batch is about one that is no more.
    #[error("batch {0} is not as it was read; its leader looks again")]
    BatchMoved(BatchId),
    /// A pull request merges once.
    #[error("the pull request of branch `{branch}` was merged before, as {before}")]
    Merged { branch: String, before: String },
}
