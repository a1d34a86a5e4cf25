//! Where did a task's time go? A row for each stay in a stage, with when agents and gates were at work in it; what is left
//! of a row was queued or waited.

use orch_views::task::TaskView;

use crate::text::{long, long_us};

/// Width of the drawing, in its own units.
const WIDTH: i64 = 1000;

/// A stay in a stage.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) stage: &'static str,
    pub(super) attempt: u32,
    pub(super) took: String,
    pub(super) bars: Vec<Bar>,
}

/// A piece of time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: i64,
    pub(super) width: i64,
    /// `stay`, `agent` or `gate`.
    pub(super) kind: &'static str,
    pub(super) says: String,
}

/// The rows of a task, as of `now_ms`.
pub(super) fn rows(view: &TaskView, now_ms: i64) -> Vec<Row> {
    let Some(begun) = view.stages.first().map(|stay| stay.entered_ms) else {
        return Vec::new();
    };
    let last = view.stages.last().filter(|stay| stay.stage.is_terminal());
    let end = last.map_or(now_ms, |stay| stay.entered_ms).max(begun + 1);
    let scale = |ms: i64| (ms.clamp(begun, end) - begun) * WIDTH / (end - begun);
    let bar = |from: i64, to: i64, kind, says| {
        let x = scale(from);
        // What is too short to be drawn is drawn all the same.
        let width = (scale(to) - x).clamp(2, WIDTH);
        Bar {
            x: x.min(WIDTH - width),
            width,
            kind,
            says,
        }
    };
    let stays = view.stages.iter().filter(|stay| !stay.stage.is_terminal());
    stays
        .map(|stay| {
            let left = stay.left_ms.unwrap_or(end);
            let is_within = |ms: i64| (stay.entered_ms..=left).contains(&ms);
            let took = long(left - stay.entered_ms);
            let whole = bar(
                stay.entered_ms,
                left,
                "stay",
                format!("{}: {took}", stay.stage),
            );
            let runs = view.runs.iter().filter(|run| is_within(run.started_ms));
            let runs = runs.map(|run| {
                let to = run.finished_ms.unwrap_or(end);
                let says = format!(
                    "{} by {}: {}",
                    run.role,
                    run.agent,
                    long(to - run.started_ms)
                );
                bar(run.started_ms, to, "agent", says)
            });
            let gates = view.verdicts.iter().filter(|v| is_within(v.at_ms));
            let gates = gates.map(|v| {
                let says = format!("{}: {} in {}", v.entry, v.decision, long_us(v.elapsed_us));
                bar(v.at_ms - v.elapsed_us / 1000, v.at_ms, "gate", says)
            });
            Row {
                stage: stay.stage.as_str(),
                attempt: stay.attempt,
                took,
                bars: std::iter::once(whole).chain(runs).chain(gates).collect(),
            }
        })
        .collect()
}
