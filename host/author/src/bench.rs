//! Measures a gate on its cases, as the host runs it: a fresh instance for every evaluation.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use hdrhistogram::Histogram;
use orch_gates::{GateRuntime, Limits, LoadedGate};
use serde::Serialize;

use crate::cases::Case;
use crate::imagined::Imagined;
use crate::run::{grants, seed};

/// Evaluations of a case that are not measured.
const WARM_UP: u32 = 5;

/// What one case costs.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// The case.
    pub name: String,
    /// Evaluations measured.
    pub evaluations: u32,
    /// Median wall clock, microseconds.
    pub p50_us: u64,
    /// 99th percentile, microseconds.
    pub p99_us: u64,
    /// Slowest, microseconds.
    pub max_us: u64,
    /// Evaluations per second on one thread.
    pub per_second: u64,
    /// CPU time of the guest in the last one, microseconds.
    pub cpu_us: u64,
    /// Peak of linear memory, bytes.
    pub memory_bytes: u64,
}

/// Evaluates a case `times` times.
///
/// # Errors
/// If the clock gives values that cannot be counted.
pub async fn measure(
    runtime: &GateRuntime,
    gate: &LoadedGate,
    case: &Case,
    times: u32,
) -> anyhow::Result<Measured> {
    let mut histogram: Histogram<u64> = Histogram::new(3).context("a histogram")?;
    let (grants, limits) = (grants(), Limits::default());
    let imagined = Arc::new(Imagined::of(case));
    for _ in 0..WARM_UP {
        runtime
            .evaluate(gate, imagined.clone(), &grants, &limits, seed(case))
            .await;
    }
    let begun = Instant::now();
    let mut last = None;
    for _ in 0..times {
        let done = runtime
            .evaluate(gate, imagined.clone(), &grants, &limits, seed(case))
            .await;
        histogram.record(done.stats.elapsed_us.max(1))?;
        last = Some(done.stats);
    }
    let seconds = begun.elapsed().as_secs_f64().max(f64::EPSILON);
    let stats = last.unwrap_or_default();
    Ok(Measured {
        name: case.name.clone(),
        evaluations: times,
        p50_us: histogram.value_at_quantile(0.5),
        p99_us: histogram.value_at_quantile(0.99),
        max_us: histogram.max(),
        per_second: (f64::from(times) / seconds) as u64,
        cpu_us: stats.cpu_us,
        memory_bytes: stats.memory_bytes,
    })
}
