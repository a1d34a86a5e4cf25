//! What a notice says.

use orch_domain::id::{ObjectId, RepoName};
use orch_domain::job::JobKind;
use orch_domain::message::{Destination, MessageKind};
use orch_domain::notice::{
    Budget, Escalation, LeaseLoss, Missed, Notice, NoticeKind, Subject, WebhookFault,
};
use orch_domain::release::RollbackEnd;

/// The notice as plain text: one line, and below it what a gate or program said where there is more to say.
pub fn text(notice: &Notice) -> String {
    let what = what(&notice.kind);
    match &notice.subject {
        Subject::Host => what,
        // Reads as one sentence: the work item is what it is about.
        Subject::Task { work_item, .. } => match &notice.kind {
            NoticeKind::Blocked { .. } | NoticeKind::ApprovalNeeded { .. } | NoticeKind::Done => {
                format!("{work_item} {what}")
            }
            // Says by itself what it is about.
            NoticeKind::Earlier { .. } => what,
            NoticeKind::Unanswered { step, for_s, what } => {
                let subject = notice.subject.clone();
                let (at_ms, kind) = (notice.at_ms, (**what).clone());
                let first = text(&Notice {
                    subject,
                    at_ms,
                    kind,
                });
                unanswered(*step, *for_s, &first)
            }
            NoticeKind::InputNeeded { .. }
            | NoticeKind::ResultLost { .. }
            | NoticeKind::SecretFound { .. }
            | NoticeKind::Quarantined { .. }
            | NoticeKind::GateUnfit { .. }
            | NoticeKind::LeaseReclaimed { .. }
            | NoticeKind::TransitionReleased { .. }
            | NoticeKind::ReaperHeld { .. }
            | NoticeKind::CrashLoop { .. }
            | NoticeKind::StopFails { .. }
            | NoticeKind::LaunchRefused { .. }
            | NoticeKind::MadeGood { .. }
            | NoticeKind::BudgetNearlySpent { .. }
            | NoticeKind::Degraded { .. }
            | NoticeKind::HealthUnknown { .. }
            | NoticeKind::RolledBack { .. }
            | NoticeKind::LanePaused { .. }
            | NoticeKind::TaskPanicked { .. }
            | NoticeKind::SourceFails { .. }
            | NoticeKind::WebhookFails { .. }
            | NoticeKind::Undelivered { .. } => format!("{work_item}: {what}"),
        },
    }
}

fn what(kind: &NoticeKind) -> String {
    match kind {
        NoticeKind::Blocked {
            stage,
            reason,
            detail,
        } => format!("is blocked at `{stage}` ({}): {detail}", reason.as_str()),
        NoticeKind::InputNeeded { stage, failures } => {
            format!("`{stage}` failed {failures} times; input is needed")
        }
        NoticeKind::ApprovalNeeded { stage, step } => {
            format!("waits for an approval: `{step}` at `{stage}`")
        }
        NoticeKind::Done => "is done".to_owned(),
        NoticeKind::ResultLost {
            role,
            stage,
            fault,
            detail,
        } => format!(
            "the run of `{role}` at `{stage}` left no result: {}: {detail}",
            fault.as_str()
        ),
        NoticeKind::SecretFound { gate, commit } => format!(
            "gate `{gate}` found a secret on the branch; rotate this key, it has been in the repository ({commit})"
        ),
        NoticeKind::Quarantined {
            gate,
            digest,
            reason,
        } => format!(
            "gate `{gate}` {digest} is quarantined: {reason}; `orch gate release {gate}` lifts it"
        ),
        NoticeKind::GateUnfit {
            gate,
            error,
            is_retried,
        } => {
            let next = match is_retried {
                true => "it is tried again until it works",
                false => "drop a file that can be used",
            };
            format!("gate `{gate}` is not in force: {error}; {next}")
        }
        NoticeKind::LeaseReclaimed { lease, holder, why } => {
            let why = match why {
                LeaseLoss::Expired => "it was not renewed in time".to_owned(),
                LeaseLoss::HolderIdle => "its task is not at work".to_owned(),
                LeaseLoss::TakenOver { by } => {
                    format!("it was not renewed in time, and task {by} holds it now")
                }
                LeaseLoss::FreedByPerson => "a person freed it".to_owned(),
            };
            format!("lease `{lease}` of task {holder} was reclaimed: {why}")
        }
        NoticeKind::TransitionReleased { job, kind } => format!(
            "the transition was released by a person: job {job} ({}) starts again",
            kind.as_str()
        ),
        NoticeKind::ReaperHeld { dead, running } => format!(
            "{dead} of {running} running jobs look dead at once; they are checked again before anything is done"
        ),
        NoticeKind::CrashLoop { job, kind, crashes } => crash_loop(*job, *kind, *crashes),
        NoticeKind::StopFails { error } => {
            format!("the stop keeps failing and is tried again: {error}")
        }
        NoticeKind::LaunchRefused { reason, .. } => reason.clone(),
        NoticeKind::MadeGood { missed } => made_good(missed),
        NoticeKind::BudgetNearlySpent {
            budget,
            charged_cents,
            limit_cents,
        } => {
            let (charged, limit) = (usd(*charged_cents), usd(*limit_cents));
            match budget {
                Budget::Task => format!("{charged} of its {limit} USD are spent"),
                Budget::Day => format!("{charged} of today's {limit} USD are spent"),
            }
        }
        NoticeKind::Degraded { commit, findings } => {
            format!("production is degraded after {commit}\n{findings}")
        }
        NoticeKind::HealthUnknown { commit, reason } => {
            format!("the state of production after {commit} is unknown: {reason}")
        }
        NoticeKind::RolledBack {
            repo,
            from,
            to,
            end,
            detail,
        } => {
            let to = to.as_ref().map(ToString::to_string).unwrap_or_default();
            rolled_back(repo, (from, &to), *end, detail)
        }
        NoticeKind::Undelivered {
            destination,
            message,
            tries,
            error,
        } => format!(
            "{} could not be delivered to {} after {tries} tries: {error}",
            message.map_or("a message", of_message),
            place(destination)
        ),
        NoticeKind::SourceFails {
            error,
            is_credential,
            ..
        } => match is_credential {
            true => format!("{error}; tasks wait until the credential is replaced"),
            false => format!("{error}; tasks wait and go on by themselves"),
        },
        NoticeKind::WebhookFails { webhook, of, fault } => {
            format!(
                "webhook `{webhook}` of {of} {}; until then the host looks by itself",
                webhook_fault(webhook.as_str(), fault)
            )
        }
        NoticeKind::LanePaused {
            repo,
            scope,
            step,
            reason,
            tasks,
        } => format!(
            "`{step}` of `{repo}` blocked {tasks} tasks in a row ({}), so `{scope}` is held back; mend what they name, \
             then `orch unpause {scope}` and resume them",
            reason.as_str()
        ),
        NoticeKind::TaskPanicked { task, reason } => {
            format!("background task `{task}` panicked and is started again: {reason}")
        }
        NoticeKind::Unanswered {
            step,
            for_s,
            what: first,
        } => unanswered(*step, *for_s, &what(first)),
        NoticeKind::Earlier { text } => text.clone(),
    }
}

