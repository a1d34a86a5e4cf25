//! What our evaluate path costs beside bare wasmtime on the same bytes: how long one evaluation takes, and how
//! many there are in a second on one thread and on two.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use orch_gates::{GateRuntime, RuntimeConfig};
use tokio::runtime::Handle;

use super::{Side, histogram, kit, us};
use crate::page::Table;

/// Evaluations of each kind, in rounds that alternate.
const ROUNDS: usize = 5;
const PER_ROUND: usize = 2_000;
/// Evaluations of a thread in one round of the throughput.
const PER_THREAD: usize = 20_000;

/// Measures the no-op gate.
pub(super) async fn run() -> anyhow::Result<Vec<Table>> {
    let runtime = GateRuntime::new(RuntimeConfig::default())?;
    let (ours, bare) = Side::both(&runtime, "noop", &kit::guest("pass")).await?;
    let (ours_took, bare_took) = alternate(&ours, &bare, ROUNDS, PER_ROUND).await?;
    let ratio = bare_took.value_at_quantile(0.5) as f64 / ours_took.value_at_quantile(0.5) as f64;
    let latency = Table {
        title: "Gate evaluation",
        note: format!(
            "A gate that passes at once, {} evaluations of each kind in {ROUNDS} alternating rounds, microseconds. `orch` is the whole evaluate path: every limit on, epochs, a check of the verdict. `bare` is wasmtime with the same pool on the same bytes: a fresh store, an instance, one call of `evaluate`, nothing counted or limited. Bare's median is {:.0} % of ours.",
            ROUNDS * PER_ROUND,
            ratio * 100.0
        ),
        header: vec!["path", "p50 µs", "p95 µs", "p99 µs"],
        rows: vec![
            quantiles(&["orch"], &ours_took),
            quantiles(&["bare"], &bare_took),
        ],
    };
    Ok(vec![latency, throughput(&ours, &bare)?])
}

/// Evaluates on both sides in turns and answers how long each evaluation took, ours first. What comes before
/// the first round warms both up and is not counted.
pub(super) async fn alternate(
    ours: &Side,
    bare: &Side,
    rounds: usize,
    per_round: usize,
) -> anyhow::Result<(Histogram<u64>, Histogram<u64>)> {
    let (mut ours_took, mut bare_took) = (histogram(), histogram());
    for round in 0..=rounds {
        for (side, took) in [(ours, &mut ours_took), (bare, &mut bare_took)] {
            let times = if round == 0 {
                per_round / 10
            } else {
                per_round
            };
            for number in 0..times {
                let begun = Instant::now();
                side.evaluate(round * per_round + number).await?;
                let nanoseconds = u64::try_from(begun.elapsed().as_nanos())?;
                if round > 0 {
                    took.record(nanoseconds)?;
                }
            }
        }
    }
    Ok((ours_took, bare_took))
}

/// A row of the page: what it is of, then the quantiles.
pub(super) fn quantiles(what: &[&str], took: &Histogram<u64>) -> Vec<String> {
    let what = what.iter().map(|&name| name.to_owned());
    what.chain([0.5, 0.95, 0.99].map(|q| us(took, q))).collect()
}

fn throughput(ours: &Arc<Side>, bare: &Arc<Side>) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    for (name, side) in [("orch", ours), ("bare", bare)] {
        rows.push((name, side, [Vec::new(), Vec::new()]));
    }
    for _ in 0..ROUNDS {
        for (_, side, rates) in &mut rows {
            for (threads, rates) in [1, 2].into_iter().zip(rates) {
                rates.push(per_second(side, threads)?);
            }
        }
    }
    let rows = rows.into_iter().map(|(name, _, rates)| {
        let [one, two] = rates.map(median);
        vec![
            name.to_owned(),
            format!("{one:.0}"),
            format!("{two:.0}"),
            format!("{:.2}", two / one),
        ]
    });
    Ok(Table {
        title: "Gate evaluations per second",
        note: format!(
            "The same gate on the same two hosts. Each thread evaluates one after the other, {PER_THREAD} times a round; the median of {ROUNDS} alternating rounds. On two threads both use one engine and one pool."
        ),
        header: vec!["path", "1 thread", "2 threads", "2 threads to 1"],
        rows: rows.collect(),
    })
}

/// Evaluations in a second by this many threads. They are threads of their own: the runtime might run two tasks
/// that never wait on one of its workers.
fn per_second(side: &Arc<Side>, threads: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let threads = (0..threads).map(|_| {
        let (side, runtime) = (side.clone(), Handle::current());
        std::thread::spawn(move || {
            runtime.block_on(async {
                for number in 0..PER_THREAD {
                    side.evaluate(number).await?;
                }
                anyhow::Ok(())
            })
        })
    });
    let threads: Vec<_> = threads.collect();
    let evaluations = threads.len() * PER_THREAD;
    for thread in threads {
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    Ok(evaluations as f64 / begun.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
