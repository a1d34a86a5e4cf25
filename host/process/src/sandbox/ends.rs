//! How is the end of a program waited for, and passed on to whoever waits here?

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, waitpid};

/// Waits until the first process has ended, and with it everything inside.
pub(super) fn collect(pid: Pid) {
    let pid = rustix::process::Pid::from_raw(pid.as_raw());
    while let Err(rustix::io::Errno::INTR) = waitpid(pid, WaitOptions::empty()) {}
}

/// Ends by the signal that ended the program, for whoever waits to see.
pub(super) fn end_by(signal: i32) -> i32 {
    let code = 128 + signal;
    // Without a dump: what this process holds is the host's.
    let quiet =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let Ok(signal) = Signal::try_from(signal) else {
        return code;
    };
    let open = SigSet::from_iter([signal]).thread_swap_mask(SigmaskHow::SIG_UNBLOCK);
    if quiet.is_ok() && open.is_ok() {
        nix::sys::signal::raise(signal).ok();
    }
    code
}
