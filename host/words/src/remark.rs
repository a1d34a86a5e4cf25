//! What a comment of the host says, as Markdown.

use orch_domain::message::Remark;

use crate::inert::inert;

/// The comment's text. What it quotes addresses nobody and refers to nothing.
pub fn text(remark: &Remark) -> String {
    inert(&words(remark))
}

fn words(remark: &Remark) -> String {
    match remark {
        Remark::Rework {
            to,
            round,
            rounds_max,
            findings,
        } => format!("Back to `{to}`, rework round {round} of {rounds_max}.\n\n{findings}"),
        Remark::BranchMoved { head } => format!(
            "The branch was moved to `{head}` from outside; the review is void and CI is asked again."
        ),
        Remark::Rebased { head, onto } => format!(
            "The base was rewritten. The task's own commits stand on `{onto}` now, as `{head}`, and are judged anew."
        ),
        Remark::ApprovalVoid { why } => format!("The approval is asked for again: {why}."),
        Remark::NotBegun { why } => format!("No task was begun: {why}"),
        Remark::MoveRefused { state, by, why } => {
            format!("`{}` by {by} was not carried out: {why}", state.as_str())
        }
    }
}
