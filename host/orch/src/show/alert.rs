//! Alerts as text.

use orch_views::alert::AlertView;
use orch_views::page::Page;

use super::table::page;

pub(crate) fn list(alerts: &Page<AlertView>) -> String {
    let header = [
        "id", "level", "kind", "repo", "item", "times", "first", "last", "seen by", "what",
    ];
    page(header, alerts, |alert| {
        [
            alert.id.to_string(),
            alert.level.to_string(),
            alert.kind.to_string(),
            alert.repo.clone().unwrap_or_default(),
            alert.work_item.clone().unwrap_or_default(),
            alert.count.to_string(),
            alert.first.clone(),
            alert.last.clone(),
            alert.acknowledged_by.clone().unwrap_or_default(),
            alert.text.clone(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use orch_domain::notice::{Level, NoticeName};

    use super::*;
    use crate::show::plain::tests::hostile;

    fn alert(id: i64, text: &str) -> AlertView {
        AlertView {
            id,
            kind: NoticeName::Blocked,
            level: Level::Alarm,
            needs_person: true,
            repo: Some("shop".into()),
            work_item: Some("SHOP-1".into()),
            text: text.into(),
            count: 2,
            first_ms: 0,
            first: "2026-11-21T10:00:00Z".into(),
            last_ms: 0,
            last: "2026-11-21T11:00:00Z".into(),
            acknowledged_by: (id == 1).then(|| "ann".into()),
            acknowledged_ms: (id == 1).then_some(9),
        }
    }

    #[test]
    fn alerts_none_many_and_of_hostile_words() {
        let of = |rows| Page::of_list(rows, 0, 2);
        insta::assert_snapshot!(list(&of(vec![])), @"nothing");
        let many = vec![alert(2, "SHOP-1 is blocked"), alert(1, &hostile())];
        insta::assert_snapshot!(list(&of(many)), @r"
        id  level  kind     repo  item    times  first                 last                  seen by  what
        2   alarm  blocked  shop  SHOP-1  2      2026-11-21T10:00:00Z  2026-11-21T11:00:00Z           SHOP-1 is blocked
        1   alarm  blocked  shop  SHOP-1  2      2026-11-21T10:00:00Z  2026-11-21T11:00:00Z  ann      \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
    }
}
