//! What the demo shows at its end, for people and machines.

use std::fmt::Write as _;

use orch_domain::stage::Stage;
use orch_views::task::{StageVisit, TaskView, VerdictView};
use serde::Serialize;

use super::setup::Place;
use crate::show::plain;

/// What happened.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Stage it ended in.
    pub(super) state: Stage,
    work_item: String,
    stages: Vec<Stay>,
    verdicts: Vec<VerdictView>,
    merged_commit: Option<String>,
    rework_rounds: u32,
    reattached_runs: usize,
    /// The branch that it landed on.
    base: String,
    /// What was left behind.
    kept: Option<Kept>,
    #[serde(skip)]
    findings: Vec<String>,
}

/// What was left behind.
#[derive(Debug, Serialize)]
struct Kept {
    repository: String,
    config: String,
}

/// A stay in a stage with its length.
#[derive(Debug, Serialize)]
struct Stay {
    #[serde(flatten)]
    visit: StageVisit,
    duration_ms: Option<i64>,
}

pub(super) fn summary(view: TaskView, place: &Place, kept: bool) -> Summary {
    let stay = |visit: StageVisit| Stay {
        duration_ms: visit.left_ms.map(|left| left - visit.entered_ms),
        visit,
    };
    Summary {
        state: view.line.stage,
        work_item: view.line.work_item,
        stages: view.stages.into_iter().map(stay).collect(),
        verdicts: view.verdicts,
        merged_commit: view.merged_commit,
        rework_rounds: view.line.rework_rounds,
        reattached_runs: view.runs.iter().filter(|run| run.reattached > 0).count(),
        kept: kept.then(|| Kept {
            repository: place.bare.display().to_string(),
            config: place.config.display().to_string(),
        }),
        base: place.base.clone(),
        findings: view.comments,
    }
}

pub(super) fn text(summary: &Summary) -> String {
    let mut page = format!(
        "\n{} is {}.\n\nStages\n",
        plain::line(&summary.work_item),
        summary.state
    );
    for stay in &summary.stages {
        let took = stay.duration_ms.map(|ms| format!("{ms:>7} ms"));
        // Writing to a String cannot fail.
        writeln!(
            page,
            "  {:<15} attempt {}  {}",
            stay.visit.stage.as_str(),
            stay.visit.attempt,
            took.unwrap_or_default()
        )
        .ok();
    }
    page.push_str("\nVerdicts\n");
    for verdict in &summary.verdicts {
        writeln!(page, "  {}", line(verdict)).ok();
    }
    for finding in &summary.findings {
        let finding = plain::block(finding).replace('\n', "\n  ");
        writeln!(page, "\nSent back with\n  {finding}").ok();
    }
    if summary.reattached_runs > 0 {
        let runs = summary.reattached_runs;
        writeln!(
            page,
            "\n{runs} run was taken up again after the host was killed; it ran once."
        )
        .ok();
    }
    if let Some(sha) = &summary.merged_commit {
        writeln!(
            page,
            "\nLanded on {} as {}",
            plain::line(&summary.base),
            plain::line(sha)
        )
        .ok();
    }
    page.push_str(&next(summary));
    page
}

fn line(verdict: &VerdictView) -> String {
    let digest: String = verdict.digest.chars().take(12).collect();
    let line = format!(
        "{:<18} {:<15} {} {} {digest}  {}",
        verdict.entry,
        verdict.decision.as_str(),
        verdict.gate,
        verdict.version,
        verdict.summary,
    );
    plain::line(&line)
}

fn next(summary: &Summary) -> String {
    let item = plain::line(&summary.work_item);
    match &summary.kept {
        Some(Kept { repository, config }) => format!(
            "\nThe artefacts are in docs/work-items/{item} of {repository}:\n  git -C {repository} ls-tree -r --name-only {} docs/work-items/{item}\n\nNext\n  orch --config {config} task show {item}\n  orch --config {config} serve\n",
            plain::line(&summary.base)
        ),
        None => "\nNext\n  cargo xtask demo --keep     leaves the folder with repository, artefacts and logs\n  cargo xtask demo --crash    kills the host in the middle\n  docs/operators/configuration.md says how to use a repository of your own\n".to_owned(),
    }
}
