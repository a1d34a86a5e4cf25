//! What an order came to, in a line.

use orch_views::gate::GateDone;
use orch_views::message::Message;
use orch_views::task::{Done, WhyView};

use super::plain;

pub(crate) fn message(done: &Message) -> String {
    plain::block(&done.message)
}

pub(crate) fn gate(done: &GateDone) -> String {
    plain::block(&done.message)
}

pub(crate) fn why(view: &WhyView) -> String {
    plain::block(&view.why)
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
    use orch_domain::stage::Stage;
    use orch_views::task::TaskStatus;

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
        };
        insta::assert_snapshot!(why(&view), @r"
        \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}
        next
        ");
    }
}
