//! What people read on a pull request of the host: its title, where its task is, and why it ends.

use orch_domain::notice::Progress;

use crate::inert::subject;
use crate::progress;

/// Why the pull request of a task that was stopped is closed.
pub const CLOSED: &str = "Closed: the task was cancelled, and nothing lands from this branch.";

/// The title.
pub fn title(progress: &Progress) -> String {
    subject(&format!("{}: {}", progress.work_item, progress.title))
}

/// The text of one that is worked on.
pub fn text(progress: &Progress, (used, allowed): (u32, u32)) -> String {
    let rounds = match used {
        0 => String::new(),
        used => format!(" Rework round {used} of {allowed}."),
    };
    format!(
        "This branch is worked on by Orch, which lands it when its gates have passed. What people push to it is judged \
         anew.\n\nThe task is {}.{rounds}",
        progress::place(progress)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use orch_domain::id::{RepoName, TaskId, WorkItem};
    use orch_domain::stage::Stage;

    #[test]
    fn pull_request_says_where_its_task_is_and_calls_nobody() {
        let progress = Progress {
            task: TaskId(3),
            work_item: WorkItem::new("SHOP-1").unwrap(),
            repo: RepoName::new("shop").unwrap(),
            title: "Ask @ann".to_owned(),
            stage: Stage::Review,
            status: "active".to_owned(),
            at_ms: 5,
        };
        assert_eq!(title(&progress), "SHOP-1: Ask @\u{200b}ann");
        let text = text(&progress, (1, 3));
        assert!(
            text.ends_with("The task is at `review`. Rework round 1 of 3."),
            "{text}"
        );
    }
}
