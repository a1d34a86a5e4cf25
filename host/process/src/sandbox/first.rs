//! The first process inside: makes the root, gives up the host's identity, shuts itself in, starts the program, passes
//! signals on, and takes in orphans until the program ends.
//!
//! It is a copy of the process outside and no program of its own, and it cannot be dumped: neither its memory, nor its
//! environment, nor the file that it runs can be had through `/proc`.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Gid, Pid, Uid, setgroups, setresgid, setresuid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{DumpableBehavior, WaitOptions, wait};
use serde::{Deserialize, Serialize};

use super::passed::Passed;
use super::plan::Plan;
use super::root::{Sources, Unmade, enter};
use super::{
    CONFINEMENT_VARIABLE, Confinement, Limits, Network, TOLD_VARIABLE, belt, bridge, calls, held,
    loopback, raw, segments, told,
};

/// How it ended inside, as the process outside is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ended {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// It was not started, for it could not be confined.
    NotConfined(String),
    /// It was ended, or gave up, at a limit of the whole that only the inside sees.
    Passed(Passed),
}

/// What is run inside, and who by.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) confinement: &'a Confinement,
    pub(super) plan: &'a Plan,
    pub(super) program: &'a Path,
    pub(super) args: &'a [OsString],
    pub(super) cwd: PathBuf,
    /// User and group that it becomes; none if the host is no root and stays who it is.
    pub(super) user: Option<u32>,
    /// Ends when the process outside does.
    pub(super) outside: OwnedFd,
}

/// Signals that are passed on to the program.
pub(super) const PASSED_ON: [Signal; 4] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
];

/// Runs the program to its end. The signals of [`PASSED_ON`] and that of an ended child are blocked already.
pub(super) fn run(inside: &Inside<'_>) -> Ended {
    match confine(inside) {
        Ok(()) => {}
        Err(text) => return Ended::NotConfined(text),
    }
    orch_durable::point("spawn inside the sandbox: before");
    // Closed by the program's start, so that what comes is the word of this program and of no other.
    let (refused, refuse) = match pipe_with(PipeFlags::CLOEXEC) {
        Ok((read, write)) => (File::from(read), write),
        Err(error) => {
            return Ended::NotConfined(failed("a word of its own", DEFECT)(error.to_string()));
        }
    };
    let mut refuse = Some(refuse);
    let forked = raw::fork(|| {
        let why = start(inside);
        let said = refuse
            .as_ref()
            .map(|to| rustix::io::write(to, why.as_bytes()));
        i32::from(!matches!(said, Some(Ok(_))))
    });
    drop(refuse.take());
    match forked {
        Ok(child) => attend(child, refused, &inside.confinement.limits),
        Err(error) => Ended::NotConfined(format!("the program could not be started: {error}")),
    }
}

fn failed(what: &str, remedy: &str) -> impl FnOnce(String) -> String {
    let (what, remedy) = (what.to_owned(), remedy.to_owned());
    move |why| format!("{what} could not be enforced: {why}; {remedy}")
}

const DEFECT: &str = "this is a defect";

fn confine(inside: &Inside<'_>) -> Result<(), String> {
    let unmade = |Unmade { path, error }: Unmade| {
        let remedy = "give the host's user the right to see it, take it out of `sandbox` in orch.yaml, or set `sandbox: \
                      {mode: off}`";
        failed(
            &format!("the root of the sandbox (`{}`)", path.display()),
            remedy,
        )(error.to_string())
    };
    let sources = Sources::open(inside.plan).map_err(unmade)?;
    if let Some(user) = inside.user {
        become_user(user, &[]).map_err(|e| {
            failed(
                "another user than root",
                "set `sandbox.user` in orch.yaml to one that this machine has for \
                    the host, or start the host as an ordinary user",
            )(e.to_string())
        })?;
    }
    enter(inside.plan, sources).map_err(unmade)?;
    if inside.confinement.network != Network::Host {
        // Tests that talk to a server of their own need it; a namespace begins with it down.
        let has_door = inside.confinement.network == Network::Proxied;
        loopback::up(has_door)
            .map_err(|e| failed("a loopback of its own", DEFECT)(e.to_string()))?;
    }
    std::env::set_current_dir(&inside.cwd).map_err(|e| {
        let what = format!("the working folder `{}`", inside.cwd.display());
        failed(&what, "it has to be one that the program may read")(e.to_string())
    })?;
    // After the change of identity, which takes both back.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| failed("a memory of its own", DEFECT)(e.to_string()))?;
    let end = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(end)
        .map_err(|e| failed("the end with its parent", DEFECT)(e.to_string()))?;
    if is_alone(&inside.outside) {
        return Err("the host's side has ended".to_owned());
    }
    rustix::thread::set_no_new_privs(true)
        .map_err(|e| failed("no_new_privs", "the kernel is older than 3.5")(e.to_string()))?;
    belt::limit(&inside.confinement.limits, belt::BEYOND)
        .map_err(|e| failed("resource limits", "check the host's own limits")(e.to_string()))?;
    let remedy = "use a kernel with Landlock (5.13 or newer, `lsm=…,landlock`), or set `sandbox: {mode: off}` in \
                  orch.yaml";
    match belt::shut_in(inside.plan, inside.confinement) {
        Ok(true) => bridge(inside.confinement),
        Ok(false) => Err(failed("Landlock", remedy)("the kernel has none".to_owned())),
        Err(error) => Err(failed("Landlock", remedy)(error.to_string())),
    }
}

