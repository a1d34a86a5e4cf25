//! What counts time for the limit on CPU, and rests while no gate is asked.
//!
//! A thread that woke a hundred times a second for nobody was half of what an idle host used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// Granularity of the CPU budget.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// Ticks at which no gate was asked before the thread rests: waking it costs an evaluation something.
const IDLE_TICKS: u32 = 100;
/// How soon a resting thread notices that its engine is gone.
const RESTS: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct State {
    /// Gates that are asked now.
    asked: AtomicUsize,
    rests: AtomicBool,
}

/// Moves the engine's epoch for as long as a gate is asked.
#[derive(Debug)]
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Thread,
}

/// A gate is asked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Asking<'t>(&'t State);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    /// Starts the thread. It ends with the engine, of which it holds no more than a weak reference.
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let state = Arc::<State>::default();
        let of_thread = state.clone();
        let thread = thread::Builder::new()
            .name("gate-ticker".to_owned())
            .spawn(move || tick(&engine, &of_thread))?;
        Ok(Self {
            state,
            thread: thread.thread().clone(),
        })
    }

    /// Says that a gate is asked from here on.
    pub(crate) fn asking(&self) -> Asking<'_> {
        // Each side writes its own before it reads the other's, so one of them sees the other.
        self.state.asked.fetch_add(1, Ordering::SeqCst);
        if self.state.rests.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Asking(&self.state)
    }
}

fn tick(engine: &EngineWeak, state: &State) {
    let mut idle = 0_u32;
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        let is_idle = state.asked.load(Ordering::SeqCst) == 0;
        idle = if is_idle { idle.saturating_add(1) } else { 0 };
        if idle < IDLE_TICKS {
            thread::sleep(TICK);
            continue;
        }
        state.rests.store(true, Ordering::SeqCst);
        if state.asked.load(Ordering::SeqCst) == 0 {
            thread::park_timeout(RESTS);
        }
        state.rests.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticker_rests_while_no_gate_is_asked_and_is_woken_by_one_that_is() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start(engine.weak()).expect("it starts");
        let rests = || ticker.state.rests.load(Ordering::SeqCst);
        for _ in 0..2 {
            while !rests() {
                thread::yield_now();
            }
            let asking = ticker.asking();
            while rests() {
                thread::yield_now();
            }
            drop(asking);
        }
    }
}
