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

#[test]
fn grade_may_follow_the_place_or_stand_in_brackets_behind_a_title() {
    for body in [
        "- src/a.rs:3 P0 SQL injection",
        "- **src/a.rs:3** – [P0] SQL injection",
        "- `src/a.rs:3`: P0: SQL injection",
        "### SQL injection (P0)\n\nThe query is put together from the input.",
        "### 1. SQL injection [P0]\n\n- **Where:** src/a.rs:3",
        "- SQL injection in src/a.rs:3 (P0)",
        "- **SQL injection** (P0): the query is put together",
        "1. **SQL injection** [P1] — src/a.rs:3",
        "## Must fix (P0/P1)\n\n- src/a.rs:3 SQL injection",
        "### Unchecked input (P0)",
        "<ul>\n<li>P0 src/a.rs:3 SQL injection</li>\n</ul>",
        "<details>\n<summary>P0: SQL injection</summary>\n\nThe query.\n\n</details>",
        "- P0-1: src/a.rs:3 SQL injection",
        "P0: 0, P1: 2, P2: 1",
        "- P0: 0; P1: 1",
    ] {
        let list = remarks("12-review.md", body, 0);
        assert!(list.iter().any(|f| f.blocking), "{body}: {list:?}");
    }
    let list = remarks(
        "12-review.md",
        "### SQL injection (P0)\n\nThe query is put together.",
        0,
    );
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0].message, "SQL injection: The query is put together.");
    let at = |body: &str| remarks("12-review.md", body, 0)[0].at.clone().unwrap();
    let place = at("- src/a.rs:3 P0 SQL injection");
    assert_eq!((place.path.as_str(), place.line), ("src/a.rs", Some(3)));
}

#[test]
fn counts_of_several_grades_and_reasons_for_none_are_no_remark() {
    for body in [
        "- P0: 0, P1: 0, P2: 0",
        "P0: 0 | P1: 0 | P2: 3",
        "- P0: 0 / P1: 0 / P2: 3",
        "- P0: none; P1: none.",
        "- P0: None — the code is clean.",
        "- P0: none (see below)",
        "- P1: 0 (down from 2)",
        "- P0: none, as far as I can see.",
        "- P0: all resolved",
        "- **P1**: fixed",
        "### P0\n\nNone. The change is small.",
        "## Must fix (P0)\n\nNone.",
        "## Blocking issues (P0/P1)\n\n_None._",
        "- Critical (P0): none",
        "- SQL injection (P0) – fixed",
        "## Findings (P0–P3)\n\nAll files were read.",
        "- Critical (P0) findings: 0",
        "<!-- P0: src/a.rs:3 x -->",
        "<details>\n<!--\nP0: src/a.rs:3 x\n-->\n</details>",
        "- The scale has four grades (see P0)",
    ] {
        let blocking = remarks("12-review.md", body, 0);
        let blocking = blocking.iter().filter(|f| f.blocking).count();
        assert_eq!(blocking, 0, "{body}");
    }
    for body in [
        "- P0: none. But src/a.rs:3 has a hole",
        "- P0: not resolved",
        "- P1: fixed size of the buffer",
        "- P1: 1 (down from 2)",
    ] {
        let list = remarks("12-review.md", body, 0);
        assert!(list.iter().any(|f| f.blocking), "{body}");
    }
}
