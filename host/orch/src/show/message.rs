//! What an order came to, in a line.

use orch_domain::confined::HeldBy;
use orch_views::gate::GateDone;
use orch_views::message::Message;
use orch_views::task::{Done, RemedyView, WhyView};

use super::plain;

pub(crate) fn message(done: &Message) -> String {
    plain::block(&done.message)
}

pub(crate) fn gate(done: &GateDone) -> String {
    plain::block(&done.message)
}

pub(crate) fn why(view: &WhyView) -> String {
    // What holds as it should is no news.
    let by = view.held_by.filter(|by| *by != HeldBy::Namespaces);
    let by = by.map(|by| format!("\nits latest run is held by: {by}"));
    format!(
        "{}{}{}",
        plain::block(&view.why),
        remedies(&view.remedies),
        by.unwrap_or_default()
    )
}

/// A line for each thing that can be done, each behind a line break.
pub(super) fn remedies(list: &[RemedyView]) -> String {
    let line = |remedy: &RemedyView| {
        let first = remedy.first.as_ref();
        let first = first.map(|first| format!("{}, then ", plain::line(&first.text)));
        format!(
            "\n{}`orch {}`: {}",
            first.unwrap_or_default(),
            plain::line(&remedy.command.join(" ")),
            plain::line(&remedy.effect)
        )
    };
    list.iter().map(line).collect()
}

pub(crate) fn done(done: &Done) -> String {
    format!(
        "{}: {} ({}, {})",
        plain::line(&done.work_item),
        plain::line(&done.message),
        done.stage,
        done.status.as_str()
    )
}

#[cfg(test)]
mod tests {
    use orch_domain::remedy::First;
    use orch_domain::stage::Stage;
    use orch_views::task::{Outside, TaskStatus};

    use super::*;
    use crate::show::plain::tests::hostile;

    #[test]
    fn order_says_what_it_did_and_where_the_task_is() {
        let view = Done {
            work_item: "SHOP-1".into(),
            stage: Stage::Analysis,
            status: TaskStatus::Active,
            message: "accepted".into(),
        };
        insta::assert_snapshot!(done(&view), @"SHOP-1: accepted (analysis, active)");
        let view = Message {
            message: "`lane:agents` goes on".into(),
        };
        insta::assert_snapshot!(message(&view), @"`lane:agents` goes on");
    }

    #[test]
    fn nothing_acts_in_what_an_order_repeats() {
        let view = WhyView {
            work_item: "SHOP-1".into(),
            why: hostile(),
            held_by: Some(HeldBy::Landlock),
            remedies: vec![RemedyView {
                first: Some(Outside {
                    kind: First::Mend,
                    text: "mend what is named".into(),
                }),
                command: vec!["task".into(), "resume".into(), "SHOP-1".into()],
                effect: "goes on where it stands".into(),
            }],
        };
        insta::assert_snapshot!(why(&view), @r"
        \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}
        next
        mend what is named, then `orch task resume SHOP-1`: goes on where it stands
        its latest run is held by: landlock
        ");
    }
}
