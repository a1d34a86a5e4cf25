//! What the demo shows at its end, for people and machines.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

/// What happened.
pub(super) struct Summary {
    pub(super) state: String,
    stages: Vec<Value>,
    verdicts: Vec<Value>,
    merged_commit: Option<String>,
    reattached_runs: i64,
    rework_rounds: i64,
    item: String,
    findings: Vec<String>,
}

pub(super) fn summary(view: &Value) -> Summary {
    let list = |key: &str| view[key].as_array().cloned().unwrap_or_default();
    let runs = list("runs");
    let reattached_runs = runs
        .iter()
        .filter(|r| r["reattached"].as_i64().unwrap_or(0) > 0)
        .count();
    let stages = list("stages")
        .into_iter()
        .map(|visit| {
            let (entered, left) = (visit["entered_ms"].as_i64(), visit["left_ms"].as_i64());
            let duration = entered.zip(left).map(|(a, b)| b - a);
            json!({"stage": visit["stage"], "attempt": visit["attempt"], "entered_ms": entered,
                   "left_ms": left, "duration_ms": duration})
        })
        .collect();
    Summary {
        state: view["stage"].as_str().unwrap_or_default().to_owned(),
        stages,
        verdicts: list("verdicts"),
        merged_commit: view["merged_commit"].as_str().map(str::to_owned),
        reattached_runs: i64::try_from(reattached_runs).unwrap_or(0),
        rework_rounds: view["rework_rounds"].as_i64().unwrap_or(0),
        item: view["work_item"].as_str().unwrap_or_default().to_owned(),
        findings: list("comments")
            .iter()
            .filter_map(|c| c.as_str().map(str::to_owned))
            .collect(),
    }
}

pub(super) fn json(summary: &Summary, kept: Option<&Path>) -> Value {
    json!({
        "state": summary.state,
        "work_item": summary.item,
        "stages": summary.stages,
        "verdicts": summary.verdicts,
        "merged_commit": summary.merged_commit,
        "rework_rounds": summary.rework_rounds,
        "reattached_runs": summary.reattached_runs,
        "folder": kept.map(|p| p.display().to_string()),
    })
}

pub(super) fn text(summary: &Summary, kept: Option<&Path>) -> String {
    let mut page = format!("\n{} is {}.\n\nStages\n", summary.item, summary.state);
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    for stage in &summary.stages {
        let took = stage["duration_ms"]
            .as_i64()
            .map_or(String::new(), |ms| format!("{:>7} ms", ms));
        // Writing to a String cannot fail.
        writeln!(
            page,
            "  {:<15} attempt {}  {took}",
            word(stage, "stage"),
            stage["attempt"]
        )
        .ok();
    }
    page.push_str("\nVerdicts\n");
    for verdict in &summary.verdicts {
        let digest: String = word(verdict, "digest").chars().take(12).collect();
        writeln!(
            page,
            "  {:<18} {:<15} {} {} {digest}  {}",
            word(verdict, "entry"),
            word(verdict, "decision"),
            word(verdict, "gate"),
            word(verdict, "version"),
            word(verdict, "summary"),
        )
        .ok();
    }
    for finding in &summary.findings {
        writeln!(
            page,
            "\nSent back with\n  {}",
            finding.replace('\n', "\n  ")
        )
        .ok();
    }
    if summary.reattached_runs > 0 {
        writeln!(
            page,
            "\n{} run was taken up again after the host was killed; it ran once.",
            summary.reattached_runs
        )
        .ok();
    }
    if let Some(sha) = &summary.merged_commit {
        writeln!(page, "\nLanded on main as {sha}").ok();
    }
    match kept {
        Some(folder) => {
            let folder = folder.display();
            writeln!(
                page,
                "\nThe artefacts lie in docs/work-items/{0} of {folder}/shop.git:\n  git -C {folder}/shop.git show main:docs/work-items/{0}/12-review.md\n\nNext\n  orch --config {folder}/orch.yaml task show {0}\n  orch --config {folder}/orch.yaml serve",
                summary.item
            )
            .ok();
        }
        None => page.push_str("\nNext\n  cargo xtask demo --keep     leaves the folder with repository, artefacts and logs\n  cargo xtask demo --crash    kills the host in the middle\n  docs/operators/configuration.md says how to use a repository of your own\n"),
    }
    page
}
