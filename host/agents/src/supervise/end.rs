//! The end of a process tree: collecting children, signalling groups, and sweeping up what escaped.

use orch_process::family::{living, living_below};
use orch_process::mark::{await_end, end_all, is_marked};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, wait};

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
///
/// What confines a program ends it too, and is not ended itself before it has: stopped among thousands of copies it
/// could not.
pub(super) fn sweep(token: &str, is_confined: bool) -> u32 {
    let me = std::process::id();
    let reap = || while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {};
    if is_confined {
        await_end(reap, || living_below(me));
    }
    end_all(reap, || {
        let mut left = living_below(me);
        left.extend(living().into_iter().filter(|pid| is_marked(*pid, token)));
        left
    })
}
