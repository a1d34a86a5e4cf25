//! What a person can do about a task, in words.

use orch_domain::remedy::{Ask, First};
use orch_domain::task::Task;

/// What has to be done outside of the host before it is asked.
pub fn first(first: First, task: &Task, branch: &str) -> String {
    match first {
        First::Mend => "mend what is named".to_owned(),
        First::MendRequest => "make the request clearer, in a comment on its issue".to_owned(),
        First::PushBranch => match &task.head {
            Some(head) => format!("push `{branch}` back to {head}"),
            None => format!("push `{branch}` back"),
        },
        First::ReopenPullRequest => "open the pull request again on the forge".to_owned(),
        First::AimPullRequestBack => {
            "aim the pull request at the task's base again on the forge".to_owned()
        }
        First::MoveBranchBack => match &task.head {
            Some(head) => format!("move `{branch}` back to {head}"),
            None => format!("remove `{branch}`"),
        },
        First::LookAtBase => {
            "look at what landed, and revert it on the base if it should not be there".to_owned()
        }
        First::LookAtProduction => "look at production, how far the deploy came".to_owned(),
    }
}

/// What comes of asking the host for it.
pub fn effect(ask: Ask) -> String {
    match ask {
        Ask::Approve => "takes what was done".to_owned(),
        Ask::Resume {
            stage: None,
            rounds: 0,
        } => "goes on where it stands".to_owned(),
        Ask::Resume {
            stage: Some(stage),
            rounds: 0,
        } => format!("goes on at stage `{stage}`"),
        Ask::Resume {
            stage: None,
            rounds,
        } => format!("goes on where it stands, with further rework rounds: {rounds}"),
        Ask::Resume {
            stage: Some(stage),
            rounds,
        } => format!("goes on at stage `{stage}`, with further rework rounds: {rounds}"),
        Ask::Rebase => {
            "moves the task's own commits onto the rewritten base, without what was taken out of it, and has them judged anew"
                .to_owned()
        }
        Ask::Stop => "gives the task up; its work is kept".to_owned(),
    }
}
