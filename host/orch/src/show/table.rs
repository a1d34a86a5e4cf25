//! How does a list look? Columns, and what is not shown of it.

use comfy_table::{ContentArrangement, Table, presets};
use orch_views::page::{LIMIT_MAX, Page};

use super::plain;

/// Rows below a header; cells are made plain here, once for every list.
pub(crate) fn table<T, const N: usize>(
    header: [&str; N],
    rows: &[T],
    cells: impl Fn(&T) -> [String; N],
) -> String {
    if rows.is_empty() {
        return "nothing".to_owned();
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(cells(row).map(|cell| plain::line(&cell)).to_vec());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    // Columns are filled up to their width, the last one too.
    text.lines()
        .map(|line| line.trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A page of rows, and how the rest is asked for.
pub(crate) fn page<T, const N: usize>(
    header: [&str; N],
    page: &Page<T>,
    cells: impl Fn(&T) -> [String; N],
) -> String {
    let rows = table(header, &page.items, cells);
    match more(page) {
        Some(more) => format!("{rows}\n\n{more}"),
        None => rows,
    }
}

/// What is not shown of a page.
fn more<T>(page: &Page<T>) -> Option<String> {
    let next = page.next.as_deref()?;
    let most = page.total.min(u64::from(LIMIT_MAX));
    Some(format!(
        "showing {} of {}; `--after {}` shows what follows, `--limit {most}` shows more at once",
        page.items.len(),
        page.total,
        plain::line(next),
    ))
}

/// What is not shown of a list whose latest rows are.
pub(crate) fn latest(what: &str, shown: usize, total: u64) -> String {
    if shown as u64 == total {
        what.to_owned()
    } else {
        format!("{what} (the latest {shown} of {total})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_says_how_much_there_is_and_how_to_see_the_rest() {
        let of = |items: Vec<u32>, next: Option<&str>| Page {
            items,
            total: 160,
            next: next.map(str::to_owned),
        };
        let shown = page(["n"], &of(vec![1, 2], Some("7")), |n| [n.to_string()]);
        insta::assert_snapshot!(shown, @r"
        n
        1
        2

        showing 2 of 160; `--after 7` shows what follows, `--limit 160` shows more at once
        ");
        assert!(!page(["n"], &of(vec![3], None), |n| [n.to_string()]).contains("160"));
    }
}
