//! Gates as text: the list, and what a file says of itself.

use std::fmt::Write as _;

use orch_views::gate::{GateView, InspectionView};
use orch_views::page::Page;

use super::plain;
use super::table::page;

/// Digits of a digest that tell versions apart.
const DIGEST_CHARS: usize = 12;

pub(crate) fn list(gates: &Page<GateView>) -> String {
    let header = ["gate", "version", "digest", "state", "imports", "says"];
    page(header, gates, |gate| {
        [
            gate.name.clone(),
            gate.version.clone(),
            gate.digest.chars().take(DIGEST_CHARS).collect(),
            gate.state.as_str().to_owned(),
            gate.imports.join(" "),
            gate.error.clone().unwrap_or_else(|| gate.summary.clone()),
        ]
    })
}

pub(crate) fn inspection(view: &InspectionView) -> String {
    let mut page = String::new();
    let artefact = view.artefact.as_deref().unwrap_or("none");
    for (name, text) in [
        ("name", view.name.as_str()),
        ("version", &view.version),
        ("summary", &view.summary),
        ("contract", &view.contract),
        ("digest", &view.digest),
        ("size", &view.size.to_string()),
        ("status_key", &view.status_key),
        ("artefact", artefact),
    ] {
        // Writing to a String cannot fail.
        writeln!(page, "{name:<11} {}", plain::line(text)).ok();
    }
    page.push_str("It may\n");
    for import in &view.imports {
        let allows = plain::line(&import.allows);
        writeln!(page, "  {:<11} {allows}", plain::line(&import.name)).ok();
    }
    let limits = &view.limits;
    writeln!(
        page,
        "Limits\n  {} MiB of memory, {} ms of processor time, {} ms in all\n  {} host calls that read {} MiB, {} findings",
        limits.memory_bytes / 1024 / 1024,
        limits.cpu_ms,
        limits.wall_ms,
        limits.host_calls,
        limits.read_bytes / 1024 / 1024,
        limits.findings,
    )
    .ok();
    page
}

#[cfg(test)]
mod tests {
    use orch_views::gate::{GateState, ImportView, LimitsView};

    use super::*;
    use crate::show::plain::tests::hostile;

    fn gate(name: &str, state: GateState, error: Option<&str>) -> GateView {
        GateView {
            name: name.into(),
            version: "1.0.0".into(),
            digest: "ab".repeat(32),
            size: 4096,
            summary: "Reads what the reviewer wrote".into(),
            imports: vec!["artefacts".into(), "log".into()],
            state,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn gates_none_one_many_and_of_a_hostile_error() {
        let of = |rows| Page::of_list(rows, 0, 2);
        let good = || gate("review", GateState::Serves, None);
        insta::assert_snapshot!(list(&of(vec![])), @"nothing");
        insta::assert_snapshot!(list(&of(vec![good()])), @r"
        gate    version  digest        state   imports        says
        review  1.0.0    abababababab  serves  artefacts log  Reads what the reviewer wrote
        ");
        let bad = gate(
            "ci",
            GateState::Missing,
            Some("not a WebAssembly component"),
        );
        insta::assert_snapshot!(list(&of(vec![good(), bad, good()])), @r"
        gate    version  digest        state    imports        says
        review  1.0.0    abababababab  serves   artefacts log  Reads what the reviewer wrote
        ci      1.0.0    abababababab  missing  artefacts log  not a WebAssembly component

        showing 2 of 3; `--after 2` shows what follows, `--limit 3` shows more at once
        ");
        let hostile = gate("ci", GateState::RolledBack, Some(&hostile()));
        insta::assert_snapshot!(list(&of(vec![hostile])), @r"
        gate  version  digest        state        imports        says
        ci    1.0.0    abababababab  rolled-back  artefacts log  \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
    }

    #[test]
    fn inspection_says_what_a_file_may_do() {
        let view = InspectionView {
            file: "review.wasm".into(),
            name: "review".into(),
            version: "1.0.0".into(),
            summary: hostile(),
            contract: "0.1.0".into(),
            digest: "ab".repeat(32),
            size: 4096,
            status_key: "verdict".into(),
            artefact: None,
            imports: vec![ImportView {
                name: "log".into(),
                allows: "writes lines into its own log".into(),
            }],
            limits: LimitsView {
                memory_bytes: 64 << 20,
                cpu_ms: 5_000,
                wall_ms: 30_000,
                host_calls: 10_000,
                read_bytes: 64 << 20,
                findings: 500,
            },
            settings_schema: serde_json::Value::Null,
        };
        insta::assert_snapshot!(inspection(&view), @r"
        name        review
        version     1.0.0
        summary     \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        contract    0.1.0
        digest      abababababababababababababababababababababababababababababababab
        size        4096
        status_key  verdict
        artefact    none
        It may
          log         writes lines into its own log
        Limits
          64 MiB of memory, 5000 ms of processor time, 30000 ms in all
          10000 host calls that read 64 MiB, 500 findings
        ");
    }
}
