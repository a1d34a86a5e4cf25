//! Prints what the transition function does for every step and event of the default pipeline to
//! `docs/reference/stages.md`, and fails when the page is out of date.

use super::tests::build::{all_events, at_step};
use super::{Chance, Effect, Transition, transition};
use crate::pipeline::Pipeline;

fn effect_name(effect: &Effect) -> String {
    match effect {
        Effect::Enqueue {
            kind, delay_ms: 0, ..
        } => format!("enqueue {}", kind.as_str()),
        Effect::Enqueue { kind, .. } => format!("enqueue {} later", kind.as_str()),
        Effect::CancelJobs => "cancel jobs".to_owned(),
        Effect::ReleaseMergeLease => "release merge lease".to_owned(),
        Effect::Notify(kind) => format!("tell {}", kind.name()),
        Effect::Tracker(state) => format!("tracker {}", state.as_str()),
        Effect::Comment(_) => "comment".to_owned(),
        Effect::OpenPullRequest => "open pull request".to_owned(),
        Effect::ClosePullRequest => "close pull request".to_owned(),
        Effect::NewBranch => "new branch".to_owned(),
        Effect::RemoveWorkspace => "remove workspace".to_owned(),
    }
}

fn page() -> String {
    let pipeline = Pipeline::default();
    let mut page = String::from(
        "# Stages\n\n\
         What each event does to a task at each step of the default pipeline.\n\
         Events that do not fit a step change nothing and are left out.\n\
         This page is printed by the tests of `orch-domain` from the transition function itself; \
         `ORCH_BLESS=1 cargo test -p orch-domain` writes it anew.\n",
    );
    let mut stage_before = None;
    for (stage, index, name) in steps(&pipeline) {
        if stage_before != Some(stage) {
            page.push_str(&format!(
                "\n## {stage}\n\n| step | event | next | effects |\n|---|---|---|---|\n"
            ));
            stage_before = Some(stage);
        }
        for (label, event) in all_events(&pipeline, stage, index) {
            let task = at_step(&pipeline, stage, index);
            let Transition::Applied { task, effects } =
                transition(&task, &pipeline, &event, 1_000, Chance(0.5))
            else {
                continue;
            };
            let next_step = pipeline
                .step(task.stage, task.step)
                .map(|s| format!(" · {}", s.name()))
                .unwrap_or_default();
            let effects: Vec<String> = effects.iter().map(effect_name).collect();
            page.push_str(&format!(
                "| {name} | {label} | {}{next_step} ({}) | {} |\n",
                task.stage,
                task.status.name(),
                effects.join(", ")
            ));
        }
    }
    page
}

fn steps(pipeline: &Pipeline) -> Vec<(crate::stage::Stage, u32, String)> {
    let mut list = Vec::new();
    for stage in crate::stage::Stage::ALL {
        for (index, step) in pipeline.steps(stage).iter().enumerate() {
            list.push((stage, u32::try_from(index).unwrap(), step.name()));
        }
    }
    list
}

#[test]
fn stages_page_says_what_the_function_does() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/stages.md"
    );
    let page = page();
    if std::env::var_os("ORCH_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let on_disk = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        on_disk == page,
        "docs/reference/stages.md is out of date; run `ORCH_BLESS=1 cargo test -p orch-domain`"
    );
}
