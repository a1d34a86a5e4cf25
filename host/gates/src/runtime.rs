//! The engine: one configuration, one linker, one ticker, one published set of gates.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::contract::bindings::Full;
use crate::registry::Registry;
use crate::state::State;
use crate::ticker::Ticker;

/// Tables of one component. A compiled Rust gate has one and a handful of instances; an adapter adds some.
const TABLES_MAX: u32 = 20;
/// Core instances of one component. A Python gate has 38: the interpreter's modules and the stubs between them.
const INSTANCES_MAX: u32 = 64;
/// Bytes of a memory that an evaluation wrote to and that are put back instead of given back: no page of them faults in
/// the next one. A started interpreter writes to a few MiB; a gate in Rust to some pages.
const MEMORY_KEPT: usize = 16 * 1024 * 1024;

/// How the runtime is set up.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// Evaluations at once; more wait outside the engine.
    pub concurrency: u32,
    /// Largest single memory, bytes. Sums are limited per evaluation.
    pub memory_bytes_max: usize,
    /// Largest gate file, bytes.
    pub file_bytes_max: u64,
    /// Where the machine code of gates that are loaded by themselves is kept; none compiles each time. A folder that
    /// others may write to is not used.
    pub images: Option<PathBuf>,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            concurrency: 16,
            memory_bytes_max: 256 * 1024 * 1024,
            // A Python gate brings an interpreter of 18 MiB along.
            file_bytes_max: 32 * 1024 * 1024,
            images: None,
        }
    }
}

/// Why the runtime could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine could not be set up: {0}")]
pub struct RuntimeError(String);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) registry: ArcSwap<Registry>,
    pub(crate) slots: tokio::sync::Semaphore,
    pub(crate) ticker: Ticker,
    pub(crate) config: RuntimeConfig,
}

/// Loads gates and evaluates them. Clones share everything.
#[derive(Clone)]
pub struct GateRuntime(pub(crate) Arc<Inner>);

impl std::fmt::Debug for GateRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GateRuntime")
            .field("registry", &self.0.registry.load())
            .finish_non_exhaustive()
    }
}

impl GateRuntime {
    /// Sets up the engine and starts its ticker.
    ///
    /// # Errors
    /// [`RuntimeError`], for instance when the machine does not grant the address space.
    pub fn new(config: RuntimeConfig) -> Result<Self, RuntimeError> {
        let failed = |e: wasmtime::Error| RuntimeError(format!("{e:#}"));
        let engine = Engine::new(&engine_config(&config)).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(failed)?;
        Full::add_to_linker::<_, wasmtime::component::HasSelf<_>>(
            &mut linker,
            |state: &mut State| state,
        )
        .map_err(failed)?;
        let ticker = Ticker::start(engine.weak()).map_err(|e| RuntimeError(e.to_string()))?;
        let slots = tokio::sync::Semaphore::new(config.concurrency as usize);
        let registry = ArcSwap::from_pointee(Registry::default());
        Ok(Self(Arc::new(Inner {
            engine,
            linker,
            registry,
            slots,
            ticker,
            config,
        })))
    }

    /// The published set as it is now.
    pub fn snapshot(&self) -> Arc<Registry> {
        self.0.registry.load_full()
    }

    /// Puts another set in force as a whole; evaluations under way keep the one they began with.
    pub(crate) fn publish(&self, next: Registry) {
        self.0.registry.store(Arc::new(next));
    }
}

/// The engine's configuration, shared with the benchmark's bare baseline.
pub(crate) fn engine_config(config: &RuntimeConfig) -> Config {
    let slots = config.concurrency + 4;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots * INSTANCES_MAX)
        .total_memories(slots * 4)
        .total_tables(slots * TABLES_MAX)
        .total_stacks(slots)
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_module(4)
        .max_tables_per_module(TABLES_MAX)
        .max_memories_per_component(4)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(config.memory_bytes_max)
        .table_elements(20_000)
        .max_component_instance_size(1024 * 1024)
        .max_core_instance_size(1024 * 1024)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(64 * 1024)
        .async_stack_keep_resident(64 * 1024);
    let mut engine = Config::new();
    engine
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(512 * 1024)
        .async_stack_size(1536 * 1024)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    engine
}
