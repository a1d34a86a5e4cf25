//! The benchmarks: each prints what it measured, and the page is written from that, by the run itself.

mod gates;
mod host;
mod store;

use std::fmt::Write as _;
use std::path::PathBuf;

/// A table of the page.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) note: String,
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

fn main() -> anyhow::Result<()> {
    let page = std::env::args().nth(1).map_or_else(
        || PathBuf::from("docs/reference/benchmarks.md"),
        PathBuf::from,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let tables = runtime.block_on(async {
        let orch = host::program()?;
        let mut tables = gates::run(&orch).await?;
        tables.push(store::run().await?);
        tables.push(host::run(&orch).await?);
        anyhow::Ok(tables)
    })?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench` on a machine with {cores} cores; run it again to compare.\nRatios are within one run; absolute numbers are this machine's.\n"
    );
    for table in &tables {
        // Writing to a String cannot fail.
        writeln!(
            text,
            "\n## {}\n\n{}\n\n| {} |",
            table.title,
            table.note,
            table.header.join(" | ")
        )
        .ok();
        writeln!(
            text,
            "|{}|",
            table
                .header
                .iter()
                .map(|_| "---")
                .collect::<Vec<_>>()
                .join("|")
        )
        .ok();
        for row in &table.rows {
            writeln!(text, "| {} |", row.join(" | ")).ok();
        }
    }
    std::fs::write(&page, &text)?;
    println!("{text}");
    Ok(())
}
