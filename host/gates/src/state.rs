//! What a store holds for one evaluation: the host's answers, the meter and an empty WASI.

use std::sync::Arc;
use std::time::Duration;

use orch_domain::imports::GateImports;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

use crate::last_words::LastWords;
use crate::limits::{Limits, Seed};
use crate::meter::Meter;
use crate::record::Tape;

pub(crate) struct State {
    /// None while the gate is only inspected: every import is denied then.
    pub(crate) imports: Option<Arc<dyn GateImports>>,
    pub(crate) meter: Meter,
    pub(crate) tape: Tape,
    /// End of what the guest printed to its standard error.
    pub(crate) last_words: LastWords,
    seed: Seed,
    /// Made when the guest first asks: few gates do, and it is a third of what an evaluation costs beside the guest.
    wasi: Option<WasiCtx>,
    table: ResourceTable,
}

/// A clock that stands at the start of the evaluation, so that a verdict depends on nothing but its inputs.
struct Standing(Duration);

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Standing {
    fn resolution(&self) -> u64 {
        1_000_000
    }
    fn now(&self) -> u64 {
        0
    }
}

impl State {
    pub(crate) fn new(imports: Option<Arc<dyn GateImports>>, limits: Limits, seed: Seed) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            imports,
            meter: Meter::new(limits),
            tape: Tape::Off,
            last_words: LastWords::default(),
            seed,
            wasi: None,
            table,
        }
    }
}

/// No preopened folders, environment, arguments or sockets; output goes nowhere, but for the last words.
fn empty_wasi(seed: Seed, last_words: &LastWords) -> WasiCtx {
    let now = Duration::from_millis(u64::try_from(seed.now_ms).unwrap_or(0));
    let bytes = seed.evaluation.to_le_bytes().to_vec();
    WasiCtxBuilder::new()
        .stderr(last_words.clone())
        .wall_clock(Standing(now))
        .monotonic_clock(Standing(now))
        .secure_random(Deterministic::new(bytes.clone()))
        .insecure_random(Deterministic::new(bytes))
        .insecure_random_seed(u128::from(seed.evaluation.unsigned_abs()))
        .max_random_size(64 * 1024)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: self
                .wasi
                .get_or_insert_with(|| empty_wasi(self.seed, &self.last_words)),
            table: &mut self.table,
        }
    }
}