fn unanswered(step: Escalation, for_s: u64, what: &str) -> String {
    let whom = match step {
        Escalation::Reminder => "reminder",
        Escalation::Second => "escalated",
    };
    let (hours, minutes) = (for_s / 3600, for_s % 3600 / 60);
    format!("{whom}, for nobody has acted on it for {hours} h {minutes} min: {what}")
}

/// What is said of a job that takes its host or handler down again and again.
pub fn crash_loop(job: orch_domain::id::JobId, kind: JobKind, crashes: u32) -> String {
    format!(
        "job {job} ({}) took its host or handler down {crashes} times; the host's log says how",
        kind.as_str()
    )
}

fn rolled_back(
    repo: &RepoName,
    (from, to): (&ObjectId, &str),
    end: RollbackEnd,
    detail: &str,
) -> String {
    let held = format!(
        "deploys of `{repo}` are held until a revert of it has landed, or `orch unpause deploy:{repo} --reason WHY`"
    );
    let what = match end {
        RollbackEnd::Serves => {
            format!("production was put back from {from} to {to} and serves again; {held}")
        }
        RollbackEnd::StillDegraded => format!(
            "production was put back from {from} to {to} and does not serve all the same: look at it, nothing else is \
             tried; {held}"
        ),
        RollbackEnd::Failed => format!(
            "putting production back from {from} to {to} failed: look at it, nothing else is tried; {held}"
        ),
        RollbackEnd::Unknown => format!(
            "putting production back from {from} to {to} was interrupted, and how far it came is unknown: look at it, \
             it is not begun again; {held}"
        ),
        RollbackEnd::NoHook => format!(
            "production was not put back from {from} to {to}: `deploy.rollback` is not configured any more; {held}"
        ),
        RollbackEnd::NothingHealthy => format!(
            "production is degraded after {from}, and nothing was seen healthy before it to go back to: look at it"
        ),
    };
    match detail.trim() {
        "" => what,
        detail => format!("{what}\n{detail}"),
    }
}

fn webhook_fault(name: &str, fault: &WebhookFault) -> String {
    let register = format!("`orch webhook register {name}` mends it");
    match fault {
        WebhookFault::Missing => format!("is not registered there; {register}"),
        WebhookFault::Off => format!("is switched off there; {register}"),
        WebhookFault::Short { missing } => {
            format!("does not tell of {}; {register}", missing.join(", "))
        }
        WebhookFault::Silent { acts, since_ms } => {
            let since = match since_ms {
                Some(_) => "has been silent",
                None => "has never told anything",
            };
            format!(
                "{since} while the host itself did {acts} things there: it is off, or what it sends does not arrive; look \
                 at its latest deliveries there"
            )
        }
    }
}

fn made_good(missed: &Missed) -> String {
    match missed {
        Missed::JobLost => "its current step had no job; it starts again".to_owned(),
        Missed::BranchMoved { head } => format!("its branch was moved to {head} from outside"),
        Missed::IssueMoved { asked, by } => {
            format!("{asked} by {by} was found in the tracker; its notice never came")
        }
    }
}

fn of_message(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Announcement | MessageKind::Notice => "a notice",
        MessageKind::Progress => "where a task is",
        MessageKind::IssueState => "the state of the issue",
        MessageKind::Comment => "a comment",
        MessageKind::OpenPullRequest => "the request to open the pull request",
        MessageKind::MarkMerged => "the landing of the pull request",
        MessageKind::DescribePullRequest => "the text of the pull request",
        MessageKind::ClosePullRequest => "the end of the pull request",
        MessageKind::Review => "the review of a round",
        MessageKind::PostStatus => "a commit status",
        MessageKind::RemoveWorkspace => "the removal of the workspace",
    }
}

fn place(destination: &Destination) -> String {
    match destination {
        Destination::Forge(repo) => format!("the forge of `{repo}`"),
        Destination::Tracker(name) => format!("tracker `{name}`"),
        Destination::Notifiers => "the notifiers".to_owned(),
        Destination::Notifier(name) => format!("notifier `{name}`"),
        Destination::Host => "the host itself".to_owned(),
    }
}

fn usd(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents.rem_euclid(100))
}

#[cfg(test)]
mod tests;
