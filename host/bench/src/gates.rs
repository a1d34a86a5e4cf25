//! What our evaluate path costs beside bare wasmtime on the same bytes, in the same run.

use std::path::Path;
use std::time::Instant;

use hdrhistogram::Histogram;
use orch_gates::{GateRuntime, Grants, Limits, RuntimeConfig, Seed};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::Table;

/// The no-op gate of the hostile corpus, and a host that answers at once.
#[path = "../../gates/tests/hostile/kit.rs"]
#[allow(dead_code, reason = "the benchmark needs two of the kit's functions")]
mod kit;

/// Evaluations of each kind, in rounds that alternate.
const ROUNDS: usize = 5;
const PER_ROUND: usize = 2_000;

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
    let bytes = kit::guest("pass");
    let ours = GateRuntime::new(RuntimeConfig::default())?;
    let gate = ours.load_bytes("noop", bytes.clone()).await?;
    let (engine, pre) = bare(&bytes)?;
    let compile = Instant::now();
    ours.load_file(Path::new("gates/review.wasm")).await?;
    let load_ms = compile.elapsed().as_secs_f64() * 1000.0;
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
                    kit::quick(),
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
            "A gate that passes at once, {} evaluations of each kind in {ROUNDS} alternating rounds, microseconds. `orch` is the whole evaluate path: every limit on, epochs, a check of the verdict. `bare` is wasmtime with the same kind of pool on the same bytes: a fresh store, an instance, one call of `evaluate`, nothing counted or limited. Bare's median is {:.0} % of ours. Compiling and loading the `review` gate took {load_ms:.0} ms.",
            ROUNDS * PER_ROUND,
            ratio * 100.0
        ),
        header: vec!["path", "p50 µs", "p95 µs", "p99 µs"],
        rows: vec![row("orch", &ours_us), row("bare", &bare_us)],
    })
}

type Pre = bindings::FullPre<Bare>;

fn bare(bytes: &[u8]) -> anyhow::Result<(Engine, Pre)> {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(256 * 1024 * 1024)
        .linear_memory_keep_resident(1024 * 1024)
        .total_memories(80)
        .max_memories_per_module(4)
        .max_memories_per_component(4)
        .max_tables_per_module(20)
        .max_tables_per_component(20)
        .total_tables(80);
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
    let pre = bindings::FullPre::new(pre).map_err(anyhow::Error::from_boxed_wasmtime)?;
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
    let full = pre
        .instantiate_async(&mut store)
        .await
        .map_err(anyhow::Error::from_boxed_wasmtime)?;
    let answer = full.orch_gate_gate().call_evaluate(&mut store).await;
    let verdict = answer.map_err(anyhow::Error::from_boxed_wasmtime)?;
    anyhow::ensure!(verdict.is_ok(), "the gate did not pass");
    Ok(())
}
