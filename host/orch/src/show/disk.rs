//! What was or would be removed, as text for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::{list, table, text};

/// The report of `orch gc`.
pub(crate) fn gc(value: &Value) -> String {
    let columns = ["", "what", "age", "size", "why", "because"];
    let mut page = table(&columns, list(&value["items"]), |item| {
        vec![
            text(item, "fate"),
            text(item, "name"),
            age(item["age_s"].as_i64().unwrap_or(0)),
            item["bytes"].as_u64().map_or_else(String::new, size),
            text(item, "why"),
            text(item, "because"),
        ]
    });
    let bytes = |key: &str| size(value[key].as_u64().unwrap_or(0));
    let (trashed, freed) = (bytes("trashed_bytes"), bytes("freed_bytes"));
    let folder = text(value, "folder");
    // Writing to a String cannot fail.
    if value["dry_run"] == true {
        writeln!(page, "\n\n{trashed} would go to `{folder}/trash`, {freed} would be deleted from it; nothing was touched").ok();
    } else {
        writeln!(
            page,
            "\n\n{trashed} went to `{folder}/trash`, {freed} were deleted from it"
        )
        .ok();
    }
    let rows = list(&value["rows"]).iter();
    let rows: Vec<String> = rows
        .map(|row| format!("{} {}", text(row, "table"), text(row, "rows")))
        .collect();
    writeln!(page, "rows: {}", rows.join(", ")).ok();
    let full = text(value, "full");
    if !full.is_empty() {
        writeln!(page, "FULL: {full}").ok();
    }
    for problem in list(&value["problems"]) {
        writeln!(page, "could not be looked at: {}", super::plain(problem)).ok();
    }
    page
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
    use super::*;
    use serde_json::json;

    #[test]
    fn report_says_what_goes_and_why() {
        let report = json!({
            "dry_run": true,
            "folder": "/data",
            "items": [{"kind": "workspace", "name": "workspaces/shop/1-SHOP-1", "bytes": 20_480, "age_s": 200_000,
                       "why": "task 1 (SHOP-1) has ended", "fate": "goes", "because": "no open run"}],
            "trashed_bytes": 20_480,
            "freed_bytes": 0,
            "rows": [{"table": "jobs", "rows": 3}],
            "full": null,
        });
        let page = gc(&report);
        for part in [
            "goes",
            "workspaces/shop/1-SHOP-1",
            "2 d",
            "20 KiB",
            "has ended",
            "no open run",
            "20 KiB would go to `/data/trash`, 0 B would be deleted",
            "rows: jobs 3",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("FULL"), "{page}");
    }
}
