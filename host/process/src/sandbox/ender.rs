//! How does everything that a program of the host's own user has started end at one stroke, however fast it copies
//! itself?
//!
//! One signal to all that may be signalled: the kernel sends it while nobody can start anything, so that no copy gets
//! away between two looks. Whom it reaches says Landlock: the process that sends it is shut in a layer around that of
//! the program, so that the program, and nobody else, is inside. The program cannot touch it.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{belt, raw};

/// How long it may take: one call, among thousands of processes that run after it.
const END_MAX: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// Held by whoever attends the program: with its end everything ends.
pub(super) struct Lifeline {
    alive: OwnedFd,
    ended: OwnedFd,
}

/// The other ends, for the program's process to begin it with.
pub(super) struct Begin {
    alive: OwnedFd,
    ended: OwnedFd,
}

/// Both ends, before the program's process begins.
pub(super) fn lifeline() -> rustix::io::Result<(Lifeline, Begin)> {
    let (read, alive) = pipe_with(PipeFlags::CLOEXEC)?;
    let (ended, write) = pipe_with(PipeFlags::CLOEXEC)?;
    let begin = Begin {
        alive: read,
        ended: write,
    };
    Ok((Lifeline { alive, ended }, begin))
}

impl Lifeline {
    /// Has everything ended, and waits until it was.
    pub(super) fn end(self) {
        drop(self.alive);
        // Nothing is ever written: it ends with whoever holds the other end.
        poll(
            &mut [PollFd::new(&self.ended, PollFlags::IN)],
            Some(&END_MAX),
        )
        .ok();
    }
}

impl Begin {
    /// Shuts this process in the outer layer, and starts the process that ends it and everything after it. Needs
    /// `no_new_privs`. `outside` is a process of the same user that must not be reached.
    pub(super) fn stand_by(&self, outside: Pid) -> Result<(), String> {
        if !belt::shut_in_for_signals().map_err(|e| e.to_string())? {
            return Err("the kernel's Landlock does not tell who may be signalled".to_owned());
        }
        // Whoever could signal this one would end the host with the program.
        if kill(outside, None) != Err(Errno::EPERM) {
            return Err("processes outside can be signalled".to_owned());
        }
        // Its parent is whoever attends: a program is surprised by a child that it never started.
        let between = raw::fork(|| {
            let started = raw::fork(|| self.attend());
            i32::from(started.is_err())
        });
        let between = between.map_err(|e| e.to_string())?;
        match nix::sys::wait::waitpid(between, None) {
            Ok(nix::sys::wait::WaitStatus::Exited(_, 0)) => Ok(()),
            Ok(_) => Err("no further process could be started".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn attend(&self) -> i32 {
        // Nothing of the program's is kept open by it: not its output, nor any word of its start.
        let taken = rustix::stdio::dup2_stdin(&self.alive)
            .and_then(|()| rustix::stdio::dup2_stdout(&self.ended))
            .and_then(|()| rustix::stdio::dup2_stderr(&self.ended))
            .and_then(|()| raw::close_all());
        if taken.is_err() {
            return 1;
        }
        let mut byte = [0];
        while rustix::io::retry_on_intr(|| rustix::io::read(rustix::stdio::stdin(), &mut byte))
            .is_ok_and(|read| read > 0)
        {}
        // All that it may signal: it is shut in with them. Itself it spares.
        i32::from(kill(Pid::from_raw(-1), Signal::SIGKILL).is_err())
    }
}
