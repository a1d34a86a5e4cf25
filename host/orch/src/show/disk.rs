//! What was or would be removed, as text for people.

use std::fmt::Write as _;

use orch_views::disk::{GcItem, GcView};

use super::plain;
use super::table::table;

/// The report of `orch gc`.
pub(crate) fn gc(view: &GcView) -> String {
    let mut page = items(&view.items);
    if (view.items.len() as u64) < view.total {
        // Writing to a String cannot fail.
        write!(page, "\n\nshowing {} of {}", view.items.len(), view.total).ok();
    }
    let (trashed, freed) = (size(view.trashed_bytes), size(view.freed_bytes));
    let folder = plain::line(&view.folder.display().to_string());
    let sum = if view.dry_run {
        format!(
            "{trashed} would go to `{folder}/trash`, {freed} would be deleted from it; nothing was touched"
        )
    } else {
        format!("{trashed} went to `{folder}/trash`, {freed} were deleted from it")
    };
    let rows = view.rows.iter();
    let rows: Vec<String> = rows.map(|r| format!("{} {}", r.table, r.rows)).collect();
    writeln!(page, "\n\n{sum}\nrows: {}", rows.join(", ")).ok();
    if let Some(full) = &view.full {
        writeln!(page, "FULL: {}", plain::block(full)).ok();
    }
    for problem in &view.problems {
        writeln!(page, "could not be looked at: {}", plain::block(problem)).ok();
    }
    page
}

fn items(items: &[GcItem]) -> String {
    let columns = ["", "what", "age", "size", "why", "because"];
    table(columns, items, |item| {
        let (fate, because) = item.fate.in_words();
        [
            fate.to_owned(),
            item.name.clone(),
            age(item.age_s),
            item.bytes.map_or_else(String::new, size),
            item.why.clone(),
            because.to_owned(),
        ]
    })
}

fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut count = bytes;
    let mut name = "B";
    for unit in units {
        if count < 10_240 {
            break;
        }
        count /= 1024;
        name = unit;
    }
    format!("{count} {name}")
}

fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        172_800.. => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use orch_views::disk::{Fate, LeftoverKind, TableRows};

    use super::*;
    use crate::show::plain::tests::hostile;

    fn item(name: &str, fate: Fate) -> GcItem {
        GcItem {
            kind: LeftoverKind::Workspace,
            name: name.into(),
            bytes: Some(20_480),
            age_s: 200_000,
            why: "task 1 (SHOP-1) has ended".into(),
            fate,
        }
    }

    fn report(items: Vec<GcItem>) -> GcView {
        GcView {
            dry_run: true,
            folder: PathBuf::from("/data"),
            total: items.len() as u64,
            items,
            trashed_bytes: 20_480,
            freed_bytes: 0,
            rows: vec![TableRows {
                table: "jobs".into(),
                rows: 3,
            }],
            full: None,
            problems: vec![],
        }
    }

    #[test]
    fn report_says_what_goes_and_why() {
        insta::assert_snapshot!(gc(&report(vec![])), @r"
        nothing

        20 KiB would go to `/data/trash`, 0 B would be deleted from it; nothing was touched
        rows: jobs 3
        ");
        let goes = || item("workspaces/shop/1-SHOP-1", Fate::Goes("no open run".into()));
        insta::assert_snapshot!(gc(&report(vec![goes()])), @r"
              what                      age  size    why                        because
        goes  workspaces/shop/1-SHOP-1  2 d  20 KiB  task 1 (SHOP-1) has ended  no open run

        20 KiB would go to `/data/trash`, 0 B would be deleted from it; nothing was touched
        rows: jobs 3
        ");
        let many = GcView {
            total: 2_000,
            dry_run: false,
            full: Some("the disk of `/data` has 3 MiB free".into()),
            problems: vec!["refs: `git` is not there".into()],
            ..report(vec![
                goes(),
                item("runs/shop/2", Fate::Kept("it runs".into())),
            ])
        };
        insta::assert_snapshot!(gc(&many), @r"
              what                      age  size    why                        because
        goes  workspaces/shop/1-SHOP-1  2 d  20 KiB  task 1 (SHOP-1) has ended  no open run
        kept  runs/shop/2               2 d  20 KiB  task 1 (SHOP-1) has ended  it runs

        showing 2 of 2000

        20 KiB went to `/data/trash`, 0 B were deleted from it
        rows: jobs 3
        FULL: the disk of `/data` has 3 MiB free
        could not be looked at: refs: `git` is not there
        ");
    }

    #[test]
    fn nothing_acts_in_the_name_of_a_leftover() {
        let report = report(vec![item(&hostile(), Fate::Failed(hostile()))]);
        insta::assert_snapshot!(gc(&report), @r"
                what                                                            age  size    why                        because
        failed  \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next  2 d  20 KiB  task 1 (SHOP-1) has ended  \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next

        20 KiB would go to `/data/trash`, 0 B would be deleted from it; nothing was touched
        rows: jobs 3
        ");
    }
}
