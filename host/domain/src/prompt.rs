//! Questions that a window puts to people, with buttons: what is asked, and what still answers it.
//!
//! A window shows a question by its number; everything else about it is the host's own record. A press of a button
//! decides nothing by itself: the window asks once more, and the second press is held to what was shown.

use crate::id::{ObjectId, TaskId, UnixMs};
use crate::stage::Stage;
use crate::task::{Status, Task};
use crate::words::words;

/// Number of a question.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct PromptId(pub i64);

words! {
    "answer to a question":
    /// What a person can answer.
    pub enum Choice {
        /// What the task waits for is approved.
        Approve = "approve",
        /// It is rejected.
        Reject = "reject",
        /// The task is stopped.
        Stop = "stop",
    }
}

/// A question as the host recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its number.
    pub id: PromptId,
    /// The task that it is about.
    pub task: TaskId,
    /// Where the task was when it was asked.
    pub stage: Stage,
    /// Which step of the stage.
    pub step: u32,
    /// Tip of the task's branch then.
    pub head: Option<ObjectId>,
    /// When, Unix milliseconds.
    pub asked_ms: UnixMs,
    /// What was answered, and by whom.
    pub answer: Option<(Choice, String)>,
}

impl Prompt {
    /// Whether the task is still where it was when the question was asked, with the same commit: an answer to anything
    /// else would be one to what nobody was shown.
    pub fn is_about(&self, task: &Task) -> bool {
        let stands = !matches!(task.status, Status::Ended | Status::Stopping);
        stands && self.stage == task.stage && self.step == task.step && self.head == task.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{RepoName, WorkItem};

    #[test]
    fn question_is_about_one_place_and_one_commit() {
        let sha = |digit: &str| ObjectId::new(digit.repeat(40)).unwrap();
        let (item, repo) = (
            WorkItem::new("SHOP-1").unwrap(),
            RepoName::new("shop").unwrap(),
        );
        let task = Task {
            stage: Stage::DeployStaging,
            step: 4,
            head: Some(sha("a")),
            ..Task::new(TaskId(1), item, repo, "Discount".to_owned(), 3)
        };
        let prompt = Prompt {
            id: PromptId(1),
            task: TaskId(1),
            stage: task.stage,
            step: 4,
            head: Some(sha("a")),
            asked_ms: 0,
            answer: None,
        };
        assert!(prompt.is_about(&task));
        let changed = [
            Task {
                head: Some(sha("b")),
                ..task.clone()
            },
            Task {
                step: 3,
                ..task.clone()
            },
            Task {
                stage: Stage::Review,
                ..task.clone()
            },
            Task {
                status: Status::Stopping,
                ..task.clone()
            },
        ];
        for task in &changed {
            assert!(!prompt.is_about(task), "{task:?}");
        }
    }
}
