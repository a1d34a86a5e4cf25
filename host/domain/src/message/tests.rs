//! Claims about messages: what is stored reads back as the same, and what is not known is refused.

use super::*;
use crate::id::{EntryId, IssueId};
use crate::notice::{
    Budget, Escalation, LeaseLoss, Missed, NoticeKind, PersonAsked, Subject, WebhookFault,
};
use crate::outcome::ResultFault;
use crate::release::RollbackEnd;
use crate::review::Noted;
use crate::stage::Role;
use crate::task::BlockReason;
use crate::verdict::Severity;
use crate::{id::JobId, job::JobKind};

fn sha() -> ObjectId {
    ObjectId::new("a".repeat(40)).unwrap()
}

fn repo() -> RepoName {
    RepoName::new("shop").unwrap()
}

fn kinds_of_notices() -> Vec<NoticeKind> {
    let text = || "what happened".to_owned();
    let (stage, role, head) = (Stage::Review, Role::Reviewer, sha());
    let lost = |why| NoticeKind::LeaseReclaimed {
        lease: "merge:shop".to_owned(),
        holder: TaskId(3),
        why,
    };
    let missed = |missed| NoticeKind::MadeGood { missed };
    vec![
        NoticeKind::Blocked {
            stage,
            reason: BlockReason::Config,
            detail: text(),
        },
        NoticeKind::InputNeeded { stage, failures: 3 },
        NoticeKind::ApprovalNeeded {
            stage,
            step: "approval".to_owned(),
        },
        NoticeKind::Done,
        NoticeKind::ResultLost {
            role,
            stage,
            fault: ResultFault::LogEmpty,
            detail: text(),
        },
        NoticeKind::SecretFound {
            gate: "security".to_owned(),
            commit: sha(),
        },
        NoticeKind::Quarantined {
            gate: "review".to_owned(),
            digest: "ab".to_owned(),
            reason: text(),
        },
        NoticeKind::GateUnfit {
            gate: "review".to_owned(),
            error: text(),
            is_retried: true,
        },
        lost(LeaseLoss::Expired),
        lost(LeaseLoss::HolderIdle),
        lost(LeaseLoss::TakenOver { by: TaskId(4) }),
        lost(LeaseLoss::FreedByPerson),
        NoticeKind::TransitionReleased {
            job: JobId(7),
            kind: JobKind::Gate,
        },
        NoticeKind::ReaperHeld {
            dead: 3,
            running: 4,
        },
        NoticeKind::CrashLoop {
            job: JobId(7),
            kind: JobKind::Monitor,
            crashes: 5,
        },
        NoticeKind::StopFails { error: text() },
        NoticeKind::LaunchRefused {
            of: "claude".to_owned(),
            check: "login".to_owned(),
            reason: text(),
        },
        missed(Missed::JobLost),
        missed(Missed::BranchMoved { head }),
        missed(Missed::IssueMoved {
            asked: PersonAsked::Stop,
            by: "ann".to_owned(),
        }),
        NoticeKind::BudgetNearlySpent {
            budget: Budget::Day,
            charged_cents: 810,
            limit_cents: 1000,
        },
        NoticeKind::Degraded {
            commit: sha(),
            findings: text(),
        },
        NoticeKind::HealthUnknown {
            commit: sha(),
            reason: text(),
        },
        NoticeKind::RolledBack {
            repo: repo(),
            from: sha(),
            to: Some(sha()),
            end: RollbackEnd::Serves,
            detail: text(),
        },
        NoticeKind::Undelivered {
            destination: Destination::Forge(repo()),
            message: Some(MessageKind::PostStatus),
            tries: 300,
            error: text(),
        },
        NoticeKind::WebhookFails {
            webhook: DoorName::new("gitea").unwrap(),
            of: "repository `shop`".to_owned(),
            fault: WebhookFault::Silent {
                acts: 3,
                since_ms: Some(5),
            },
        },
        NoticeKind::SourceFails {
            source: "repository `shop`".to_owned(),
            error: text(),
            is_credential: true,
        },
        NoticeKind::TaskPanicked {
            task: "reaper".to_owned(),
            reason: text(),
        },
        NoticeKind::Unanswered {
            step: Escalation::Second,
            for_s: 7,
            what: Box::new(NoticeKind::Done),
        },
        NoticeKind::Earlier { text: text() },
    ]
}

fn progress() -> crate::notice::Progress {
    crate::notice::Progress {
        task: TaskId(3),
        work_item: WorkItem::new("SHOP-1").unwrap(),
        repo: repo(),
        title: "Discount".to_owned(),
        stage: Stage::Review,
        status: "active".to_owned(),
        at_ms: 5,
    }
}

