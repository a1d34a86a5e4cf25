//! What the sources of truth say against what the host has recorded: pure rules.
//!
//! Tasks that wait for a person, are blocked, escalated or ended are left alone: their next step is a person's,
//! and whoever takes it looks at the sources first. A task whose job is due or running is left to that job.

use crate::id::{ObjectId, UnixMs};
use crate::issue::TrackerState;
use crate::port::HOST_ACTOR;
use crate::port::tracker::{IssueMove, Position};
use crate::stage::Stage;
use crate::task::{Status, Task};

/// What the task's job for its current step is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepJob {
    /// It has none.
    Missing,
    /// It is put off until a time.
    PutOff,
    /// It is due or running, and looks for itself.
    Busy,
}

/// What is known of one task from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Job of its current step.
    pub job: StepJob,
    /// Where its branch is on the forge; none if it is not there.
    pub tip: Option<ObjectId>,
    /// Commits that the host itself was about to push when it last said so.
    pub own: Vec<ObjectId>,
    /// Whether its current step is a gate that waits for a person.
    pub asks_person: bool,
    /// What became of its pull request, as far as anybody looked.
    pub request: Request,
}

/// What somebody else may have done to a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing that is known.
    AsItWas,
    /// It was closed, and nothing of it is in the base.
    Closed,
    /// Its head is in the base, where the host did not put it.
    Landed,
    /// It is aimed at another base.
    Retargeted,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// Nothing works on the current step, and nothing will.
    JobLost,
    /// Somebody else moved the branch.
    BranchMoved(ObjectId),
    /// Somebody removed the branch.
    BranchGone,
    /// Somebody closed the pull request, and nothing of it landed.
    RequestClosed,
    /// Somebody put its head onto the base.
    LandedByOthers,
    /// Somebody aimed the pull request at another base.
    Retargeted,
}

impl Drift {
    /// Stable name for storage and display.
    pub fn name(&self) -> &'static str {
        match self {
            Self::JobLost => "job-lost",
            Self::BranchMoved(_) => "branch-moved",
            Self::BranchGone => "branch-gone",
            Self::RequestClosed => "pull-request-closed",
            Self::LandedByOthers => "landed-by-others",
            Self::Retargeted => "retargeted",
        }
    }
}

/// Compares a task with what was seen.
pub fn drift(task: &Task, seen: &Seen) -> Option<Drift> {
    match (&task.status, seen.job) {
        (_, StepJob::Busy) => return None,
        (Status::Active | Status::Waiting { .. } | Status::Stopping, StepJob::Missing) => {
            return Some(Drift::JobLost);
        }
        (Status::Active | Status::Waiting { .. }, StepJob::PutOff) => {}
        (
            Status::Stopping
            | Status::AwaitingApproval { .. }
            | Status::NeedsInput { .. }
            | Status::Blocked { .. }
            | Status::Ended,
            StepJob::Missing | StepJob::PutOff,
        ) => return None,
    }
    // Before development and after landing the branch moves no task.
    if seen.asks_person || task.stage < Stage::Development || task.stage >= Stage::Deploy {
        return None;
    }
    let head = task.head.as_ref()?;
    match &seen.tip {
        None => Some(Drift::BranchGone),
        Some(tip) if tip == head => match seen.request {
            Request::AsItWas => None,
            Request::Closed => Some(Drift::RequestClosed),
            Request::Landed => Some(Drift::LandedByOthers),
            Request::Retargeted => Some(Drift::Retargeted),
        },
        Some(tip) if seen.own.contains(tip) => None,
        Some(tip) => Some(Drift::BranchMoved(tip.clone())),
    }
}

/// What the move of an issue asks of its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: it is the host's own, or was overtaken by a later one.
    Nothing,
    /// Stop the task.
    Stop,
    /// Approve what it waits for.
    Approve,
    /// Take it out of its block.
    Resume,
    /// What cannot be asked by moving an issue; the issue goes back to where the task is.
    PutBack,
}

