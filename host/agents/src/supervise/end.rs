//! The end of a process tree: collecting children, signalling groups, and sweeping up what escaped.

use std::time::{Duration, Instant};

use orch_process::identity::{all_pids, ancestors, has_variable, is_zombie};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait,
};

use super::TOKEN_VARIABLE;

/// How long the sweep insists. A process that survives SIGKILL for longer hangs in the kernel.
const SWEEP_MAX: Duration = Duration::from_secs(10);

/// Collects ended children, adopted ones too; answers when `main` is among them.
pub(super) fn collect(main: Pid) -> Option<WaitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == main {
            found = Some(status);
        }
    }
    found
}

/// Signals a whole group. A group that is gone is what is wanted.
pub(super) fn signal_group(group: Pid, signal: Signal) {
    kill_process_group(group, signal).ok();
}

/// Kills whatever is left of the run until nothing is: descendants, and processes that left the tree but
/// still carry the run's token. Answers how many there were.
pub(super) fn sweep(token: &str) -> u32 {
    let me = std::process::id();
    let mark = format!("{TOKEN_VARIABLE}={token}");
    end_all(
        || while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {},
        |pid| ancestors(pid).contains(&me) || has_variable(pid, &mark),
    )
}

/// Kills every process that carries this token, whoever started it, until there is none. For a caller that
/// has other children of its own.
pub fn sweep_marked(token: &str) -> u32 {
    let mark = format!("{TOKEN_VARIABLE}={token}");
    // Nothing is reaped here: the end of a child belongs to whoever started it.
    end_all(|| (), |pid| has_variable(pid, &mark))
}

fn end_all(reap: impl Fn(), is_left: impl Fn(u32) -> bool) -> u32 {
    let started = Instant::now();
    let me = std::process::id();
    let mut killed: Vec<u32> = Vec::new();
    loop {
        reap();
        let left: Vec<u32> = all_pids()
            .into_iter()
            .filter(|pid| *pid != me && !is_zombie(*pid))
            .filter(|pid| is_left(*pid))
            .collect();
        if left.is_empty() || started.elapsed() > SWEEP_MAX {
            return u32::try_from(killed.len()).unwrap_or(u32::MAX);
        }
        for pid in left {
            if let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                kill_process(target, Signal::KILL).ok();
            }
            if !killed.contains(&pid) {
                killed.push(pid);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
