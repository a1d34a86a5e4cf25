//! Are remarks found however a review is written, and is nothing else taken for one?

use super::*;

fn found(body: &str) -> Vec<(String, bool)> {
    let found = remarks("12-review.md", body, 0);
    found.into_iter().map(|f| (f.message, f.blocking)).collect()
}

#[test]
fn remark_is_seen_however_the_list_is_written() {
    for body in [
        "- P0 src/a.rs:3 SQL injection",
        "* **P0** src/a.rs:3 SQL injection",
        "+ P0: src/a.rs:3 SQL injection",
        "1. P0 src/a.rs:3 SQL injection",
        "2) [P0] src/a.rs:3 SQL injection",
        "- [ ] P0 src/a.rs:3 SQL injection",
        "1. [ ] **P0:** src/a.rs:3 SQL injection",
        "### P0 src/a.rs:3 SQL injection",
        "### 1. P0: src/a.rs:3 SQL injection",
        "P0 src/a.rs:3 SQL injection\n=====",
        "P0: src/a.rs:3 SQL injection",
        "Some words.\nP0 src/a.rs:3 SQL injection",
        "- (P0) src/a.rs:3 SQL injection",
        "- p0 – src/a.rs:3 SQL injection",
        "- ok\n  - P0 src/a.rs:3 SQL injection",
        "- 🔴 P0 src/a.rs:3 SQL injection",
        "| Grade | Where | What |\n|---|---|---|\n| P0 | src/a.rs:3 | SQL injection |",
        "### P0\n\nsrc/a.rs:3 SQL injection",
        "### P0\n\n- src/a.rs:3 SQL injection",
        "## P0 – critical findings\n\n1. src/a.rs:3 SQL injection",
        "- **P0**\n  - src/a.rs:3 SQL injection",
        "- P0/P1: src/a.rs:3 SQL injection",
        "#### [P0] src/a.rs:3 SQL injection",
        "- `P0` src/a.rs:3 SQL injection",
        "1. **[P0]** src/a.rs:3 – SQL injection",
        "- __P0__: src/a.rs:3 SQL injection",
        "* [ ] [P0] src/a.rs:3 SQL injection",
        "| Where | What | Grade |\n|---|---|---|\n| src/a.rs:3 | SQL injection | P0 |",
        "- Severity: P0 – src/a.rs:3 SQL injection",
        "**P0** src/a.rs:3 SQL injection",
        "- Priority P0: src/a.rs:3 SQL injection",
    ] {
        let list = remarks("12-review.md", body, 0);
        assert_eq!(list.len(), 1, "{body}: {list:?}");
        assert!(list[0].blocking && list[0].rule == "review/p0", "{body}");
        let at = list[0].at.clone().unwrap();
        assert_eq!((at.path.as_str(), at.line), ("src/a.rs", Some(3)), "{body}");
        assert!(
            list[0].message.ends_with("SQL injection"),
            "{body}: {}",
            list[0].message
        );
    }
}

#[test]
fn what_says_that_there_is_none_is_no_remark() {
    for body in [
        "- P0: none",
        "- **P0**: 0",
        "- **P0:** None.",
        "- P0 – no findings",
        "- P0/P1: none found",
        "- P0: n/a",
        "- P0: —",
        "- P0 findings: 0",
        "- P0 (none)",
        "### P0\n\nNone.",
        "### P0 (0)",
        "### P0\n\n- none\n\n### P1\n\nNo P1 issues were found.",
        "| Grade | Count |\n|---|---|\n| P0 | 0 |\n| P1 | - |",
        "> - P0: data loss or a hole\n> - P1: broken behaviour",
        "```\n- P0 src/a.rs:3 x\n```",
        "<!--\n- P0 src/a.rs:3 x\n-->",
        "- [x] P0 src/a.rs:3 x",
        "- ~~P0 src/a.rs:3 x~~",
        "## Scale\n\n- P0: data loss\n- P1: broken\n\n## Remarks\n\nNone.",
        "- P0, P1 = REQUEST_CHANGES",
        "P0 and P1 block; P2 and P3 do not.",
        "- P01 is a product",
        "- P0stgres",
        "- P0: nothing found",
        "- P0s: none",
        "- No P0 findings.",
        "## P0 findings\n\n_None_",
        "- P0 (blocker): none",
        "- **P0:** none found.",
        "P0: none\nP1: none\nP2: 0",
        "| P0 | P1 | P2 |\n|---|---|---|\n| 0 | 0 | - |",
    ] {
        assert_eq!(found(body), Vec::new(), "{body}");
    }
}

#[test]
fn grade_that_stands_over_nothing_is_a_remark() {
    for body in ["### P0", "- P0", "### P0\n\n### P2\n\n- small"] {
        let list = remarks("12-review.md", body, 0);
        assert!(
            list.iter().any(|f| f.rule == "review/p0" && f.blocking),
            "{body}"
        );
    }
}

#[test]
fn table_with_a_column_for_each_grade_is_read_by_its_columns() {
    let list = remarks(
        "12-review.md",
        "| P0 | P1 | P2 |\n|---|---|---|\n| 1 | 0 | - |\n",
        0,
    );
    assert_eq!(list.len(), 1, "{list:?}");
    assert!(list[0].blocking && list[0].rule == "review/p0");
}

#[test]
fn words_that_begin_like_none_are_a_remark() {
    for body in [
        "- P0: none of the inputs is checked",
        "- P1 no check of the sum",
        "- P1: 0 is divided by",
    ] {
        assert_eq!(found(body).len(), 1, "{body}");
        assert!(found(body)[0].1);
    }
}

#[test]
fn place_without_a_path_is_the_line_of_the_review() {
    let list = remarks("12-review.md", "\nIntro.\n\n- P1 the sum is wrong\n", 6);
    let at = list[0].at.clone().unwrap();
    assert_eq!((at.path.as_str(), at.line), ("12-review.md", Some(10)));
}

#[test]
fn remark_that_blocks_is_not_lost_behind_many_others() {
    let body = format!("{}- P0 hole\n", "- P3 nit\n".repeat(REMARKS_MAX));
    assert!(remarks("12-review.md", &body, 0).iter().any(|f| f.blocking));
}