/// A message of every kind, and a notice of every kind.
fn messages() -> Vec<Message> {
    let to = DoorName::new("log").unwrap();
    let subject = Subject::Task {
        id: TaskId(3),
        work_item: WorkItem::new("SHOP-1").unwrap(),
        repo: repo(),
    };
    let at = IssueAt {
        tracker: DoorName::new("local").unwrap(),
        issue: IssueId::new("3").unwrap(),
    };
    let remark = |remark| Message::Comment {
        at: at.clone(),
        voice: Voice::Role(Role::Developer),
        remark,
    };
    let status = |note| Message::PostStatus {
        repo: repo(),
        commit: sha(),
        context: "orch/ci".to_owned(),
        state: CheckState::Pending,
        note,
    };
    let mut list = vec![
        Message::IssueState {
            at: at.clone(),
            state: TrackerState::ConfirmDeploy,
        },
        remark(Remark::Rework {
            to: Stage::Development,
            round: 1,
            rounds_max: 3,
            findings: "x\n\"y\"".to_owned(),
        }),
        remark(Remark::BranchMoved { head: sha() }),
        remark(Remark::Rebased {
            head: sha(),
            onto: sha(),
        }),
        remark(Remark::ApprovalVoid {
            why: "the hook is another one".to_owned(),
        }),
        remark(Remark::NotBegun {
            why: "no".to_owned(),
        }),
        remark(Remark::MoveRefused {
            state: TrackerState::Done,
            by: "bob".to_owned(),
            why: "no".to_owned(),
        }),
        Message::OpenPullRequest {
            repo: repo(),
            request: NewPullRequest {
                task: TaskId(3),
                branch: "orch/SHOP-1-3".to_owned(),
                base: "main".to_owned(),
                title: "SHOP-1: Discount".to_owned(),
            },
        },
        Message::MarkMerged {
            repo: repo(),
            branch: "orch/SHOP-1-3".to_owned(),
            commit: sha(),
        },
        Message::DescribePullRequest {
            repo: repo(),
            branch: "orch/SHOP-1-3".to_owned(),
            progress: progress(),
            rounds: (1, 3),
        },
        Message::ClosePullRequest {
            repo: repo(),
            branch: "orch/SHOP-1-3".to_owned(),
        },
        Message::Review {
            repo: repo(),
            review: RoundReview {
                branch: "orch/SHOP-1-3".to_owned(),
                commit: sha(),
                round: 2,
                findings: vec![Noted {
                    entry: EntryId::new("security").unwrap(),
                    rule: "secret/key".to_owned(),
                    severity: Severity::Critical,
                    blocking: true,
                    message: "a key".to_owned(),
                    help: None,
                    path: Some("a.rs".to_owned()),
                    line: Some(3),
                }],
                left_out: 1,
            },
        },
        status(StatusNote::Queued),
        status(StatusNote::AskedAgain { time: 2 }),
        status(StatusNote::Ended { exit_code: -1 }),
        Message::Announcement {
            notice: Notice {
                subject: Subject::Host,
                at_ms: 5,
                kind: NoticeKind::Done,
            },
        },
        Message::Progress {
            to: to.clone(),
            progress: progress(),
        },
        Message::RemoveWorkspace {
            task: TaskId(3),
            work_item: WorkItem::new("SHOP-1").unwrap(),
            repo: repo(),
        },
    ];
    list.extend(
        kinds_of_notices()
            .into_iter()
            .enumerate()
            .map(|(index, kind)| {
                let subject = if index % 2 == 0 {
                    subject.clone()
                } else {
                    Subject::Host
                };
                let notice = Notice {
                    subject,
                    at_ms: 5,
                    kind,
                };
                Message::Notice {
                    to: to.clone(),
                    notice,
                    prompt: (index == 0).then_some(crate::prompt::PromptId(9)),
                }
            }),
    );
    list
}

#[test]
fn what_is_stored_reads_back_as_the_same_message() {
    for message in messages() {
        let text = serde_json::to_string(&message).unwrap();
        let back: Message = serde_json::from_str(&text).unwrap();
        assert_eq!(back, message, "{text}");
        // The kind that a row shows is the one that its content begins with.
        assert!(
            text.starts_with(&format!("{{\"{}\":", message.kind().as_str())),
            "{text}"
        );
    }
}

#[test]
fn notice_is_stored_under_its_own_name() {
    for kind in kinds_of_notices() {
        let text = serde_json::to_string(&kind).unwrap();
        assert!(text.contains(&format!("\"{}\"", kind.name())), "{text}");
    }
}

#[test]
fn what_is_not_known_is_refused_when_it_is_read() {
    let good = serde_json::to_string(&messages()[0]).unwrap();
    for (from, to) in [
        ("issue-state", "issue-status"),
        ("confirm-deploy", "confirmed"),
        ("\"local\"", "\"lo cal\""),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        let error = serde_json::from_str::<Message>(&bad)
            .unwrap_err()
            .to_string();
        assert!(error.contains(to.trim_matches('"')), "{error}");
    }
}

#[test]
fn destination_reads_back_as_the_same_and_others_are_refused() {
    for message in messages() {
        let destination = message.destination();
        assert_eq!(destination.to_string().parse(), Ok(destination));
    }
    for bad in ["", "forge", "forge:", "forge:a/b", "mail:ann", "Host"] {
        assert!(bad.parse::<Destination>().is_err(), "{bad}");
    }
}

#[test]
fn names_of_kinds_read_back_as_the_same_kind() {
    for kind in MessageKind::ALL {
        assert_eq!(MessageKind::parse(kind.as_str()), Some(kind));
        assert!(messages().iter().any(|m| m.kind() == kind), "{kind:?}");
    }
}
