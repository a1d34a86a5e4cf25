//! The page: tables with what they say, as Markdown.

use std::fmt::Write as _;

/// A table of the page.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) note: String,
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// The whole page.
pub(crate) fn markdown(tables: &[Table]) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench` on a machine with {cores} cores; run it again to compare.\nRatios are within one run; absolute numbers are this machine's.\n"
    );
    for table in tables {
        // Writing to a String cannot fail.
        writeln!(
            text,
            "\n## {}\n\n{}\n\n| {} |",
            table.title,
            table.note,
            table.header.join(" | ")
        )
        .ok();
        let rule = vec!["---"; table.header.len()];
        writeln!(text, "|{}|", rule.join("|")).ok();
        for row in &table.rows {
            writeln!(text, "| {} |", row.join(" | ")).ok();
        }
    }
    text
}
