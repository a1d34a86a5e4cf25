//! The cage where no namespaces are to be had, as in most containers: another user, Landlock, and a narrower filter of
//! system calls.
//!
//! It needs a host that runs as root, for only then is the program somebody else outside: Landlock does not see changes of
//! rights and times, nor limits and priorities of other processes of the same user. Nothing is mounted, so that nothing can
//! be hidden: what may be read is listed file by file around it. The network is the host's or none, for ports are all that
//! Landlock tells apart. The machine's processes are seen, and cannot be touched.
//!
//! The process beside the program takes in whatever it leaves behind and ends it, also when the process outside is killed.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{DumpableBehavior, WaitOptions, wait};

use super::ender::{self, Begin};
use super::first::{Ended, PASSED_ON, become_user};
use super::places::Place;
use super::plan::Plan;
use super::{
    CONFINEMENT_VARIABLE, Confinement, Network, Profile, TOLD_VARIABLE, belt, calls, clerk, raw,
    told,
};
use crate::family::living_below;
use crate::mark::{await_end, end_all};

/// Why it would not hold here, with what to do; none if it would.
pub(super) fn obstacle(confinement: &Confinement, user: Option<u32>) -> Option<String> {
    let is_same_user = confinement.profile == Profile::LandlockSameUser;
    let why = if is_same_user && rustix::process::geteuid().is_root() {
        "the host is root, and nothing judged is ever root; use `sandbox.profile: landlock`"
    } else if is_same_user && !belt::knows_signals() {
        "the kernel's Landlock is older than its sixth version (Linux 6.12), or not switched on (`lsm=…,landlock`), and does \
         not keep a program of the host's own user from ending the host"
    } else if !is_same_user && user.is_none() {
        "the host is no root with another user to give, and Landlock does not keep a program from changing rights of files \
         of its own user; `sandbox.profile: landlock-same-user` holds without, less what docs/operators/confinement.md says"
    } else if confinement.network == Network::Proxied {
        "a network that is `proxied`, or a `gateway`, needs a network of its own; use `network: {mode: none}`, or `host`"
    } else if !confinement.sockets.is_empty() {
        "a socket that is granted cannot be told from others; take `sockets` out"
    } else if !belt::knows_renames_and_sizes() {
        "the kernel's Landlock is older than its third version (Linux 6.2), or not switched on (`lsm=…,landlock`)"
    } else {
        return None;
    };
    Some(format!(
        "without namespaces the sandbox does not hold: {why}; or allow user namespaces (`orch doctor` says how)"
    ))
}

/// Group of all that are judged without namespaces: it may pass through the host's own folders to its own, and nothing
/// more.
const PASSING: u32 = super::USER_FIRST - 1;

/// Lets the program's user pass through the host's own folders to those that it works in.
///
/// # Errors
/// The folder on the way that is closed and not the host's own.
pub(super) fn open_ways(confinement: &Confinement) -> Result<(), PathBuf> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let own: Vec<PathBuf> = confinement
        .hide
        .iter()
        .filter_map(|at| at.canonicalize().ok())
        .collect();
    let ways = confinement.write.iter().chain(&confinement.temporary);
    for way in ways.filter_map(|at| at.canonicalize().ok()) {
        for folder in way.ancestors().skip(1) {
            let closed = || folder.to_owned();
            let meta = folder.symlink_metadata().map_err(|_| closed())?;
            let mode = meta.mode() & 0o7777;
            if mode & 0o001 != 0 || (meta.gid() == PASSING && mode & 0o010 != 0) {
                continue;
            }
            let is_own =
                meta.uid() == 0 && meta.gid() == 0 && own.iter().any(|at| folder.starts_with(at));
            if !is_own {
                return Err(closed());
            }
            std::os::unix::fs::chown(folder, None, Some(PASSING)).map_err(|_| closed())?;
            let passing = std::fs::Permissions::from_mode(mode & !0o070 | 0o010);
            std::fs::set_permissions(folder, passing).map_err(|_| closed())?;
        }
    }
    Ok(())
}

