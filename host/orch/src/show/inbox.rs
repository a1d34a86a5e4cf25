//! What waits for a person, as text.

use std::fmt::Write as _;

use orch_views::inbox::InboxItem;
use orch_views::page::Page;

use super::message::remedies;
use super::plain;

pub(crate) fn list(inbox: &Page<InboxItem>) -> String {
    if inbox.items.is_empty() {
        return "nothing waits for you".to_owned();
    }
    let mut text = String::new();
    for item in &inbox.items {
        let what = match (&item.task, item.alert) {
            (Some(task), _) => format!("{}:{} {}", task.repo, task.work_item, task.title),
            (None, Some(alert)) => format!("alert {alert}"),
            (None, None) => "the host".to_owned(),
        };
        // Writing to a String cannot fail.
        writeln!(
            text,
            "{} ({} risk, since {}): {}",
            plain::line(&what),
            item.risk,
            item.since,
            item.wanted
        )
        .ok();
        let said = format!("{}{}", plain::block(&item.text), remedies(&item.choices));
        writeln!(text, "  {}", said.replace('\n', "\n  ")).ok();
        for evidence in &item.evidence {
            let line = format!(
                "{}: {}; {}",
                evidence.entry, evidence.decision, evidence.summary
            );
            writeln!(text, "  {}", plain::line(&line)).ok();
        }
    }
    if let Some(next) = &inbox.next {
        let shown = inbox.items.len();
        write!(
            text,
            "{shown} of {}; go on with --after {}",
            inbox.total,
            plain::line(next)
        )
        .ok();
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use orch_domain::stage::Stage;
    use orch_domain::waiting::{Risk, Wanted};
    use orch_views::inbox::InboxTask;
    use orch_views::task::{RemedyView, TaskStatus};

    use super::*;
    use crate::show::plain::tests::hostile;

    fn item(title: &str) -> InboxItem {
        InboxItem {
            wanted: Wanted::Decision,
            risk: Risk::High,
            since_ms: 0,
            since: "2026-11-21T10:00:00Z".into(),
            deadline_ms: None,
            task: Some(InboxTask {
                work_item: "SHOP-7".into(),
                repo: "shop".into(),
                title: title.into(),
                stage: Stage::Deploy,
                step: "approval".into(),
                status: TaskStatus::AwaitingApproval,
                head: None,
                code_tree: None,
                risk: None,
            }),
            alert: None,
            text: "`approval` waits for a person's approval".into(),
            choices: vec![RemedyView {
                first: None,
                command: ["task", "approve", "shop:SHOP-7"].map(str::to_owned).into(),
                effect: "it goes on".into(),
            }],
            evidence: vec![],
        }
    }

    #[test]
    fn inbox_empty_and_with_hostile_titles() {
        insta::assert_snapshot!(list(&Page::of_list(vec![], 0, 2)), @"nothing waits for you");
        let page = Page::of_list(vec![item("Discounts"), item(&hostile()), item("c")], 0, 2);
        insta::assert_snapshot!(list(&page), @r"
        shop:SHOP-7 Discounts (high risk, since 2026-11-21T10:00:00Z): decision
          `approval` waits for a person's approval
          `orch task approve shop:SHOP-7`: it goes on
        shop:SHOP-7 \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next (high risk, since 2026-11-21T10:00:00Z): decision
          `approval` waits for a person's approval
          `orch task approve shop:SHOP-7`: it goes on
        2 of 3; go on with --after 2
        ");
    }
}
