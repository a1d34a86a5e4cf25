//! What can a person do about a task that waits for one? Computed from its state, so that what is said can be carried
//! out as it stands, and leads on.

use crate::pipeline::{HostWork, Pipeline, Step};
use crate::stage::Stage;
use crate::task::{BlockReason, Status, Task};
use crate::words::words;

/// Something that a person can do about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// What has to be done outside before, if anything.
    pub first: Option<First>,
    /// What the host is asked for then.
    pub ask: Ask,
}

words! {
    "thing to do":
    /// What has to be done outside of the host before it is asked.
    pub enum First {
        /// What the block names is mended: configuration, tools, credentials, disk.
        Mend = "mend",
        /// The request is made clearer.
        MendRequest = "mend-request",
        /// The branch is pushed back to the task's head.
        PushBranch = "push-branch",
        /// Whoever closed the pull request opens it again.
        ReopenPullRequest = "reopen-pull-request",
        /// Whoever aimed the pull request at another base aims it back.
        AimPullRequestBack = "aim-pull-request-back",
        /// The branch is moved back to the task's head, or removed if the task has none.
        MoveBranchBack = "move-branch-back",
        /// What landed unjudged is looked at, and taken out of the base if it should not be there.
        LookAtBase = "look-at-base",
        /// Somebody looks how far the deploy came.
        LookAtProduction = "look-at-production",
    }
}

/// What a person asks the host for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To take what was done.
    Approve,
    /// To go on.
    Resume {
        /// At this stage; where it stands if none.
        stage: Option<Stage>,
        /// With further rework rounds.
        rounds: u32,
    },
    /// To move the task's own commits onto the base, which was rewritten, and to have them judged anew.
    Rebase,
    /// To give the task up.
    Stop,
}

/// What a person can do about `task`, the likeliest first; nothing if it waits for nobody.
pub fn remedies(task: &Task, pipeline: &Pipeline) -> Vec<Remedy> {
    let resume = |stage, rounds| Ask::Resume { stage, rounds };
    let (first, ask) = match &task.status {
        Status::Waiting { .. } if asks_person(task, pipeline) => (None, Ask::Approve),
        Status::Active | Status::Waiting { .. } | Status::Stopping | Status::Ended => {
            return Vec::new();
        }
        Status::AwaitingApproval { .. } => (None, Ask::Approve),
        Status::NeedsInput { .. } => (
            Some(First::MendRequest),
            resume(Some(asked_again(task, pipeline)), 0),
        ),
        Status::Blocked { reason, .. } => match reason {
            BlockReason::ReworkExhausted => (None, resume(reached(task, Stage::Development), 1)),
            // What was taken out is below the change, and work on top of it would bring it back.
            BlockReason::BaseRewritten => (None, Ask::Rebase),
            BlockReason::BranchMoved => (Some(First::MoveBranchBack), resume(None, 0)),
            BlockReason::BranchGone => (Some(First::PushBranch), resume(None, 0)),
            BlockReason::Retargeted => (Some(First::AimPullRequestBack), resume(None, 0)),
            BlockReason::PullRequestClosed => (Some(First::ReopenPullRequest), resume(None, 0)),
            // What landed cannot land: the host has nothing more to do about it.
            BlockReason::LandedByOthers => {
                return vec![Remedy {
                    first: Some(First::LookAtBase),
                    ask: Ask::Stop,
                }];
            }
            BlockReason::Unknown => (Some(First::LookAtProduction), resume(None, 0)),
            BlockReason::Dependency | BlockReason::WaitDeadline => (None, resume(None, 0)),
            BlockReason::InfraExhausted
            | BlockReason::Inconclusive
            | BlockReason::RunBlocked
            | BlockReason::Config
            | BlockReason::BaseRed
            | BlockReason::CiUnable
            | BlockReason::CrashLoop => (Some(First::Mend), resume(None, 0)),
        },
    };
    vec![Remedy { first, ask }, Remedy::of(Ask::Stop)]
}

impl Remedy {
    /// Nothing has to be done outside for it.
    fn of(ask: Ask) -> Self {
        Self { first: None, ask }
    }
}

/// Whether the task waits at a gate that waits for a person.
pub fn asks_person(task: &Task, pipeline: &Pipeline) -> bool {
    match (&task.status, pipeline.step(task.stage, task.step)) {
        (Status::Waiting { .. }, Some(Step::Gate(id))) => {
            pipeline.entry(id).is_some_and(|entry| entry.awaits_person)
        }
        _ => false,
    }
}

/// A stage to go back to, if the task has come as far.
fn reached(task: &Task, stage: Stage) -> Option<Stage> {
    (task.stage > stage && task.stage < Stage::Deploy).then_some(stage)
}

