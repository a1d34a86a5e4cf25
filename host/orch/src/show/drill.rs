//! Drills as text: what became of each change, and what each gate made of all of them.

use orch_domain::drill::DrillAnswer;
use orch_views::drill::{DrillClassView, DrillView};
use orch_views::page::Page;

use super::{plain, table};

pub(crate) fn list(drills: &Page<DrillView>) -> String {
    let header = [
        "drill",
        "repository",
        "asked",
        "by",
        "caught",
        "escaped",
        "undecided",
        "is over",
    ];
    table::page(header, drills, |row| {
        [
            row.drill.to_string(),
            row.repo.clone(),
            row.asked.clone(),
            row.person.clone(),
            row.caught.to_string(),
            row.escaped.to_string(),
            row.undecided.to_string(),
            if row.is_over { "yes" } else { "no" }.to_owned(),
        ]
    })
}

pub(crate) fn report(drill: &DrillView) -> String {
    let classes = table::table(
        ["class", "came to", "what", "by"],
        &drill.classes,
        |class| {
            [
                class.class.to_string(),
                class.fate.to_string(),
                class.note.clone(),
                by(class),
            ]
        },
    );
    let gates = table::table(
        [
            "gate",
            "mode",
            "caught",
            "let through",
            "undecided",
            "holds up",
        ],
        &drill.gates,
        |gate| {
            [
                gate.entry.clone(),
                gate.mode.to_string(),
                gate.caught.to_string(),
                gate.let_through.to_string(),
                gate.undecided.to_string(),
                if gate.holds_all {
                    "harmless changes too"
                } else {
                    ""
                }
                .to_owned(),
            ]
        },
    );
    let mut text = format!(
        "drill {} of {}: {} caught, {} escaped, {} undecided, {} not applicable{}\n\n{classes}\n\n{gates}\n",
        drill.drill,
        plain::line(&drill.repo),
        drill.caught,
        drill.escaped,
        drill.undecided,
        drill.not_applicable,
        if drill.is_over {
            ""
        } else {
            "; still under way"
        },
    );
    for class in &drill.classes {
        if let Some(remedy) = &class.remedy {
            text.push_str(&format!("\n{}: {}", class.class, plain::line(remedy)));
        }
    }
    text
}

/// The gates that caught it.
fn by(class: &DrillClassView) -> String {
    let caught = class
        .answers
        .iter()
        .filter(|answer| answer.answer == DrillAnswer::Caught);
    let names = caught.map(|answer| answer.entry.clone());
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use orch_domain::drill::{DrillClass, DrillFate};
    use orch_domain::pipeline::Mode;
    use orch_views::drill::{DrillAnswerView, DrillGateView};

    use super::*;

    #[test]
    fn what_escapes_stands_with_what_would_have_caught_it() {
        let class = |class: DrillClass, fate, remedy: Option<&str>| DrillClassView {
            class,
            about: class.about().into(),
            fate,
            note: "a.py: line 1".into(),
            work_item: Some("DRILL-1-x".into()),
            answers: vec![DrillAnswerView {
                entry: "ci-green".into(),
                mode: Mode::Enforce,
                answer: match fate {
                    DrillFate::Caught => DrillAnswer::Caught,
                    _ => DrillAnswer::LetThrough,
                },
                evaluation: Some(1),
            }],
            remedy: remedy.map(str::to_owned),
        };
        let drill = DrillView {
            drill: 1,
            repo: "shop".into(),
            base: "a".repeat(40),
            person: "ann".into(),
            asked: "2026-11-21T10:00:00Z".into(),
            asked_ms: 0,
            is_over: true,
            caught: 1,
            escaped: 1,
            undecided: 0,
            not_applicable: 0,
            control: None,
            classes: vec![
                class(DrillClass::Broken, DrillFate::Caught, None),
                class(
                    DrillClass::Secret,
                    DrillFate::Escaped,
                    Some("no gate here looks for it"),
                ),
            ],
            gates: vec![DrillGateView {
                entry: "ci-green".into(),
                gate: "ci".into(),
                mode: Mode::Enforce,
                caught: 1,
                let_through: 1,
                undecided: 0,
                holds_all: false,
            }],
        };
        let text = report(&drill);
        for part in [
            "drill 1 of shop: 1 caught, 1 escaped",
            "broken",
            "secret: no gate here looks for it",
            "ci-green",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