/// A folder for temporary files that ends with the program, if it has none of its own.
pub(super) struct Temporary(Option<PathBuf>);

impl Temporary {
    pub(super) fn make(confinement: &mut Confinement, user: Option<u32>) -> std::io::Result<Self> {
        if confinement.temporary.is_some() {
            return Ok(Self(None));
        }
        let ticks = crate::identity::start_ticks(std::process::id()).unwrap_or(0);
        let name = format!("orch-{}-{ticks}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Whoever has made it before has planted it.
        rustix::fs::mkdir(&path, rustix::fs::Mode::from_raw_mode(0o700))?;
        if user.is_some() {
            std::os::unix::fs::chown(&path, user, user)?;
        }
        confinement.temporary = Some(path.clone());
        Ok(Self(Some(path)))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What is left is the system's to sweep.
            crate::files::remove(path).ok();
        }
    }
}

/// What is run, and who by.
pub(super) struct Narrow<'a> {
    pub(super) confinement: &'a Confinement,
    pub(super) plan: &'a Plan,
    pub(super) program: &'a Path,
    pub(super) args: &'a [OsString],
    pub(super) cwd: &'a Path,
    /// Who it is; none if it stays the host's own user.
    pub(super) user: Option<u32>,
}

/// Runs the program to its end, in a process of its own that the process outside has started. The signals of
/// [`PASSED_ON`] and that of an ended child are blocked already.
pub(super) fn attend(narrow: &Narrow<'_>, outside: &File) -> Ended {
    // Out of the group that is killed with the process outside: somebody has to end what is left then.
    if let Err(error) = rustix::process::setsid() {
        return Ended::NotConfined(format!("a session of its own could not be begun: {error}"));
    }
    let ready = rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = ready {
        return Ended::NotConfined(format!("taking in orphans could not be begun: {error}"));
    }
    // Nothing is started before whoever waits outside is ready for it.
    let mut byte = [0];
    if (&*outside).read_exact(&mut byte).is_err() {
        return Ended::NotConfined("the host's side has ended".to_owned());
    }
    let to_clerk = match narrow.user {
        Some(_) => Ok(None),
        None => clerk(narrow).map(Some),
    };
    let to_clerk = match to_clerk {
        Ok(to_clerk) => to_clerk,
        Err(error) => {
            end_everything_below();
            return Ended::NotConfined(format!(
                "whoever changes rights could not be begun: {error}"
            ));
        }
    };
    let (mut refused, refuse) = match pipe_with(PipeFlags::CLOEXEC) {
        Ok((read, write)) => (File::from(read), write),
        Err(error) => return Ended::NotConfined(error.to_string()),
    };
    let mut refuse = Some(refuse);
    let (lifeline, begin) = match narrow.user {
        Some(_) => (None, None),
        None => match ender::lifeline() {
            Ok((lifeline, begin)) => (Some(lifeline), Some(begin)),
            Err(error) => {
                end_everything_below();
                return Ended::NotConfined(error.to_string());
            }
        },
    };
    let mut lifeline = lifeline;
    let me = Pid::this();
    orch_durable::point("spawn without namespaces: before");
    let started = raw::fork(|| {
        // Its own copy would keep everything alive.
        drop(lifeline.take());
        let why = start(
            narrow,
            to_clerk.as_ref(),
            begin.as_ref().map(|begin| (begin, me)),
        );
        let said = refuse
            .as_ref()
            .map(|to| rustix::io::write(to, why.as_bytes()));
        i32::from(!matches!(said, Some(Ok(_))))
    });
    drop((refuse.take(), to_clerk, begin));
    let ended = match started {
        Ok(program) => wait_for(program, outside)
            .or_refused_a_process(std::process::id(), &narrow.confinement.limits),
        Err(error) => Ended::NotConfined(format!("the program could not be started: {error}")),
    };
    if let Some(lifeline) = lifeline {
        lifeline.end();
    }
    end_everything_below();
    let mut why = String::new();
    // All others that could write to it have ended.
    if refused.read_to_string(&mut why).is_ok() && !why.is_empty() {
        return Ended::NotConfined(why);
    }
    ended
}

