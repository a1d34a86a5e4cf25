//! Which processes belong to one run of a program, and how are they ended when it is over?
//!
//! A run is marked by a variable in its environment, which its children inherit, also those that leave the process
//! tree.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::family::living;
use crate::identity::has_variable;

/// Variable that marks every process of a run.
pub const TOKEN_VARIABLE: &str = "ORCH_RUN_TOKEN";

/// How long the sweep insists. A process that survives SIGKILL for longer hangs in the kernel.
const SWEEP_MAX: Duration = Duration::from_secs(10);
/// How long processes are stopped and none is killed, as long as further ones come.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How long what is confined may take to end by itself.
const OWN_END_MAX: Duration = Duration::from_secs(5);

/// Whether a process carries this token.
pub fn is_marked(pid: u32, token: &str) -> bool {
    has_variable(pid, &format!("{TOKEN_VARIABLE}={token}"))
}

/// Kills every process that carries this token, whoever started it, until there is none. For a caller that
/// has other children of its own.
pub fn sweep_marked(token: &str) -> u32 {
    // Nothing is reaped here: the end of a child belongs to whoever started it.
    end_all(
        || (),
        || {
            let living = living().into_iter();
            living.filter(|pid| is_marked(*pid, token)).collect()
        },
    )
}

/// Waits until nothing is left, for a while: whoever confined it ends it, and knows more ways to than signals one by
/// one. `reap` is called before each look.
pub fn await_end(reap: impl Fn(), left: impl Fn() -> BTreeSet<u32>) {
    let started = Instant::now();
    loop {
        reap();
        if left().is_empty() || started.elapsed() > OWN_END_MAX {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends every process that is left, again and again until there is none; answers how many there were. `reap` is
/// called before each look.
///
/// All are stopped before one is killed: what is stopped starts nothing and keeps its place in the count of processes,
/// so that whatever copies itself faster than it is killed runs out of places. Killed one by one it would not.
pub fn end_all(reap: impl Fn(), left: impl Fn() -> BTreeSet<u32>) -> u32 {
    let started = Instant::now();
    let me = std::process::id();
    let mut stopped: BTreeSet<u32> = BTreeSet::new();
    let mut seen = 0;
    loop {
        reap();
        let mut left = left();
        left.remove(&me);
        if left.is_empty() || started.elapsed() > SWEEP_MAX {
            return seen;
        }
        let running: Vec<u32> = left.difference(&stopped).copied().collect();
        seen += u32::try_from(running.len()).unwrap_or(u32::MAX);
        if !running.is_empty() && started.elapsed() < STOP_MAX {
            signal(&running, Signal::STOP);
            // An id that is not there any more may come back as another's.
            stopped.retain(|pid| left.contains(pid));
            stopped.extend(running);
            continue;
        }
        signal(left.iter(), Signal::KILL);
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal<'a>(pids: impl IntoIterator<Item = &'a u32>, signal: Signal) {
    for pid in pids {
        if let Some(target) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
            // It may have ended meanwhile.
            kill_process(target, signal).ok();
        }
    }
}
