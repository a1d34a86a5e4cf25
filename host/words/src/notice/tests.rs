//! What people read of every kind of notice.

use orch_domain::id::{DoorName, JobId, ObjectId, RepoName, TaskId, WorkItem};
use orch_domain::outcome::ResultFault;
use orch_domain::stage::{Role, Stage};
use orch_domain::task::BlockReason;

use orch_domain::notice::PersonAsked;

use super::*;

fn of_task(kind: NoticeKind) -> String {
    let subject = Subject::Task {
        id: TaskId(3),
        work_item: WorkItem::new("SHOP-1").unwrap(),
        repo: RepoName::new("shop").unwrap(),
    };
    let notice = Notice {
        subject,
        at_ms: 0,
        kind,
    };
    text(&notice)
}

fn of_host(kind: NoticeKind) -> String {
    let notice = Notice {
        subject: Subject::Host,
        at_ms: 0,
        kind,
    };
    text(&notice)
}

fn rolled_back(end: RollbackEnd) -> NoticeKind {
    let commit = ObjectId::new("a".repeat(40)).unwrap();
    NoticeKind::RolledBack {
        repo: RepoName::new("shop").unwrap(),
        from: commit.clone(),
        to: Some(commit),
        end,
        detail: String::new(),
    }
}

#[test]
fn notice_says_what_it_is_about_and_what_happened() {
    let detail = || "the wheel came off".to_owned();
    let commit = || ObjectId::new("a".repeat(40)).unwrap();
    let stage = Stage::Review;
    let lost = |why| NoticeKind::LeaseReclaimed {
        lease: "merge:shop".to_owned(),
        holder: TaskId(3),
        why,
    };
    let made_good = |missed| NoticeKind::MadeGood { missed };
    let said = [
        of_task(NoticeKind::Blocked {
            stage,
            reason: BlockReason::Config,
            detail: detail(),
        }),
        of_task(NoticeKind::InputNeeded { stage, failures: 3 }),
        of_task(NoticeKind::ApprovalNeeded {
            stage: Stage::DeployStaging,
            step: "approval".to_owned(),
        }),
        of_task(NoticeKind::Done),
        of_task(NoticeKind::ResultLost {
            role: Role::Reviewer,
            stage,
            fault: ResultFault::LogEmpty,
            detail: detail(),
        }),
        of_task(NoticeKind::SecretFound {
            gate: "security".to_owned(),
            commit: commit(),
        }),
        of_host(NoticeKind::Quarantined {
            gate: "review".to_owned(),
            digest: "0123456789ab".to_owned(),
            reason: detail(),
        }),
        of_host(NoticeKind::GateUnfit {
            gate: "review".to_owned(),
            error: detail(),
            is_retried: true,
        }),
        of_host(NoticeKind::GateUnfit {
            gate: "review".to_owned(),
            error: detail(),
            is_retried: false,
        }),
        of_task(lost(LeaseLoss::Expired)),
        of_task(lost(LeaseLoss::HolderIdle)),
        of_task(lost(LeaseLoss::TakenOver { by: TaskId(4) })),
        of_task(lost(LeaseLoss::FreedByPerson)),
        of_task(NoticeKind::TransitionReleased {
            job: JobId(7),
            kind: JobKind::Gate,
        }),
        of_host(NoticeKind::ReaperHeld {
            dead: 3,
            running: 4,
        }),
        of_task(NoticeKind::CrashLoop {
            job: JobId(7),
            kind: JobKind::Monitor,
            crashes: 5,
        }),
        of_task(NoticeKind::StopFails { error: detail() }),
        of_host(NoticeKind::LaunchRefused {
            of: "claude".to_owned(),
            check: "login".to_owned(),
            reason: "agent `claude` cannot start: it is logged out".to_owned(),
        }),
        of_task(made_good(Missed::JobLost)),
        of_task(made_good(Missed::BranchMoved { head: commit() })),
        of_task(made_good(Missed::IssueMoved {
            asked: PersonAsked::Approval,
            by: "ann".to_owned(),
        })),
        of_task(NoticeKind::BudgetNearlySpent {
            budget: Budget::Task,
            charged_cents: 805,
            limit_cents: 1000,
        }),
        of_host(NoticeKind::BudgetNearlySpent {
            budget: Budget::Day,
            charged_cents: 8,
            limit_cents: 10,
        }),
        of_task(NoticeKind::Degraded {
            commit: commit(),
            findings: detail(),
        }),
        of_task(NoticeKind::HealthUnknown {
            commit: commit(),
            reason: detail(),
        }),
        of_task(rolled_back(RollbackEnd::Serves)),
        of_task(rolled_back(RollbackEnd::NothingHealthy)),
        of_task(NoticeKind::Undelivered {
            destination: Destination::Tracker(DoorName::new("plane").unwrap()),
            message: Some(MessageKind::IssueState),
            tries: 300,
            error: detail(),
        }),
        of_host(NoticeKind::SourceFails {
            source: "repository `shop`".to_owned(),
            error: "repository `shop` does not answer: the wheel came off".to_owned(),
            is_credential: false,
        }),
        of_host(NoticeKind::WebhookFails {
            webhook: DoorName::new("gitea").unwrap(),
            of: "repository `shop`".to_owned(),
            fault: WebhookFault::Off,
        }),
        of_host(NoticeKind::WebhookFails {
            webhook: DoorName::new("gitea").unwrap(),
            of: "repository `shop`".to_owned(),
            fault: WebhookFault::Silent {
                acts: 4,
                since_ms: None,
            },
        }),
        of_host(NoticeKind::TaskPanicked {
            task: "reaper".to_owned(),
            reason: detail(),
        }),
        of_task(NoticeKind::Earlier {
            text: "SHOP-1: as it was told before".to_owned(),
        }),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    SHOP-1 is blocked at `review` (config): the wheel came off
    SHOP-1: `review` failed 3 times; input is needed
    SHOP-1 waits for an approval: `approval` at `deploy-staging`
    SHOP-1 is done
    SHOP-1: the run of `reviewer` at `review` left no result: log_empty: the wheel came off
    SHOP-1: gate `security` found a secret on the branch; rotate this key, it has been in the repository (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)
    gate `review` 0123456789ab is quarantined: the wheel came off; `orch gate release review` lifts it
    gate `review` is not in force: the wheel came off; it is tried again until it works
    gate `review` is not in force: the wheel came off; drop a file that can be used
    SHOP-1: lease `merge:shop` of task 3 was reclaimed: it was not renewed in time
    SHOP-1: lease `merge:shop` of task 3 was reclaimed: its task is not at work
    SHOP-1: lease `merge:shop` of task 3 was reclaimed: it was not renewed in time, and task 4 holds it now
    SHOP-1: lease `merge:shop` of task 3 was reclaimed: a person freed it
    SHOP-1: the transition was released by a person: job 7 (gate) starts again
    3 of 4 running jobs look dead at once; they are checked again before anything is done
    SHOP-1: job 7 (monitor) took its host or handler down 5 times; the host's log says how
    SHOP-1: the stop keeps failing and is tried again: the wheel came off
    agent `claude` cannot start: it is logged out
    SHOP-1: its current step had no job; it starts again
    SHOP-1: its branch was moved to aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa from outside
    SHOP-1: approval by ann was found in the tracker; its notice never came
    SHOP-1: 8.05 of its 10.00 USD are spent
    0.08 of today's 0.10 USD are spent
    SHOP-1: production is degraded after aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    the wheel came off
    SHOP-1: the state of production after aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is unknown: the wheel came off
    SHOP-1: production was put back from aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa to aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa and serves again; deploys of `shop` are held until a revert of it has landed, or `orch unpause deploy:shop --reason WHY`
    SHOP-1: production is degraded after aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, and nothing was seen healthy before it to go back to: look at it
    SHOP-1: the state of the issue could not be delivered to tracker `plane` after 300 tries: the wheel came off
    repository `shop` does not answer: the wheel came off; tasks wait and go on by themselves
    webhook `gitea` of repository `shop` is switched off there; `orch webhook register gitea` mends it; until then the host looks by itself
    webhook `gitea` of repository `shop` has never told anything while the host itself did 4 things there: it is off, or what it sends does not arrive; look at its latest deliveries there; until then the host looks by itself
    background task `reaper` panicked and is started again: the wheel came off
    SHOP-1: as it was told before
    ");
}

#[test]
fn what_nobody_acts_on_is_told_with_what_it_is_and_for_how_long() {
    let blocked = NoticeKind::Blocked {
        stage: Stage::Review,
        reason: BlockReason::Config,
        detail: "the wheel came off".to_owned(),
    };
    let again = |step| {
        let what = Box::new(blocked.clone());
        of_task(NoticeKind::Unanswered {
            step,
            for_s: 14_520,
            what,
        })
    };
    let first = "for nobody has acted on it for 4 h 2 min: SHOP-1 is blocked at `review` (config): the wheel came off";
    assert_eq!(again(Escalation::Reminder), format!("reminder, {first}"));
    assert_eq!(again(Escalation::Second), format!("escalated, {first}"));
}
