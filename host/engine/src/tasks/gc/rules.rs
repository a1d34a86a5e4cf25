//! The rules by which something goes or stays, without a disk.

use orch_domain::id::UnixMs;

/// A day.
pub(super) const DAY_MS: i64 = 24 * 3_600_000;

/// What is known of the task that something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    /// It is under way, or waits for somebody.
    Live,
    /// It ended.
    Ended,
    /// The store does not know it.
    Unknown,
}

/// What speaks for and against removing a workspace, its work aside.
#[derive(Debug, Clone)]
pub(super) struct WorkspaceFacts {
    pub(super) task: TaskState,
    /// Runs of the task whose results are not taken in.
    pub(super) open_runs: usize,
    /// Whether the outbox is about to remove it.
    pub(super) is_removal_due: bool,
    /// Processes that use something in it.
    pub(super) pids: Vec<u32>,
}

/// Whether a workspace may go: what is proved, or what speaks against it.
pub(super) fn workspace(facts: &WorkspaceFacts) -> Result<&'static str, String> {
    if facts.task == TaskState::Live {
        return Err("its task is under way".to_owned());
    }
    if facts.open_runs > 0 {
        return Err(format!(
            "{} of its task's runs are not taken in",
            facts.open_runs
        ));
    }
    unused(&facts.pids)?;
    if facts.is_removal_due {
        return Err("it is about to be removed with the end of its task".to_owned());
    }
    Ok("no open run, no process in it")
}

/// Nothing goes that a process uses.
pub(super) fn unused(pids: &[u32]) -> Result<(), String> {
    match pids {
        [] => Ok(()),
        [first, ..] => Err(format!("process {first} uses it")),
    }
}

/// What the store knows of a run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunState {
    /// Its result is not taken in.
    Open,
    /// Its result was taken in then.
    TakenIn(UnixMs),
    /// No run of the store has this folder.
    Unknown,
}

/// Since when a run folder is of no use; none while it is.
pub(super) fn run_over_since(state: RunState, written_ms: UnixMs) -> Option<UnixMs> {
    match state {
        RunState::Open => None,
        RunState::TakenIn(at) => Some(at),
        // A folder is made before its row; within a day that is long done.
        RunState::Unknown => Some(written_ms.saturating_add(DAY_MS)),
    }
}

/// Whether that many days have passed.
pub(super) fn is_old(since_ms: UnixMs, days: u32, now_ms: UnixMs) -> bool {
    now_ms.saturating_sub(since_ms) >= i64::from(days).saturating_mul(DAY_MS)
}

/// Since when a ref is of no use: from its commit or from the end of its task, whichever is later, because a task
/// may wait for long between its last commit and its end. None while the task is live.
pub(super) fn ref_over_since(
    committed_ms: UnixMs,
    task: Option<(TaskState, UnixMs)>,
) -> Option<UnixMs> {
    match task {
        Some((TaskState::Live, _)) => None,
        Some((TaskState::Ended, moved_ms)) => Some(committed_ms.max(moved_ms)),
        Some((TaskState::Unknown, _)) | None => Some(committed_ms),
    }
}

/// Id of the task that a workspace `ID-WORK-ITEM` was made for.
pub(super) fn task_of_workspace(name: &str) -> Option<i64> {
    name.split_once('-')?.0.parse().ok()
}

/// Id of the task that a ref `refs/orch/KIND/ID…` keeps work of.
pub(super) fn task_of_ref(name: &str) -> Option<i64> {
    name.split('/').nth(3)?.parse().ok()
}

/// Name in the trash of what went at this time.
pub(super) fn trash_name(now_ms: UnixMs, name: &str) -> String {
    format!("{now_ms}-{}", name.replace('/', "-"))
}

/// When something in the trash went there; none if it was not put there by a host.
pub(super) fn trashed_at(name: &str) -> Option<UnixMs> {
    name.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended() -> WorkspaceFacts {
        WorkspaceFacts {
            task: TaskState::Ended,
            open_runs: 0,
            is_removal_due: false,
            pids: Vec::new(),
        }
    }

    #[test]
    fn workspace_goes_only_when_nothing_speaks_against_it() {
        assert!(workspace(&ended()).is_ok());
        assert!(
            workspace(&WorkspaceFacts {
                task: TaskState::Unknown,
                ..ended()
            })
            .is_ok()
        );
        for (facts, word) in [
            (
                WorkspaceFacts {
                    task: TaskState::Live,
                    ..ended()
                },
                "under way",
            ),
            (
                WorkspaceFacts {
                    open_runs: 1,
                    ..ended()
                },
                "not taken in",
            ),
            (
                WorkspaceFacts {
                    pids: vec![7, 8],
                    ..ended()
                },
                "process 7",
            ),
            (
                WorkspaceFacts {
                    is_removal_due: true,
                    ..ended()
                },
                "about to be removed",
            ),
        ] {
            let reason = workspace(&facts).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn folder_of_an_open_run_is_never_over_and_an_unknown_one_not_within_a_day() {
        assert_eq!(run_over_since(RunState::Open, 0), None);
        assert_eq!(run_over_since(RunState::TakenIn(5), 9), Some(5));
        let over = run_over_since(RunState::Unknown, 0).unwrap();
        assert!(!is_old(over, 0, DAY_MS - 1), "its row may be on its way");
        assert!(is_old(over, 0, DAY_MS));
    }

    #[test]
    fn age_counts_whole_days_and_zero_is_at_once() {
        assert!(is_old(1_000, 0, 1_000));
        assert!(!is_old(1_000, 1, 999 + DAY_MS));
        assert!(is_old(1_000, 1, 1_000 + DAY_MS));
        assert!(
            !is_old(DAY_MS, 1, 0),
            "a clock that was set back makes nothing old"
        );
    }

    #[test]
    fn ref_ages_from_the_end_of_its_task_and_never_while_it_is_live() {
        assert_eq!(ref_over_since(5, Some((TaskState::Live, 9))), None);
        assert_eq!(ref_over_since(5, Some((TaskState::Ended, 9))), Some(9));
        assert_eq!(ref_over_since(9, Some((TaskState::Ended, 5))), Some(9));
        assert_eq!(ref_over_since(5, None), Some(5));
    }

    #[test]
    fn names_say_whose_they_are_and_when_they_went() {
        assert_eq!(task_of_workspace("12-SHOP-3"), Some(12));
        assert_eq!(task_of_workspace("SHOP-3"), None);
        assert_eq!(task_of_ref("refs/orch/wip/12/stop"), Some(12));
        assert_eq!(task_of_ref("refs/orch/cancelled/12"), Some(12));
        assert_eq!(task_of_ref("refs/orch/wip"), None);
        let name = trash_name(77, "workspaces/shop/1-SHOP-1");
        assert_eq!(name, "77-workspaces-shop-1-SHOP-1");
        assert_eq!(trashed_at(&name), Some(77));
        assert_eq!(trashed_at("somebody's"), None);
    }
}