/// What `moved` asks of `task`.
pub fn asked(task: &Task, moved: &IssueMove) -> Asked {
    if moved.actor == HOST_ACTOR || moved.is_past {
        return Asked::Nothing;
    }
    match moved.state {
        // People tidy up what is over.
        TrackerState::Stopped if task.status == Status::Ended => Asked::Nothing,
        TrackerState::Stopped => Asked::Stop,
        TrackerState::Approved => Asked::Approve,
        TrackerState::InProgress
            if matches!(
                task.status,
                Status::Blocked { .. } | Status::NeedsInput { .. }
            ) =>
        {
            Asked::Resume
        }
        TrackerState::InProgress
        | TrackerState::InReview
        | TrackerState::NeedsInput
        | TrackerState::ConfirmDeploy
        | TrackerState::Blocked
        | TrackerState::Done => Asked::PutBack,
    }
}

/// How long a move may wait for the host's own word to reach the tracker, milliseconds. All moves after it wait with it.
const UNSEEN_MS: i64 = 30_000;

/// What people see of where the host wants an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It stands there; whoever moved it at a higher position could see that.
    Since(Position),
    /// The tracker is about to be told.
    OnItsWay,
    /// It was given up on the way.
    Never,
}

/// Whether a move answers what the host asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// It does.
    Yes,
    /// It does not: the host has asked something else since, or nobody has seen what it asks.
    No,
    /// That can be said when the tracker has been told.
    NotYet,
}

