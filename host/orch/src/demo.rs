//! `orch demo`: a small real task, a real host, every stage, in a temporary folder.

mod drive;
mod report;
mod setup;

use std::io::IsTerminal;

use anyhow::Context;
use orch_domain::stage::Stage;
use orch_views::task::TaskView;

use crate::cli::Demo;
use crate::show::print;

pub(crate) async fn run(options: Demo, json: bool) -> anyhow::Result<u8> {
    let gates = std::fs::canonicalize(&options.gates).with_context(|| {
        format!(
            "no gates at `{}`; build them with `cargo xtask gates` or name the folder with --gates",
            options.gates.display()
        )
    })?;
    let folder = tempfile::Builder::new()
        .prefix("orch-demo-")
        .tempdir()
        .context("a temporary folder")?;
    let place = match &options.repo {
        None => setup::make(folder.path(), &gates, options.crash, options.serve).await?,
        Some(project) => setup::of_project(folder.path(), project, options.serve).await?,
    };
    let loud = !json;
    let interactive = std::io::stderr().is_terminal();
    let outcome = drive::carry_through(&place, &options, loud, interactive).await;
    let (view, host) = match outcome {
        Ok(done) => done,
        Err(error) => {
            let kept = folder.keep();
            eprintln!("the demo's folder is kept at {}", kept.display());
            return Err(error);
        }
    };
    if options.keep {
        // Nothing removes it any more.
        let _kept = folder.keep();
        return end(view, &place, &options, host, json).await;
    }
    // The folder goes when everything in it has ended.
    let ended = end(view, &place, &options, host, json).await;
    drop(folder);
    ended
}

async fn end(
    view: TaskView,
    place: &setup::Place,
    options: &Demo,
    host: drive::Process,
    json: bool,
) -> anyhow::Result<u8> {
    let summary = report::summary(view, place, options.keep);
    print(json, &summary, report::text)?;
    if options.serve {
        host.stay(place).await?;
    }
    Ok(if summary.state == Stage::Done { 0 } else { 1 })
}
