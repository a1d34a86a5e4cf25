//! Times as they are kept and shown.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Times of nanoseconds to a minute.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are valid")
}

/// Keeps how long it is since `begun`.
pub(crate) fn record(times: &mut Histogram<u64>, begun: Instant) -> anyhow::Result<()> {
    keep(times, begun.elapsed())
}

/// Keeps one time.
pub(crate) fn keep(times: &mut Histogram<u64>, time: Duration) -> anyhow::Result<()> {
    times.record(u64::try_from(time.as_nanos())?)?;
    Ok(())
}

/// A quantile in microseconds, as the page shows it.
pub(crate) fn us(times: &Histogram<u64>, quantile: f64) -> String {
    format!("{:.1}", times.value_at_quantile(quantile) as f64 / 1e3)
}

/// A quantile in milliseconds, as the page shows it.
pub(crate) fn ms(times: &Histogram<u64>, quantile: f64) -> String {
    let ms = times.value_at_quantile(quantile) as f64 / 1e6;
    match ms < 10.0 {
        true => format!("{ms:.2}"),
        false => format!("{ms:.0}"),
    }
}