/// Whether `moved` answers what the host asks by the state that it wants the issue in: nobody can have approved, or
/// taken out of a block, what nobody could see.
pub fn answers(moved: &IssueMove, shown: Shown, now: UnixMs) -> Answers {
    match shown {
        Shown::Since(position) if moved.position > position => Answers::Yes,
        Shown::OnItsWay if now.saturating_sub(moved.at_ms) < UNSEEN_MS => Answers::NotYet,
        Shown::Since(_) | Shown::OnItsWay | Shown::Never => Answers::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IssueId, RepoName, TaskId, WorkItem};
    use crate::task::BlockReason;

    fn sha(digit: &str) -> ObjectId {
        ObjectId::new(digit.repeat(40)).unwrap()
    }

    fn task(stage: Stage, status: Status) -> Task {
        let item = WorkItem::new("SHOP-1").unwrap();
        let repo = RepoName::new("shop").unwrap();
        Task {
            stage,
            status,
            head: Some(sha("a")),
            ..Task::new(TaskId(1), item, repo, "Discount".to_owned(), 3)
        }
    }

    fn seen(job: StepJob, tip: &str) -> Seen {
        Seen {
            job,
            tip: Some(sha(tip)),
            own: vec![sha("b")],
            asks_person: false,
            request: Request::AsItWas,
        }
    }

    fn waiting() -> Status {
        Status::Waiting {
            reason: "CI".to_owned(),
            since_ms: 0,
            deadline_ms: 1,
        }
    }

    fn standing() -> [Status; 4] {
        [
            Status::AwaitingApproval { since_ms: 0 },
            Status::NeedsInput {
                detail: String::new(),
            },
            Status::Blocked {
                reason: BlockReason::Unknown,
                detail: String::new(),
            },
            Status::Ended,
        ]
    }

    #[test]
    fn tasks_that_a_person_has_to_move_are_left_alone() {
        for status in standing() {
            for job in [StepJob::Missing, StepJob::PutOff, StepJob::Busy] {
                let task = task(Stage::Review, status.clone());
                assert_eq!(drift(&task, &seen(job, "c")), None, "{status:?}");
            }
        }
        let asks_person = Seen {
            asks_person: true,
            ..seen(StepJob::PutOff, "c")
        };
        assert_eq!(drift(&task(Stage::Review, waiting()), &asks_person), None);
    }

    #[test]
    fn task_without_a_job_is_found_whatever_its_stage() {
        for status in [Status::Active, waiting(), Status::Stopping] {
            for stage in [Stage::Analysis, Stage::Review, Stage::Deploy] {
                let found = drift(&task(stage, status.clone()), &seen(StepJob::Missing, "a"));
                assert_eq!(found, Some(Drift::JobLost), "{stage} {status:?}");
            }
        }
    }

    #[test]
    fn foreign_push_is_found_and_the_hosts_own_is_not() {
        let at = |stage, job, tip| drift(&task(stage, waiting()), &seen(job, tip));
        let moved = Some(Drift::BranchMoved(sha("c")));
        assert_eq!(at(Stage::Development, StepJob::PutOff, "c"), moved);
        assert_eq!(at(Stage::Development, StepJob::PutOff, "a"), None);
        assert_eq!(at(Stage::Development, StepJob::PutOff, "b"), None);
        // The job that runs pushes itself, and the push of a lost race is refused.
        assert_eq!(at(Stage::Development, StepJob::Busy, "c"), None);
        assert_eq!(at(Stage::Analysis, StepJob::PutOff, "c"), None);
        assert_eq!(at(Stage::Deploy, StepJob::PutOff, "c"), None);
        let gone = Seen {
            tip: None,
            ..seen(StepJob::PutOff, "a")
        };
        let found = drift(&task(Stage::Testing, waiting()), &gone);
        assert_eq!(found, Some(Drift::BranchGone));
        let closed = |tip, job| Seen {
            request: Request::Closed,
            ..seen(job, tip)
        };
        let at = |seen: &Seen| drift(&task(Stage::Testing, waiting()), seen);
        let found = at(&closed("a", StepJob::PutOff));
        assert_eq!(found, Some(Drift::RequestClosed));
        assert_eq!(at(&closed("a", StepJob::Busy)), None);
        let landed = Seen {
            request: Request::Landed,
            ..seen(StepJob::PutOff, "a")
        };
        assert_eq!(at(&landed), Some(Drift::LandedByOthers));
        assert_eq!(at(&closed("c", StepJob::PutOff)), moved);
    }

    #[test]
    fn move_answers_only_what_its_author_could_see() {
        let moved = IssueMove {
            position: 7,
            issue: IssueId::new("1").unwrap(),
            state: TrackerState::Approved,
            actor: "ann".to_owned(),
            at_ms: 1_000,
            is_past: false,
        };
        let at = |shown, now| answers(&moved, shown, now);
        assert_eq!(at(Shown::Since(6), 2_000), Answers::Yes);
        // Moved before the question stood there, whatever the clocks of host and tracker say.
        assert_eq!(at(Shown::Since(7), 2_000), Answers::No);
        assert_eq!(at(Shown::Since(9), 0), Answers::No);
        assert_eq!(at(Shown::OnItsWay, 2_000), Answers::NotYet);
        // A tracker that cannot be told holds nobody else's moves up for long.
        assert_eq!(at(Shown::OnItsWay, 1_000 + UNSEEN_MS), Answers::No);
        assert_eq!(at(Shown::Never, 2_000), Answers::No);
    }

    #[test]
    fn moves_of_the_host_and_overtaken_ones_ask_nothing() {
        let of = |actor: &str, state, is_past| IssueMove {
            position: 1,
            issue: IssueId::new("1").unwrap(),
            state,
            actor: actor.to_owned(),
            at_ms: 0,
            is_past,
        };
        let active = task(Stage::Review, Status::Active);
        for state in TrackerState::ALL {
            assert_eq!(
                asked(&active, &of(HOST_ACTOR, state, false)),
                Asked::Nothing
            );
            assert_eq!(asked(&active, &of("ann", state, true)), Asked::Nothing);
        }
        let by_ann = |task: &Task, state| asked(task, &of("ann", state, false));
        assert_eq!(by_ann(&active, TrackerState::Stopped), Asked::Stop);
        assert_eq!(by_ann(&active, TrackerState::Approved), Asked::Approve);
        assert_eq!(by_ann(&active, TrackerState::InProgress), Asked::PutBack);
        assert_eq!(by_ann(&active, TrackerState::Done), Asked::PutBack);
        let [_, needs_input, blocked, _] = standing();
        for status in [needs_input, blocked] {
            let task = task(Stage::Review, status);
            assert_eq!(by_ann(&task, TrackerState::InProgress), Asked::Resume);
        }
    }
}
