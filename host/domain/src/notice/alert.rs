//! Which notices stay until a person has acknowledged them, and which of them are the same thing once more?

use super::{Missed, Notice, NoticeKind, Subject};
use crate::id::RepoName;
use crate::words::words;

words! {
    "kind of notice":
    /// What a notice is, without its data.
    #[expect(missing_docs, reason = "each is the kind of notice of that name")]
    pub enum NoticeName {
        Blocked = "blocked",
        InputNeeded = "input-needed",
        ApprovalNeeded = "approval-needed",
        Done = "done",
        ResultLost = "result-lost",
        SecretFound = "secret-found",
        Quarantined = "quarantined",
        GateUnfit = "gate-unfit",
        LeaseReclaimed = "lease-reclaimed",
        TransitionReleased = "transition-released",
        ReaperHeld = "reaper-held",
        CrashLoop = "crash-loop",
        StopFails = "stop-fails",
        LaunchRefused = "launch-refused",
        MadeGood = "made-good",
        BudgetNearlySpent = "budget-nearly-spent",
        Degraded = "degraded",
        HealthUnknown = "health-unknown",
        RolledBack = "rolled-back",
        SourceFails = "source-fails",
        WebhookFails = "webhook-fails",
        Undelivered = "undelivered",
        LanePaused = "lane-paused",
        TaskPanicked = "task-panicked",
        Unanswered = "unanswered",
        Earlier = "earlier",
    }
}

impl NoticeName {
    /// Those that are settled once their task does not wait for a person any more: whoever moved it on has seen them.
    pub const OF_STANDING_TASKS: [Self; 4] = [
        Self::Blocked,
        Self::InputNeeded,
        Self::ApprovalNeeded,
        Self::Earlier,
    ];
}

impl Notice {
    /// Whether it is kept until a person acknowledges it. Only good news is not.
    pub fn is_alert(&self) -> bool {
        // That nobody acts on an alert is no other alert.
        !matches!(self.kind, NoticeKind::Unanswered { .. })
            && (self.kind.level() > super::Level::News || self.kind.needs_person())
    }

    /// The repository that it is about, if it is about one.
    pub fn repo(&self) -> Option<&RepoName> {
        match (&self.subject, &self.kind) {
            (Subject::Task { repo, .. }, _)
            | (Subject::Host, NoticeKind::LanePaused { repo, .. }) => Some(repo),
            (Subject::Host, _) => None,
        }
    }
}

impl NoticeKind {
    /// What it is, without its data.
    pub fn word(&self) -> NoticeName {
        match self {
            Self::Blocked { .. } => NoticeName::Blocked,
            Self::InputNeeded { .. } => NoticeName::InputNeeded,
            Self::ApprovalNeeded { .. } => NoticeName::ApprovalNeeded,
            Self::Done => NoticeName::Done,
            Self::ResultLost { .. } => NoticeName::ResultLost,
            Self::SecretFound { .. } => NoticeName::SecretFound,
            Self::Quarantined { .. } => NoticeName::Quarantined,
            Self::GateUnfit { .. } => NoticeName::GateUnfit,
            Self::LeaseReclaimed { .. } => NoticeName::LeaseReclaimed,
            Self::TransitionReleased { .. } => NoticeName::TransitionReleased,
            Self::ReaperHeld { .. } => NoticeName::ReaperHeld,
            Self::CrashLoop { .. } => NoticeName::CrashLoop,
            Self::StopFails { .. } => NoticeName::StopFails,
            Self::LaunchRefused { .. } => NoticeName::LaunchRefused,
            Self::MadeGood { .. } => NoticeName::MadeGood,
            Self::BudgetNearlySpent { .. } => NoticeName::BudgetNearlySpent,
            Self::Degraded { .. } => NoticeName::Degraded,
            Self::HealthUnknown { .. } => NoticeName::HealthUnknown,
            Self::RolledBack { .. } => NoticeName::RolledBack,
            Self::SourceFails { .. } => NoticeName::SourceFails,
            Self::WebhookFails { .. } => NoticeName::WebhookFails,
            Self::Undelivered { .. } => NoticeName::Undelivered,
            Self::LanePaused { .. } => NoticeName::LanePaused,
            Self::TaskPanicked { .. } => NoticeName::TaskPanicked,
            Self::Unanswered { .. } => NoticeName::Unanswered,
            Self::Earlier { .. } => NoticeName::Earlier,
        }
    }