/// The stage whose role works on the request again.
fn asked_again(task: &Task, pipeline: &Pipeline) -> Stage {
    let entry = match pipeline.step(task.stage, task.step) {
        Some(Step::Gate(id)) => pipeline.entry(id),
        Some(Step::Run(_) | Step::Work(_) | Step::Approval) | None => None,
    };
    pipeline.fallback(task.stage, entry)
}

/// Where a task goes on that is resumed where it stands. A gate that judges what the host did just before it would
/// find the same again, so that work is repeated; what may happen only once is not.
pub(crate) fn resumed_at(task: &Task, pipeline: &Pipeline) -> u32 {
    let Some(Step::Gate(_)) = pipeline.step(task.stage, task.step) else {
        return task.step;
    };
    let before = task
        .step
        .checked_sub(1)
        .and_then(|at| Some((at, pipeline.step(task.stage, at)?)));
    match before {
        Some((at, Step::Work(HostWork::Staging | HostWork::MergePrepare))) => at,
        Some((_, Step::Work(HostWork::Land | HostWork::Deploy)))
        | Some((_, Step::Run(_) | Step::Gate(_) | Step::Approval))
        | None => task.step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{RepoName, TaskId, WorkItem};
    use crate::transition::{Chance, Event, Transition, transition};

    fn task(stage: Stage, step: u32, status: Status) -> Task {
        let item = WorkItem::new("SHOP-1").unwrap();
        let repo = RepoName::new("shop").unwrap();
        Task {
            stage,
            step,
            status,
            ..Task::new(TaskId(1), item, repo, "Discount".to_owned(), 3)
        }
    }

    fn event(ask: Ask) -> Event {
        let by = "ann".to_owned();
        match ask {
            Ask::Approve => Event::Approved { by },
            Ask::Stop => Event::StopRequested { by },
            Ask::Resume { stage, rounds } => Event::Resumed {
                stage,
                rounds,
                rebase: false,
                by,
            },
            Ask::Rebase => Event::Resumed {
                stage: None,
                rounds: 0,
                rebase: true,
                by,
            },
        }
    }

    fn stuck() -> Vec<Status> {
        let detail = || "d".to_owned();
        let blocked = BlockReason::ALL.map(|reason| Status::Blocked {
            reason,
            detail: detail(),
        });
        let mut list = blocked.to_vec();
        list.push(Status::NeedsInput { detail: detail() });
        list
    }

    /// Every state in which a task can wait for a person, at every step.
    fn waiting(pipeline: &Pipeline) -> Vec<Task> {
        let mut list = Vec::new();
        for stage in Stage::ALL {
            for (step, what) in (0..).zip(pipeline.steps(stage)) {
                let mut states = stuck();
                // Only what comes before development asks for a clearer request.
                states.retain(|s| {
                    !matches!(s, Status::NeedsInput { .. }) || stage < Stage::Development
                });
                if *what == Step::Approval {
                    states.push(Status::AwaitingApproval { since_ms: 0 });
                }
                list.extend(states.into_iter().map(|status| task(stage, step, status)));
            }
        }
        list
    }

    #[test]
    fn every_remedy_is_taken_by_the_task_that_it_is_offered_to() {
        let pipeline = Pipeline::default();
        for task in waiting(&pipeline) {
            let offered = remedies(&task, &pipeline);
            assert!(!offered.is_empty(), "{task:?}");
            for remedy in offered {
                let moved = transition(&task, &pipeline, &event(remedy.ask), 1, Chance(0.5));
                let Transition::Applied { task: after, .. } = moved else {
                    panic!("{remedy:?} is refused at {task:?}: {moved:?}");
                };
                assert_ne!(after.status, task.status, "{remedy:?}");
            }
        }
    }

    #[test]
    fn task_that_waits_for_nobody_is_offered_nothing() {
        let pipeline = Pipeline::default();
        for status in [Status::Active, Status::Stopping, Status::Ended] {
            let task = task(Stage::Review, 0, status);
            assert_eq!(remedies(&task, &pipeline), []);
        }
    }

    #[test]
    fn resume_repeats_the_work_that_a_gate_judges_and_never_what_may_happen_once() {
        let pipeline = Pipeline::default();
        for stage in Stage::ALL {
            for (step, what) in (0..).zip(pipeline.steps(stage)) {
                let at = resumed_at(&task(stage, step, Status::Active), &pipeline);
                let repeated = pipeline.step(stage, at).unwrap();
                match (what, repeated) {
                    (_, same) if same == what => assert_eq!(at, step),
                    (Step::Gate(_), Step::Work(HostWork::Staging | HostWork::MergePrepare)) => {
                        assert_eq!(at + 1, step);
                    }
                    other => panic!("{stage} {step}: {other:?}"),
                }
            }
        }
    }
}
