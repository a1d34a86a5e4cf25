//! The local tracker's issues as text.

use orch_views::issue::IssueView;
use orch_views::page::Page;

use super::table::page;

pub(crate) fn list(issues: &Page<IssueView>) -> String {
    let header = ["issue", "state", "moved by", "moved", "title"];
    page(header, issues, |issue| {
        [
            issue.work_item.clone(),
            issue.state.to_string(),
            issue.moved_by.clone(),
            issue.moved.clone(),
            issue.title.clone(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use orch_domain::issue::TrackerState;

    use super::*;
    use crate::show::plain::tests::hostile;

    fn issue(item: &str, title: &str) -> IssueView {
        IssueView {
            work_item: item.into(),
            title: title.into(),
            state: TrackerState::InProgress,
            moved_by: "orch".into(),
            moved: "2026-11-21T10:00:00Z".into(),
        }
    }

    #[test]
    fn issues_none_one_many_and_of_a_hostile_title() {
        let of = |rows| Page::of_list(rows, 0, 1);
        insta::assert_snapshot!(list(&of(vec![])), @"nothing");
        insta::assert_snapshot!(list(&of(vec![issue("SHOP-1", "A discount")])), @r"
        issue   state        moved by  moved                 title
        SHOP-1  in-progress  orch      2026-11-21T10:00:00Z  A discount
        ");
        let many = vec![issue("SHOP-2", "Later"), issue("SHOP-1", "A discount")];
        insta::assert_snapshot!(list(&of(many)), @r"
        issue   state        moved by  moved                 title
        SHOP-2  in-progress  orch      2026-11-21T10:00:00Z  Later

        showing 1 of 2; `--after 1` shows what follows, `--limit 2` shows more at once
        ");
        insta::assert_snapshot!(list(&of(vec![issue("SHOP-1", &hostile())])), @r"
        issue   state        moved by  moved                 title
        SHOP-1  in-progress  orch      2026-11-21T10:00:00Z  \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
    }
}
