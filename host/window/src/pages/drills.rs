//! What did the gates make of the changes of drills? A part of the page of the gates.

use std::collections::BTreeMap;

use orch_domain::drill::{DrillAnswer, DrillFate};
use orch_views::drill::{self, DrillAnswerView, DrillClassView, DrillView};

use crate::act::{Act, Acts};
use crate::chart::{Chart, chart};
use crate::text::{When, in_path, line};

/// The latest drill of a repository.
pub(crate) struct Drill {
    pub(crate) number: i64,
    pub(crate) repo: String,
    pub(crate) says: String,
    pub(crate) when: When,
    pub(crate) control: Option<(String, String)>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) rows: Vec<Row>,
    /// What could not be made here, and why.
    pub(crate) not_made: Vec<(&'static str, String)>,
}

/// A gate, above its column.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) mode: &'static str,
    pub(crate) caught: u64,
    pub(crate) let_through: u64,
    pub(crate) holds_all: bool,
}

/// One bad change.
pub(crate) struct Row {
    pub(crate) class: &'static str,
    pub(crate) about: String,
    pub(crate) fate: &'static str,
    pub(crate) note: String,
    /// Address and name of its task.
    pub(crate) task: Option<(String, String)>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) remedy: String,
}

/// What a gate made of a change.
pub(crate) struct Cell {
    pub(crate) mark: &'static str,
    pub(crate) words: &'static str,
    pub(crate) look: &'static str,
    pub(crate) evaluation: Option<i64>,
}

/// Drills that are looked back at.
pub(crate) const PAST: u32 = 30;

/// For each repository with more than one drill behind it, how much escaped in each, in percent of what could be said.
pub(crate) fn escapes(newest_first: Vec<DrillView>) -> Vec<Chart> {
    let mut by_repo: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for drill in newest_first.into_iter().rev().filter(|d| d.is_over) {
        let told = drill.caught + drill.escaped;
        if let Some(percent) = (drill.escaped * 100).checked_div(told) {
            let name = format!("drill {}", drill.drill);
            by_repo.entry(drill.repo).or_default().push((name, percent));
        }
    }
    let several = by_repo.into_iter().filter(|(_, all)| all.len() > 1);
    let charts = several.filter_map(|(repo, all)| {
        let title = format!("{}: percent that escaped, drill by drill", line(&repo));
        chart(&format!("escapes-{repo}"), title, "escaped, %", all)
    });
    charts.collect()
}

/// Drills as they are drawn.
pub(crate) fn drawn(views: Vec<DrillView>, now_ms: i64) -> Vec<Drill> {
    views.into_iter().map(|view| draw(view, now_ms)).collect()
}

/// The order that begins a drill, for each repository.
pub(crate) fn orders(acts: Acts<'_>, repos: Vec<String>) -> Vec<Act> {
    let order = |repo: String| {
        let label = format!("Drill {repo}");
        let act = acts.order(
            drill::BEGIN.least,
            ("drill", "/ui/drills"),
            &label,
            &["drill", &repo],
        );
        act.map(|act| {
            act.with("repo", repo)
                .comes_to("bad changes go through its gates; none lands, no agent works")
        })
    };
    repos.into_iter().filter_map(order).collect()
}

fn draw(view: DrillView, now_ms: i64) -> Drill {
    let (made, not_made): (Vec<_>, Vec<_>) = view
        .classes
        .into_iter()
        .partition(|class| class.fate != DrillFate::NotApplicable);
    let says = format!(
        "{} caught, {} escaped, {} undecided{}",
        view.caught,
        view.escaped,
        view.undecided,
        if view.is_over {
            ""
        } else {
            "; still under way"
        }
    );
    let names: Vec<String> = view.gates.iter().map(|gate| gate.entry.clone()).collect();
    Drill {
        number: view.drill,
        says,
        when: When::of(view.asked_ms, now_ms),
        control: view.control.map(|item| (in_path(&item), item)),
        entries: view
            .gates
            .into_iter()
            .map(|gate| Entry {
                name: gate.entry,
                mode: gate.mode.as_str(),
                caught: gate.caught,
                let_through: gate.let_through,
                holds_all: gate.holds_all,
            })
            .collect(),
        rows: made.into_iter().map(|class| row(class, &names)).collect(),
        not_made: not_made
            .into_iter()
            .map(|class| (class.class.as_str(), line(&class.note)))
            .collect(),
        repo: view.repo,
    }
}

fn row(class: DrillClassView, names: &[String]) -> Row {
    let of = |name: &String| class.answers.iter().find(|answer| answer.entry == *name);
    let cells = names.iter().map(|name| cell(of(name))).collect();
    Row {
        class: class.class.as_str(),
        fate: class.fate.as_str(),
        note: line(&class.note),
        task: class.work_item.map(|item| (in_path(&item), item)),
        cells,
        remedy: class.remedy.as_deref().map(line).unwrap_or_default(),
        about: class.about,
    }
}

fn cell(answer: Option<&DrillAnswerView>) -> Cell {
    let (mark, words, look) = match answer.map(|answer| answer.answer) {
        Some(DrillAnswer::Caught) => ("✓", "caught", "pass"),
        Some(DrillAnswer::LetThrough) => ("·", "let through", "none"),
        Some(DrillAnswer::Undecided) => ("?", "undecided", "inconclusive"),
        Some(DrillAnswer::HoldsAll) => ("≡", "holds up harmless changes too", "wait"),
        None => ("…", "has not judged yet", "none"),
    };
    Cell {
        mark,
        words,
        look,
        evaluation: answer.and_then(|answer| answer.evaluation),
    }
}