/// The way to the host's proxy, if there is one.
fn bridge(confinement: &Confinement) -> Result<(), String> {
    match (confinement.network, &confinement.proxy) {
        (Network::None | Network::Host, _) => Ok(()),
        (Network::Proxied, Some(folder)) => bridge::start(folder, confinement.gateway)
            .map_err(|e| failed("the way to the host's proxy", DEFECT)(e.to_string())),
        (Network::Proxied, None) => Err(failed("the way to the host's proxy", DEFECT)(
            "it is named nowhere".to_owned(),
        )),
    }
}

pub(super) fn become_user(user: u32, groups: &[u32]) -> nix::Result<()> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
    setgroups(&groups)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)
}

/// Whether the process outside has ended: then nobody would ever end this one.
fn is_alone(outside: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(outside, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut watched, Some(&at_once)).is_err() || watched[0].revents().contains(PollFlags::HUP)
}

/// The program's own process: a session of its own, no descriptor but the standard ones, and the filter. Answers only
/// if the program could not be started, and why.
fn start(inside: &Inside<'_>) -> String {
    let refused = |what: &str, why: String| format!("{what}: {why}");
    if let Err(error) = rustix::process::setsid() {
        return refused("a session of its own could not be begun", error.to_string());
    }
    let mut blocked = SigSet::from_iter(PASSED_ON);
    blocked.add(Signal::SIGCHLD);
    if let Err(error) = blocked.thread_unblock() {
        return refused("signals could not be let through", error.to_string());
    }
    if let Err(error) = raw::close_all_at_exec() {
        return refused(
            "descriptors of the host could not be closed",
            error.to_string(),
        );
    }
    if let Err(why) = calls::filter(calls::World::Own) {
        return refused("the filter of system calls could not be installed", why);
    }
    let mut command = Command::new(inside.program);
    command.args(inside.args);
    command.env_remove(CONFINEMENT_VARIABLE);
    command.env(TOLD_VARIABLE, told::TOLD);
    if inside.confinement.temporary.is_some() {
        command.env("TMPDIR", "/tmp");
    }
    let error = command.exec();
    format!(
        "`{}` could not be started: {error}",
        inside.program.display()
    )
}

/// How long the first process waits at most until it looks at what only the inside sees.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000_000,
};

/// Passes signals on and takes in orphans until the program ends.
fn attend(program: Pid, mut refused: File, limits: &Limits) -> Ended {
    let mut awaited = SigSet::from_iter(PASSED_ON);
    awaited.add(Signal::SIGCHLD);
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = match SignalFd::with_flags(&awaited, flags) {
        Ok(signals) => signals,
        Err(error) => return Ended::NotConfined(failed("waiting", DEFECT)(error.to_string())),
    };
    loop {
        let mut watched = [PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
        // Whatever comes of it is looked at below.
        poll(&mut watched, Some(&LOOK)).ok();
        while let Ok(Some(signal)) = signals.read_signal() {
            let signal = i32::try_from(signal.ssi_signo).ok();
            if let Some(signal) = signal.and_then(|number| Signal::try_from(number).ok())
                && signal != Signal::SIGCHLD
            {
                // To its whole group; whoever left that ends with the namespace.
                nix::sys::signal::killpg(program, signal).ok();
            }
        }
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid.as_raw_nonzero().get() == program.as_raw() {
                let mut why = String::new();
                // All others that could write to it ended with their start.
                if refused.read_to_string(&mut why).is_ok() && !why.is_empty() {
                    return Ended::NotConfined(why);
                }
                let ended = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Ended::Code(code),
                    (None, signal) => Ended::Signal(signal.unwrap_or(9)),
                };
                return ended.or_refused_a_process(std::process::id(), limits);
            }
        }
        if segments::held_bytes() > limits.memory_bytes {
            return Ended::Passed(Passed::Memory);
        }
    }
}

impl Ended {
    /// What a program ended for that failed while everything below `top` had as many processes as it may: the kernel
    /// refused it a further one, and it gave up before anybody outside counted.
    pub(super) fn or_refused_a_process(self, top: u32, limits: &Limits) -> Self {
        match self {
            Self::Code(1..) if held::processes_below(top) >= limits.processes => {
                Self::Passed(Passed::Processes)
            }
            other => other,
        }
    }
}
