//! Answers as text for people.

pub(crate) mod disk;

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// An error with what caused it, one line each.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join("\n  because: ")
}

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn table(header: &[&str], rows: &[Value], cells: impl Fn(&Value) -> Vec<String>) -> String {
    if rows.is_empty() {
        return "nothing".to_owned();
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(cells(row));
    }
    table.to_string()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn done(value: &Value) -> String {
    format!(
        "{}: {} ({}, {})",
        text(value, "work_item"),
        text(value, "message"),
        text(value, "stage"),
        text(value, "status")
    )
}

pub(crate) fn tasks(value: &Value) -> String {
    table(
        &[
            "item", "prio", "repo", "stage", "step", "status", "rework", "title",
        ],
        list(value),
        |row| {
            [
                "work_item",
                "priority",
                "repo",
                "stage",
                "step",
                "status",
                "rework_rounds",
                "title",
            ]
            .map(|k| text(row, k))
            .to_vec()
        },
    )
}

pub(crate) fn task(value: &Value) -> String {
    let mut page = format!(
        "{} {}\n  repository  {}\n  stage       {} · {} ({})\n  why         {}\n  branch      {}\n",
        text(value, "work_item"),
        text(value, "title"),
        text(value, "repo"),
        text(value, "stage"),
        text(value, "step"),
        text(value, "status"),
        text(value, "why").replace('\n', "\n              "),
        text(value, "branch"),
    );
    let cost = value["cost_usd"].as_f64().unwrap_or_default();
    if cost > 0.0 {
        let stages = list(&value["costs"]).iter().map(|row| {
            let usd = row["cost_usd"].as_f64().unwrap_or_default();
            format!("{} {usd:.2}", text(row, "name"))
        });
        let stages: Vec<String> = stages.collect();
        writeln!(page, "  cost        {cost:.2} USD ({})", stages.join(", ")).ok();
    }
    let merged = text(value, "merged_commit");
    if !merged.is_empty() {
        // Writing to a String cannot fail.
        writeln!(page, "  landed      {merged}").ok();
    }
    let verdicts = table(
        &[
            "nr", "entry", "decision", "gate", "version", "µs", "summary",
        ],
        list(&value["verdicts"]),
        |row| {
            [
                "evaluation",
                "entry",
                "decision",
                "gate",
                "version",
                "elapsed_us",
                "summary",
            ]
            .map(|k| text(row, k))
            .to_vec()
        },
    );
    let runs = table(
        &["role", "agent", "attempt", "outcome", "folder"],
        list(&value["runs"]),
        |row| {
            ["role", "agent", "attempt", "outcome", "folder"]
                .map(|k| text(row, k))
                .to_vec()
        },
    );
    write!(page, "\nVerdicts\n{verdicts}\n\nRuns\n{runs}\n").ok();
    page
}

pub(crate) fn queue(value: &Value) -> String {
    let counts = value["counts"].as_object().map(|map| {
        map.iter()
            .map(|(state, count)| format!("{state} {count}"))
            .collect::<Vec<_>>()
            .join("  ")
    });
    let recent = table(
        &["id", "kind", "state", "task", "attempt", "reason"],
        list(&value["recent"]),
        |row| {
            ["id", "kind", "state", "task_id", "attempt", "reason"]
                .map(|k| text(row, k))
                .to_vec()
        },
    );
    format!("{}\n\n{recent}", counts.unwrap_or_default())
}

pub(crate) fn leases(value: &Value) -> String {
    table(
        &["lease", "work item", "epoch", "job", "at work", "owner"],
        list(value),
        |row| {
            ["resource", "work_item", "epoch", "job", "kind", "owner"]
                .map(|k| text(row, k))
                .to_vec()
        },
    )
}

pub(crate) fn costs(value: &Value) -> String {
    table(
        &[
            "of",
            "runs",
            "USD",
            "reserved",
            "input",
            "output",
            "cache read",
            "cache write",
        ],
        list(value),
        |row| {
            let usd = |key: &str| format!("{:.2}", row[key].as_f64().unwrap_or_default());
            let tokens = |key: &str| text(&row["tokens"], key);
            vec![
                text(row, "name"),
                text(row, "runs"),
                usd("cost_usd"),
                usd("reserved_usd"),
                tokens("input"),
                tokens("output"),
                tokens("cache_read"),
                tokens("cache_write"),
            ]
        },
    )
}

pub(crate) fn issues(value: &Value) -> String {
    table(
        &["issue", "state", "moved by", "moved", "title"],
        list(value),
        |row| {
            ["work_item", "state", "moved_by", "moved", "title"]
                .map(|k| text(row, k))
                .to_vec()
        },
    )
}

pub(crate) fn gates(value: &Value) -> String {
    table(
        &["gate", "version", "digest", "state", "imports", "says"],
        list(value),
        |row| {
            let error = text(row, "error");
            let imports: Vec<String> = list(&row["imports"]).iter().map(plain).collect();
            let says = if error.is_empty() {
                text(row, "summary")
            } else {
                error
            };
            let digest: String = text(row, "digest").chars().take(12).collect();
            vec![
                text(row, "name"),
                text(row, "version"),
                digest,
                text(row, "state"),
                imports.join(" "),
                says,
            ]
        },
    )
}

pub(crate) fn doctor(value: &Value) -> String {
    let mut page = match value["landlock"].as_str() {
        Some(version) => format!("Landlock {version}\n"),
        None => "Landlock: none; tools and tests cannot be confined on this kernel\n".to_owned(),
    };
    for check in list(&value["sandbox"]) {
        let held = check["held"].as_bool().unwrap_or(false);
        let mark = if held { "holds " } else { "BROKEN" };
        let name = text(check, "name");
        writeln!(page, "{mark} a confined program {name}").ok();
        if !held {
            writeln!(page, "       {}", text(check, "detail")).ok();
        }
    }
    page
}

pub(crate) fn inspection(value: &Value) -> String {
    let mut page = String::new();
    for key in [
        "name",
        "version",
        "summary",
        "contract",
        "digest",
        "size",
        "status_key",
        "artefact",
    ] {
        writeln!(page, "{key:<11} {}", text(value, key)).ok();
    }
    page.push_str("It may\n");
    for import in list(&value["imports"]) {
        writeln!(
            page,
            "  {:<11} {}",
            text(import, "name"),
            text(import, "allows")
        )
        .ok();
    }
    writeln!(page, "Limits      {}", value["limits"]).ok();
    page
}

pub(crate) fn replayed(value: &Value) -> String {
    let same = if value["identical"] == true {
        "the very same verdict"
    } else if value["same_gate"] == true {
        "NOT the verdict of then"
    } else {
        "another gate, another verdict"
    };
    format!(
        "evaluation {} of {}: {} then, {} now: {same}\n{}",
        text(value, "id"),
        text(value, "work_item"),
        text(value, "was"),
        text(value, "is"),
        text(value, "summary"),
    )
}

pub(crate) fn backtest(value: &Value) -> String {
    let changed: Vec<Value> = list(&value["results"])
        .iter()
        .filter(|row| row["changes"] == true)
        .cloned()
        .collect();
    let head = format!(
        "{} of {} verdicts of `{}` would change",
        text(value, "changed"),
        text(value, "evaluations"),
        text(value, "gate"),
    );
    if changed.is_empty() {
        return head;
    }
    let columns = ["id", "work_item", "was", "is", "reason", "summary"];
    let rows = table(&columns, &changed, |row| {
        columns.map(|k| text(row, k)).to_vec()
    });
    format!("{head}\n{rows}")
}

pub(crate) fn notes(value: &Value) -> String {
    let mut page = String::new();
    for note in list(&value["notes"]) {
        // Writing to a String cannot fail.
        writeln!(page, "{:<8} {}", text(note, "level"), text(note, "text")).ok();
    }
    let verdict = match value["errors"].as_u64() {
        Some(0) => "a host would take it",
        _ => "a host would not take it",
    };
    format!("{page}{}: {verdict}", text(value, "file"))
}

pub(crate) fn measured(value: &Value) -> String {
    let columns = [
        "name",
        "evaluations",
        "p50_us",
        "p99_us",
        "max_us",
        "per_second",
        "cpu_us",
        "memory_bytes",
    ];
    table(&columns, list(&value["cases"]), |row| {
        columns.map(|k| text(row, k)).to_vec()
    })
}
