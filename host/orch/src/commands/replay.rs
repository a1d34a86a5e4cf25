//! Makes evaluations of the past again: with the same gate, or with another one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use orch_gates::{GateRuntime, LoadedGate};
use orch_http::EVALUATION;
use orch_judge::{BACKTEST_MAX, KeptEvaluation, Replayed};
use orch_views::message::Nothing;
use orch_views::page::{LIMIT_MAX, PageRequest};
use orch_views::replay::{self, BacktestRow, BacktestView, CandidateView, ReplayView};

use crate::client::Host;
use crate::setup::gate_runtime;
use crate::show::{self, print};

async fn kept(host: &Host, id: i64) -> anyhow::Result<KeptEvaluation> {
    host.ask(&EVALUATION, [&id.to_string()], &Nothing {}).await
}

/// Numbers of a gate's latest evaluations, page by page.
async fn latest(host: &Host, gate: &str, last: u32) -> anyhow::Result<Vec<i64>> {
    let mut ids = Vec::new();
    let mut after = None;
    let last = usize::try_from(last)?;
    loop {
        let request = PageRequest {
            limit: Some(LIMIT_MAX),
            after,
        };
        let page = host.ask(&replay::RECORDED, [gate], &request).await?;
        ids.extend(page.items);
        after = page.next;
        if after.is_none() || ids.len() >= last {
            ids.truncate(last);
            return Ok(ids);
        }
    }
}

async fn load(
    runtime: &GateRuntime,
    file: &Path,
    name: &str,
) -> anyhow::Result<std::sync::Arc<LoadedGate>> {
    runtime
        .load_file_as(file, name)
        .await
        .with_context(|| format!("gate file `{}` cannot be loaded", file.display()))
}

/// Makes one evaluation again; exit code 0 if it is the same, 1 if not.
pub(crate) async fn one(
    host: &Host,
    id: i64,
    file: Option<PathBuf>,
    json: bool,
) -> anyhow::Result<u8> {
    let evaluation = kept(host, id).await?;
    let file = match file.or_else(|| evaluation.gate_file.clone()) {
        Some(file) => file,
        None => anyhow::bail!(
            "the host no longer has `{}` {}; name a file with --gate",
            evaluation.gate,
            evaluation.digest
        ),
    };
    let runtime = gate_runtime()?;
    let gate = load(&runtime, &file, &evaluation.gate).await?;
    let view = view(orch_judge::replay(&runtime, &gate, &evaluation).await);
    print(json, &view, show::replay::replayed)?;
    Ok(u8::from(!view.identical))
}

/// Asks a candidate about the latest evaluations of a gate; exit code 1 if a decision would change.
pub(crate) async fn many(
    host: &Host,
    file: &Path,
    gate: Option<String>,
    last: u32,
    json: bool,
) -> anyhow::Result<u8> {
    anyhow::ensure!(
        (1..=BACKTEST_MAX).contains(&last),
        "--last takes a number from 1 to {BACKTEST_MAX}"
    );
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned());
    let name = gate.or(stem).unwrap_or_default();
    let ids = latest(host, &name, last).await?;
    anyhow::ensure!(
        !ids.is_empty(),
        "no evaluation of gate `{name}` is recorded; `--gate` names another one"
    );
    let runtime = gate_runtime()?;
    let candidate = load(&runtime, file, &name).await?;
    let mut results = Vec::new();
    for id in ids {
        // One at a time: recordings are large.
        let evaluation = kept(host, id).await?;
        results.push(row(
            orch_judge::replay(&runtime, &candidate, &evaluation).await
        ));
    }
    let changed = results.iter().filter(|row| row.changes).count() as u64;
    let view = BacktestView {
        gate: name,
        candidate: CandidateView {
            file: file.display().to_string(),
            version: candidate.descriptor.version.clone(),
            digest: candidate.digest.clone(),
        },
        evaluations: results.len() as u64,
        changed,
        results,
    };
    print(json, &view, show::replay::backtest)?;
    Ok(u8::from(changed > 0))
}

fn view(replayed: Replayed) -> ReplayView {
    ReplayView {
        id: replayed.id,
        work_item: replayed.work_item,
        was: replayed.was,
        is: replayed.is,
        reason: replayed.reason,
        summary: replayed.summary,
        same_gate: replayed.same_gate,
        identical: replayed.identical,
    }
}

fn row(replayed: Replayed) -> BacktestRow {
    BacktestRow {
        changes: replayed.changes(),
        id: replayed.id,
        work_item: replayed.work_item,
        was: replayed.was,
        is: replayed.is,
        reason: replayed.reason,
        summary: replayed.summary,
    }
}
