//! What our evaluate path costs beside bare wasmtime on the same bytes, in the same run.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use orch_domain::imports::{
    Answer, ArtefactInfo, ChangedFile, Commit, GateImports, LogLevel, ReadError, Revision, Subject,
};
use orch_gates::{GateRuntime, Grants, Limits, RuntimeConfig, Seed};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::Table;

/// Evaluations of each kind, in rounds that alternate.
const ROUNDS: usize = 5;
const PER_ROUND: usize = 2_000;

/// A host that has one artefact to show: the deploy gate reads its frontmatter and passes.
struct Answers;

const LOG: &str =
    "---\ndeploy_status: SUCCESS\nwork_item: S-1\nhook_exit_code: 0\ndeployed_by: host\n---\n";

impl GateImports for Answers {
    fn subject(&self) -> Subject {
        Subject {
            work_item: "S-1".into(),
            title: String::new(),
            repo: String::new(),
            stage: "deploy".into(),
            branch: String::new(),
            base_branch: String::new(),
            head_sha: String::new(),
            base_sha: String::new(),
            attempt: 1,
        }
    }
    fn settings(&self) -> String {
        "{}".into()
    }
    fn log(&self, _: LogLevel, _: &str) {}
    fn artefacts(&self) -> Answer<'_, Vec<ArtefactInfo>> {
        Box::pin(async {
            let written_by = orch_domain::imports::Author::Host;
            vec![ArtefactInfo {
                path: "14-deploy-log.md".into(),
                size: LOG.len() as u64,
                written_by,
            }]
        })
    }
    fn read_artefact<'a>(&'a self, _: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async { Ok(LOG.to_owned()) })
    }
    fn read_file<'a>(&'a self, _: Revision, _: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async { Err(ReadError::Missing) })
    }
    fn files<'a>(&'a self, _: Revision, _: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(async { Vec::new() })
    }
    fn changed_files(&self) -> Answer<'_, Vec<ChangedFile>> {
        Box::pin(async { Vec::new() })
    }
    fn commits(&self) -> Answer<'_, Vec<Commit>> {
        Box::pin(async { Vec::new() })
    }
}

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "full",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// The least a host can do: answers are constants, nothing is counted or limited but the memory pool.
struct Bare {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are valid")
}

pub(crate) async fn run() -> anyhow::Result<Table> {
    let path = Path::new("gates/deploy.wasm");
    let ours = GateRuntime::new(RuntimeConfig::default())?;
    let compile = Instant::now();
    let gate = ours.load_file(path).await?;
    let load_ms = compile.elapsed().as_secs_f64() * 1000.0;
    let (engine, pre) = bare(&std::fs::read(path)?)?;
    let (mut ours_us, mut bare_us) = (histogram(), histogram());
    for round in 0..ROUNDS {
        for n in 0..PER_ROUND {
            let seed = Seed {
                evaluation: (round * PER_ROUND + n) as i64,
                now_ms: 1,
            };
            let begun = Instant::now();
            let done = ours
                .evaluate(
                    &gate,
                    Arc::new(Answers),
                    &Grants::reading(),
                    &Limits::default(),
                    seed,
                )
                .await;
            ours_us.record(begun.elapsed().as_nanos() as u64)?;
            anyhow::ensure!(done.result.is_ok(), "{:?}", done.result);
        }
        for _ in 0..PER_ROUND {
            let begun = Instant::now();
            call(&engine, &pre).await?;
            bare_us.record(begun.elapsed().as_nanos() as u64)?;
        }
    }
    let row = |name: &str, h: &Histogram<u64>| {
        let us = |q: f64| format!("{:.1}", h.value_at_quantile(q) as f64 / 1000.0);
        vec![name.to_owned(), us(0.5), us(0.95), us(0.99)]
    };
    let ratio = bare_us.value_at_quantile(0.5) as f64 / ours_us.value_at_quantile(0.5) as f64;
    Ok(Table {
        title: "Gate evaluation",
        note: format!(
            "The `deploy` gate, {} evaluations of each kind in {ROUNDS} alternating rounds, microseconds. `orch` evaluates: it reads its artefact through host calls, counted and limited, and its verdict is checked. `bare` is wasmtime with the same pool on the same bytes: a fresh store, an instance and one call that returns the descriptor, without limits, epochs or host calls. Bare needs {:.0} % of our median. Loading, compilation included, took {load_ms:.0} ms.",
            ROUNDS * PER_ROUND,
            ratio * 100.0
        ),
        header: vec!["path", "p50 µs", "p95 µs", "p99 µs"],
        rows: vec![row("orch", &ours_us), row("bare", &bare_us)],
    })
}

type Pre = wasmtime::component::InstancePre<Bare>;

fn bare(bytes: &[u8]) -> anyhow::Result<(Engine, Pre)> {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(256 * 1024 * 1024)
        .linear_memory_keep_resident(1024 * 1024)
        .total_memories(20);
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .memory_init_cow(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config).map_err(anyhow::Error::from_boxed_wasmtime)?;
    let component =
        Component::from_binary(&engine, bytes).map_err(anyhow::Error::from_boxed_wasmtime)?;
    let mut linker: Linker<Bare> = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)
        .map_err(anyhow::Error::from_boxed_wasmtime)?;
    linker
        .define_unknown_imports_as_traps(&component)
        .map_err(anyhow::Error::from_boxed_wasmtime)?;
    let pre = linker
        .instantiate_pre(&component)
        .map_err(anyhow::Error::from_boxed_wasmtime)?;
    Ok((engine, pre))
}

/// Turns wasmtime's error into ours, with its whole chain.
trait FromWasmtime {
    fn from_boxed_wasmtime(error: wasmtime::Error) -> Self;
}

impl FromWasmtime for anyhow::Error {
    fn from_boxed_wasmtime(error: wasmtime::Error) -> Self {
        anyhow::anyhow!("{error:#}")
    }
}

async fn call(engine: &Engine, pre: &Pre) -> anyhow::Result<()> {
    let state = Bare {
        wasi: WasiCtxBuilder::new().build(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(engine, state);
    let full = bindings::FullPre::new(pre.clone()).map_err(anyhow::Error::from_boxed_wasmtime)?;
    let full = full
        .instantiate_async(&mut store)
        .await
        .map_err(anyhow::Error::from_boxed_wasmtime)?;
    full.orch_gate_gate()
        .call_describe(&mut store)
        .await
        .map_err(anyhow::Error::from_boxed_wasmtime)?;
    Ok(())
}
