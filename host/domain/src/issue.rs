//! Where can an issue be, as people see it in their tracker?

use crate::words::words;

words! {
    "issue state":
    /// State of the tracker's issue that goes with a stage or status.
    #[expect(missing_docs, reason = "the names are the operator's own")]
    pub enum TrackerState {
        InProgress = "in-progress",
        InReview = "in-review",
        NeedsInput = "needs-input",
        Approved = "approved",
        ConfirmDeploy = "confirm-deploy",
        Blocked = "blocked",
        Done = "done",
        Stopped = "stop",
    }
}
