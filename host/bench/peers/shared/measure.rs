//! What every peer measures, in the same numbers, and how it says what came of it.

use std::time::{Duration, Instant};

/// Jobs that one caller enqueues, one after the other.
const SERIAL: usize = 300;
/// Callers at once, and jobs at once.
pub(crate) const CALLERS: usize = 64;
/// Jobs of each caller.
const PER_CALLER: usize = 100;
/// All of them.
pub(crate) const JOBS: usize = SERIAL + CALLERS * PER_CALLER;
/// Longest time that a queue takes to run empty.
const DRAINED: Duration = Duration::from_secs(120);

/// How often it is asked whether it is.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Enqueues from one caller and then from many.
pub(crate) async fn enqueues<F, W>(enqueue: F) -> Result<(), Failed>
where
    F: Fn() -> W + Clone + Send + 'static,
    W: Future<Output = Result<(), Failed>> + Send + 'static,
{
    told("enqueue, serial", SERIAL, async {
        for _ in 0..SERIAL {
            enqueue().await?;
        }
        Ok(())
    })
    .await?;
    told("enqueue, many", CALLERS * PER_CALLER, async {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let enqueue = enqueue.clone();
                tokio::spawn(async move {
                    for _ in 0..PER_CALLER {
                        enqueue().await?;
                    }
                    Ok::<_, Failed>(())
                })
            })
            .collect();
        for caller in callers {
            caller.await??;
        }
        Ok(())
    })
    .await
}

/// Waits until all jobs have ended.
pub(crate) async fn all_ended(
    ended: impl AsyncFn() -> Result<usize, Failed>,
) -> Result<(), Failed> {
    let begun = Instant::now();
    loop {
        let count = ended().await?;
        if count >= JOBS {
            return Ok(());
        }
        if begun.elapsed() > DRAINED {
            return Err(format!("{count} of {JOBS} jobs ended").into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(crate) async fn told(
    what: &str,
    count: usize,
    work: impl Future<Output = Result<(), Failed>>,
) -> Result<(), Failed> {
    let begun = Instant::now();
    work.await?;
    println!(
        "{what}\t{:.0}",
        count as f64 / begun.elapsed().as_secs_f64()
    );
    Ok(())
}
