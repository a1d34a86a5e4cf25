//! Bare wasmtime: the least a host can do with a gate.

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::NOTES;
use bindings::orch::gate::types::Decision;
use bindings::orch::gate::{artefacts, task};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "full",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// The host's engine gives every gate a slot of this many core instances; a Python gate needs 38.
const INSTANCES_MAX: u32 = 64;
/// Evaluations at once that the pool has room for.
const SLOTS: u32 = 20;

/// A gate on bare wasmtime.
pub(crate) struct Bare {
    engine: Engine,
    pre: bindings::FullPre<Answers>,
}

/// What one evaluation sees: answers are constants, nothing is counted or limited but the memory pool.
struct Answers {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Answers {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl task::Host for Answers {
    fn get_subject(&mut self) -> wasmtime::Result<task::Subject> {
        Err(wasmtime::Error::msg("no gate here asks for its subject"))
    }
    fn settings(&mut self) -> wasmtime::Result<String> {
        Ok("{}".to_owned())
    }
    fn log(&mut self, _: task::Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl artefacts::Host for Answers {
    fn all(&mut self) -> wasmtime::Result<Vec<artefacts::Artefact>> {
        Ok(Vec::new())
    }
    fn read(&mut self, _: String) -> wasmtime::Result<Result<String, artefacts::ReadError>> {
        Ok(Ok(NOTES.to_owned()))
    }
}

impl Bare {
    /// Compiles `bytes` for an engine that counts no epochs, and links what the gates here ask for.
    pub(crate) fn of(bytes: &[u8]) -> anyhow::Result<Self> {
        let engine = Engine::new(&config()).map_err(plain)?;
        let component = Component::from_binary(&engine, bytes).map_err(plain)?;
        let mut linker: Linker<Answers> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(plain)?;
        task::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut Answers| s).map_err(plain)?;
        artefacts::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut Answers| s)
            .map_err(plain)?;
        linker
            .define_unknown_imports_as_traps(&component)
            .map_err(plain)?;
        let pre = linker.instantiate_pre(&component).map_err(plain)?;
        let pre = bindings::FullPre::new(pre).map_err(plain)?;
        Ok(Self { engine, pre })
    }

    /// A fresh store, an instance, one call.
    pub(crate) async fn evaluate(&self) -> anyhow::Result<()> {
        let state = Answers {
            wasi: WasiCtxBuilder::new().build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        let full = self
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(plain)?;
        let answer = full.orch_gate_gate().call_evaluate(&mut store).await;
        let verdict = answer.map_err(plain)?;
        let passes = verdict
            .as_ref()
            .is_ok_and(|v| matches!(v.decision, Decision::Pass));
        anyhow::ensure!(passes, "the gate did not pass: {verdict:?}");
        Ok(())
    }
}

/// An engine with the host's own settings, so that its code is the same code and it takes the host's images.
pub(crate) fn engine_like_ours() -> anyhow::Result<Engine> {
    Engine::new(config().epoch_interruption(true)).map_err(plain)
}

/// The host's settings, pool and all, without epochs: those are there for a limit.
fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(SLOTS)
        .total_core_instances(SLOTS * INSTANCES_MAX)
        .total_memories(SLOTS * 4)
        .total_tables(SLOTS * 20)
        .total_stacks(SLOTS)
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_module(4)
        .max_tables_per_module(20)
        .max_memories_per_component(4)
        .max_tables_per_component(20)
        .max_memory_size(256 * 1024 * 1024)
        .table_elements(20_000)
        .max_component_instance_size(1024 * 1024)
        .max_core_instance_size(1024 * 1024)
        .linear_memory_keep_resident(16 * 1024 * 1024)
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(64 * 1024)
        .async_stack_keep_resident(64 * 1024);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .memory_init_cow(true)
        .max_wasm_stack(512 * 1024)
        .async_stack_size(1536 * 1024)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Turns wasmtime's error into ours, with its whole chain.
pub(crate) fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
