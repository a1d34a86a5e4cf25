//! Makes evaluations of the past again: with the same gate, or with another one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use orch_engine::{BACKTEST_MAX, KeptEvaluation, Replayed, replay};
use orch_gates::{GateRuntime, LoadedGate, RuntimeConfig};
use serde_json::{Value, json};

use crate::client::Host;
use crate::commands::print;
use crate::show;

async fn kept(host: &Host, id: i64) -> anyhow::Result<KeptEvaluation> {
    let answer = host.get(&format!("/evaluations/{id}")).await?;
    serde_json::from_value(answer).context("the host's answer")
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
    let runtime = GateRuntime::new(RuntimeConfig::default())?;
    let gate = load(&runtime, &file, &evaluation.gate).await?;
    let replayed = replay(&runtime, &gate, &evaluation).await;
    print(json, &serde_json::to_value(&replayed)?, show::replayed);
    Ok(u8::from(!replayed.identical))
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
    let answer = host
        .get(&format!("/gates/{name}/evaluations?last={last}"))
        .await?;
    let ids: Vec<i64> = serde_json::from_value(answer).context("the host's answer")?;
    anyhow::ensure!(
        !ids.is_empty(),
        "no evaluation of gate `{name}` is recorded; `--gate` names another one"
    );
    let runtime = GateRuntime::new(RuntimeConfig::default())?;
    let candidate = load(&runtime, file, &name).await?;
    let mut done: Vec<Replayed> = Vec::new();
    for id in ids {
        // One at a time: recordings are large.
        done.push(replay(&runtime, &candidate, &kept(host, id).await?).await);
    }
    let changed = done.iter().filter(|r| r.changes()).count();
    let rows: Vec<Value> = done.iter().map(row).collect();
    let view = json!({
        "gate": name,
        "candidate": {"file": file.display().to_string(), "version": candidate.descriptor.version, "digest": candidate.digest},
        "evaluations": done.len(),
        "changed": changed,
        "results": rows,
    });
    print(json, &view, show::backtest);
    Ok(u8::from(changed > 0))
}

fn row(replayed: &Replayed) -> Value {
    json!({
        "id": replayed.id,
        "work_item": replayed.work_item,
        "was": replayed.was,
        "is": replayed.is,
        "changes": replayed.changes(),
        "reason": replayed.reason,
        "summary": replayed.summary,
    })
}