/// Starts whoever makes changes for the program that Landlock does not see; answers where it is told of the program.
fn clerk(narrow: &Narrow<'_>) -> rustix::io::Result<OwnedFd> {
    let (to_clerk, from_program) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut to_clerk = Some(to_clerk);
    let own: Vec<PathBuf> = narrow
        .confinement
        .write
        .iter()
        .chain(&narrow.confinement.lent)
        .chain(&narrow.confinement.temporary)
        .filter_map(|folder| folder.canonicalize().ok())
        .collect();
    raw::fork(|| {
        // Its own copy would keep it from seeing that nobody comes.
        drop(to_clerk.take());
        let end = Some(rustix::process::Signal::KILL);
        let ready = rustix::process::set_parent_process_death_signal(end);
        let served = ready
            .and_then(|()| listener(&from_program))
            .and_then(|listener| clerk::attend(&listener, &own));
        i32::from(served.is_err())
    })?;
    to_clerk.ok_or(Errno::INVAL)
}

/// The listener that the program's process sends.
fn listener(from: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut came = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        from,
        &mut [std::io::IoSliceMut::new(&mut byte)],
        &mut came,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut sent = came.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sent) => Some(sent),
        _ => None,
    });
    sent.next()
        .and_then(|mut sent| sent.next())
        .ok_or(Errno::BADF)
}

/// Has the calls of this process asked of the clerk from now on.
fn have_asked(to_clerk: &OwnedFd) -> rustix::io::Result<()> {
    let listener = raw::filter_and_listen(&clerk::filter())?;
    let sent = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    message.push(SendAncillaryMessage::ScmRights(&sent));
    sendmsg(
        to_clerk,
        &[std::io::IoSlice::new(&[0])],
        &mut message,
        SendFlags::empty(),
    )?;
    Ok(())
}

/// How often everything is ended again: among thousands that copy themselves one time is not enough.
const SWEEPS_MAX: u32 = 60;

/// Ends everything that this process or one below it has started.
pub(super) fn end_everything_below() {
    let me = std::process::id();
    for _ in 0..SWEEPS_MAX {
        if end_all(collect_ended, || living_below(me)) == 0 {
            return;
        }
    }
}

/// As [`end_everything_below`], for the process outside: who attended the program has ended, and whoever ends everything
/// at one stroke sees that.
pub(super) fn end_what_is_left() {
    let me = std::process::id();
    await_end(collect_ended, || living_below(me));
    end_everything_below();
}

fn collect_ended() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// Waits until the program has ended, or whoever waits for it is gone; passes signals on and takes in orphans.
fn wait_for(program: Pid, outside: &File) -> Ended {
    let mut awaited = SigSet::from_iter(PASSED_ON);
    awaited.add(Signal::SIGCHLD);
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = match SignalFd::with_flags(&awaited, flags) {
        Ok(signals) => signals,
        Err(error) => return Ended::NotConfined(format!("signals could not be awaited: {error}")),
    };
    loop {
        let mut watched = [
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
            PollFd::new(outside, PollFlags::empty()),
        ];
        // Whatever comes of it is looked at below.
        poll(&mut watched, None).ok();
        if watched[1].revents().contains(PollFlags::HUP) {
            return Ended::Signal(Signal::SIGKILL as i32);
        }
        while let Ok(Some(signal)) = signals.read_signal() {
            let signal = i32::try_from(signal.ssi_signo).ok();
            if let Some(signal) = signal.and_then(|number| Signal::try_from(number).ok())
                && signal != Signal::SIGCHLD
            {
                nix::sys::signal::killpg(program, signal).ok();
            }
        }
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid.as_raw_nonzero().get() == program.as_raw() {
                return match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Ended::Code(code),
                    (None, signal) => Ended::Signal(signal.unwrap_or(9)),
                };
            }
        }
    }
}

