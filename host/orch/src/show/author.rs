//! What gate authors see of their projects, as text.

use std::fmt::Write as _;

use orch_views::author::{BegunView, BenchView, BuiltView, CheckView};

use super::plain;
use super::table::table;

pub(crate) fn begun(view: &BegunView) -> String {
    let folder = plain::line(&view.folder);
    format!(
        "the gate's project is in {folder}; next: cd {folder} && orch gate build && orch gate test"
    )
}

pub(crate) fn built(view: &BuiltView) -> String {
    format!("built {}", plain::line(&view.file))
}

pub(crate) fn notes(view: &CheckView) -> String {
    let mut page = String::new();
    for note in &view.notes {
        // Writing to a String cannot fail.
        writeln!(
            page,
            "{:<8} {}",
            note.level.as_str(),
            plain::block(&note.text)
        )
        .ok();
    }
    let verdict = if view.errors == 0 {
        "a host would take it"
    } else {
        "a host would not take it"
    };
    format!("{page}{}: {verdict}", plain::line(&view.file))
}

pub(crate) fn measured(view: &BenchView) -> String {
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
    table(columns, &view.cases, |case| {
        [
            case.name.clone(),
            case.evaluations.to_string(),
            case.p50_us.to_string(),
            case.p99_us.to_string(),
            case.max_us.to_string(),
            case.per_second.to_string(),
            case.cpu_us.to_string(),
            case.memory_bytes.to_string(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use orch_views::author::{AboutGate, MeasureView, NoteLevel, NoteView};

    use super::*;
    use crate::show::plain::tests::hostile;

    #[test]
    fn check_without_notes_with_some_and_of_a_hostile_gate() {
        let view = |errors, notes| CheckView {
            file: "mine.wasm".into(),
            errors,
            notes,
        };
        let note = |level: NoteLevel, text: &str| NoteView {
            level,
            text: text.into(),
        };
        insta::assert_snapshot!(notes(&view(0, vec![])), @"mine.wasm: a host would take it");
        let some = vec![
            note(NoteLevel::Error, "it imports `wasi:sockets`"),
            note(NoteLevel::Warning, &hostile()),
        ];
        insta::assert_snapshot!(notes(&view(1, some)), @r"
        error    it imports `wasi:sockets`
        warning  \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}
        next
        mine.wasm: a host would not take it
        ");
    }

    #[test]
    fn measurements_none_and_one() {
        let view = |cases| BenchView {
            gate: AboutGate {
                gate: "mine".into(),
                version: "1.0.0".into(),
                digest: "ab".into(),
            },
            cases,
        };
        insta::assert_snapshot!(measured(&view(vec![])), @"nothing");
        let case = MeasureView {
            name: "passes".into(),
            evaluations: 200,
            p50_us: 120,
            p99_us: 400,
            max_us: 900,
            per_second: 8_000,
            cpu_us: 90,
            memory_bytes: 1_048_576,
        };
        insta::assert_snapshot!(measured(&view(vec![case])), @r"
        name    evaluations  p50_us  p99_us  max_us  per_second  cpu_us  memory_bytes
        passes  200          120     400     900     8000        90      1048576
        ");
    }

    #[test]
    fn project_says_what_comes_next() {
        let view = BegunView {
            folder: "mine".into(),
        };
        insta::assert_snapshot!(begun(&view), @"the gate's project is in mine; next: cd mine && orch gate build && orch gate test");
        let view = BuiltView {
            file: "mine/mine.wasm".into(),
        };
        insta::assert_snapshot!(built(&view), @"built mine/mine.wasm");
    }
}