    /// What tells it from another one of its kind and subject: two that agree in it are the same thing once more, and
    /// counts, times and words in which they differ are not news.
    pub fn about(&self) -> String {
        match self {
            Self::Blocked { reason, .. } => reason.to_string(),
            Self::InputNeeded { stage, .. } => stage.to_string(),
            Self::ApprovalNeeded { step, .. } => step.clone(),
            Self::ResultLost { role, fault, .. } => format!("{role}:{fault}"),
            Self::SecretFound { gate, commit } => format!("{gate}:{commit}"),
            Self::Quarantined { gate, digest, .. } => format!("{gate}:{digest}"),
            Self::GateUnfit { gate, .. } => gate.clone(),
            Self::LeaseReclaimed { lease, .. } => lease.clone(),
            Self::TransitionReleased { kind, .. } | Self::CrashLoop { kind, .. } => {
                kind.to_string()
            }
            Self::LaunchRefused { of, check, .. } => format!("{of}:{check}"),
            Self::MadeGood { missed } => match missed {
                Missed::JobLost => "job-lost".to_owned(),
                Missed::BranchMoved { .. } => "branch-moved".to_owned(),
                Missed::IssueMoved { asked, .. } => asked.to_string(),
            },
            Self::BudgetNearlySpent { budget, .. } => match budget {
                super::Budget::Task => "task".to_owned(),
                super::Budget::Day => "day".to_owned(),
            },
            Self::Degraded { commit, .. }
            | Self::HealthUnknown { commit, .. }
            | Self::RolledBack { from: commit, .. } => commit.to_string(),
            Self::SourceFails { source, .. } => source.clone(),
            Self::WebhookFails { webhook, of, .. } => format!("{webhook}:{of}"),
            Self::Undelivered { destination, .. } => destination.to_string(),
            Self::LanePaused { scope, .. } => scope.clone(),
            Self::TaskPanicked { task, .. } => task.clone(),
            Self::Unanswered { step, what, .. } => format!("{step}:{}", what.about()),
            Self::Earlier { text } => text.clone(),
            Self::Done | Self::ReaperHeld { .. } | Self::StopFails { .. } => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;
    use crate::task::BlockReason;

    fn notice(kind: NoticeKind) -> Notice {
        Notice {
            subject: Subject::Host,
            at_ms: 1,
            kind,
        }
    }

    fn blocked(reason: BlockReason, detail: &str) -> NoticeKind {
        NoticeKind::Blocked {
            stage: Stage::Review,
            reason,
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn all_but_good_news_is_kept_until_it_is_acknowledged() {
        assert!(!notice(NoticeKind::Done).is_alert());
        let asked = NoticeKind::ApprovalNeeded {
            stage: Stage::Deploy,
            step: "approval".to_owned(),
        };
        assert!(notice(asked).is_alert(), "a person has to act");
        assert!(notice(blocked(BlockReason::Config, "x")).is_alert());
        let held = NoticeKind::ReaperHeld {
            dead: 2,
            running: 3,
        };
        assert!(notice(held).is_alert(), "a warning is not to be missed");
    }

    #[test]
    fn same_thing_in_other_words_is_the_same_and_another_reason_is_not() {
        let first = blocked(BlockReason::Config, "line 3");
        assert_eq!(
            first.about(),
            blocked(BlockReason::Config, "line 4").about()
        );
        assert_ne!(
            first.about(),
            blocked(BlockReason::CrashLoop, "line 3").about()
        );
    }
}