/// The program's own process. Answers only if the program could not be started, and why.
fn start(narrow: &Narrow<'_>, to_clerk: Option<&OwnedFd>, ender: Option<(&Begin, Pid)>) -> String {
    match confined(narrow, to_clerk, ender) {
        Ok(never) => match never {},
        Err(why) => why,
    }
}

fn confined(
    narrow: &Narrow<'_>,
    to_clerk: Option<&OwnedFd>,
    ender: Option<(&Begin, Pid)>,
) -> Result<Infallible, String> {
    let failed =
        |what: &'static str| move |why: String| format!("{what} could not be enforced: {why}");
    let Narrow {
        confinement,
        plan,
        program,
        args,
        cwd,
        user,
    } = narrow;
    // Written by the host where the program may write: what it makes of it is its own affair.
    let temporary = confinement.temporary.clone().unwrap_or_default();
    let told = temporary.join(".orch-sandbox.json");
    rustix::process::setsid().map_err(|e| failed("a session of its own")(e.to_string()))?;
    // Opened with the host's rights: the way to what is granted may be closed to the program's user.
    let rules = belt::rules_of(plan, user.is_none()).map_err(|path| {
        format!(
            "`{}` lies in a folder that may be written to and cannot be hidden there without namespaces; take it out",
            path.display()
        )
    })?;
    if let Some(user) = user {
        become_user(*user, &[PASSING])
            .map_err(|e| failed("another user than root")(e.to_string()))?;
    }
    if let Some(Place::File(text)) = plan.places.get(Path::new(told::TOLD)) {
        std::fs::remove_file(&told).ok();
        let made = File::options().write(true).create_new(true).open(&told);
        made.and_then(|mut file| file.write_all(text))
            .map_err(|e| failed("what it is told")(e.to_string()))?;
    }
    std::env::set_current_dir(cwd).map_err(|e| failed("the working folder")(e.to_string()))?;
    rustix::thread::set_no_new_privs(true).map_err(|e| failed("no_new_privs")(e.to_string()))?;
    if let Some((begin, outside)) = ender {
        begin
            .stand_by(outside)
            .map_err(failed("the end of everything at one stroke"))?;
    }
    match user {
        Some(_) => raw::as_any_other(),
        // Nobody else can run before it, and thousands of them must not keep the host from ending them.
        None => raw::after_all_others(),
    };
    let end = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(end)
        .map_err(|e| failed("the end with its parent")(e.to_string()))?;
    let beyond = match user {
        Some(_) => belt::BEYOND_OF_USER,
        None => belt::beyond_of_host_user(),
    };
    belt::limit(&confinement.limits, beyond)
        .map_err(|e| failed("resource limits")(e.to_string()))?;
    match belt::shut_in_by(rules) {
        Ok(true) => {}
        Ok(false) => return Err(failed("Landlock")("the kernel has none".to_owned())),
        Err(error) => return Err(failed("Landlock")(error.to_string())),
    }
    let mut blocked = SigSet::from_iter(PASSED_ON);
    blocked.add(Signal::SIGCHLD);
    blocked
        .thread_unblock()
        .map_err(|e| failed("signals")(e.to_string()))?;
    raw::close_all_at_exec().map_err(|e| failed("closed descriptors")(e.to_string()))?;
    if let Some(to_clerk) = to_clerk {
        have_asked(to_clerk).map_err(|e| failed("who changes rights")(e.to_string()))?;
    }
    calls::filter(calls::World::Shared {
        has_internet: confinement.network == Network::Host,
        is_host_user: user.is_none(),
    })
    .map_err(failed("the filter of system calls"))?;
    let mut command = Command::new(program);
    command.args(*args);
    command.env_remove(CONFINEMENT_VARIABLE);
    command.env(TOLD_VARIABLE, &told);
    command.env("TMPDIR", &temporary);
    Err(format!(
        "`{}` could not be started: {}",
        program.display(),
        command.exec()
    ))
}
