//! The process outside: thinks out the root, starts the first process inside, waits for it, and ends as the program
//! ended.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::Pid;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitOptions, waitpid};

use super::first::{Ended, Inside, PASSED_ON, run};
use super::plan::Plan;
use super::watch::{Passed, Watch};
use super::{
    CONFINEMENT_VARIABLE, Confinement, NOT_CONFINED, Network, USER_FIRST, owner, raw, told,
};

/// Bytes of what the first process says of its end.
const ENDED_BYTES_MAX: u64 = 16 * 1024;

/// Nobody, by every distribution's count.
const NOBODY: u32 = 65_534;

/// How much sooner than others the kernel ends it, of 1000.
const EXPENDABLE: i32 = 500;

const NAMESPACES_REMEDY: &str = "allow user namespaces (kernel.unprivileged_userns_clone, user.max_user_namespaces, \
                                 kernel.apparmor_restrict_unprivileged_userns), or set `sandbox: {mode: off}` in \
                                 orch.yaml";

/// Runs a program confined, as the variable [`CONFINEMENT_VARIABLE`] says; answers its exit code, or ends by the signal
/// that ended it. Only while the process has one thread and has opened nothing.
pub fn exec(program: &Path, args: &[OsString]) -> i32 {
    let text = std::env::var(CONFINEMENT_VARIABLE).unwrap_or_default();
    let confinement = match serde_json::from_str::<Confinement>(&text) {
        Ok(confinement) => confinement,
        Err(error) => return refuse(None, &format!("its description cannot be read: {error}")),
    };
    let ended = outside(&confinement, program, args);
    match ended.unwrap_or_else(Ended::NotConfined) {
        Ended::Code(code) => code,
        Ended::Signal(signal) => end_by(signal),
        Ended::NotConfined(text) => refuse(confinement.refusal.as_deref(), &text),
    }
}

fn refuse(file: Option<&Path>, why: &str) -> i32 {
    if let Some(file) = file {
        // Whoever finds no file sees the exit code.
        std::fs::write(file, why).ok();
    }
    eprintln!("sandbox: {why}");
    NOT_CONFINED
}

fn outside(confinement: &Confinement, program: &Path, args: &[OsString]) -> Result<Ended, String> {
    let defect =
        |e: std::io::Error| format!("the sandbox could not be prepared: {e}; this is a defect");
    raw::close_all().map_err(|e| defect(e.into()))?;
    let cwd = std::env::current_dir().map_err(defect)?;
    offer_to_the_kernel();
    let user = confinement
        .user
        .filter(|user| *user != 0)
        .unwrap_or(USER_FIRST);
    // The root of a container with no other user is none outside of it, and has nobody else to be.
    let user = Some(user).filter(|user| rustix::process::geteuid().is_root() && has_user(*user));
    let mut plan = Plan::of(confinement).map_err(|path| {
        format!(
            "`{}` cannot be written to inside: it is not there; make it",
            path.display()
        )
    })?;
    if let Some(user) = user {
        let own = confinement.write.iter().chain(&confinement.temporary);
        for folder in own {
            owner::hand_over(folder, user).map_err(|e| {
                format!("`{}` cannot be handed to user {user}: {e}; it has to lie on a file system that knows owners", folder.display())
            })?;
        }
    }
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    told::tell(
        &mut plan,
        confinement,
        user.unwrap_or(shown(uid)),
        user.unwrap_or(shown(gid)),
    );
    // Blocked here and therefore inside: the first process passes them on, and this one ends when that does.
    let mut blocked = SigSet::from_iter(PASSED_ON);
    blocked.add(Signal::SIGCHLD);
    blocked.thread_block().map_err(|e| defect(e.into()))?;
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|e| defect(e.into()));
    let (begin, mut begin_of_outside) = both(pipe()?);
    let (mut said, say) = both(pipe()?);
    let mut say = Some(say);
    let mut begin = Some(begin);
    let mut begin_of_inside = Some(begin_of_outside.try_clone().map_err(defect)?);
    let pid = raw::start(namespaces(confinement), || {
        // Its own copy of the other end would keep it from seeing that the process outside has ended.
        drop(begin_of_inside.take());
        let (Some(begin), Some(mut say)) = (begin.take(), say.take()) else {
            return 1;
        };
        let ended = inside(confinement, &plan, program, args, &cwd, user, begin);
        // Nobody is left to be told if it cannot be written.
        let text = serde_json::to_vec(&ended).unwrap_or_default();
        isize::from(say.write_all(&text).is_err())
    })
    .map_err(|e| format!("namespaces could not be enforced: {e}; {NAMESPACES_REMEDY}"))?;
    drop((say, begin, begin_of_inside));
    let mapped = map(pid, user, uid, gid).and_then(|()| begin_of_outside.write_all(b"b"));
    if let Err(error) = mapped {
        // It sees the end of the pipe and ends.
        drop(begin_of_outside);
        collect(pid);
        return Err(format!(
            "the user namespace could not be enforced: {error}; {NAMESPACES_REMEDY}"
        ));
    }
    let mut watch = Watch::over(pid.as_raw().unsigned_abs(), confinement);
    while !has_said(&said, watch.rest()) {
        if let Some(passed) = watch.look() {
            // With it ends everything inside.
            nix::sys::signal::kill(pid, Signal::SIGKILL).ok();
            tell(confinement, passed);
            break;
        }
    }
    let mut text = Vec::new();
    let read = (&mut said).take(ENDED_BYTES_MAX).read_to_end(&mut text);
    collect(pid);
    drop(begin_of_outside);
    read.map_err(defect)?;
    // Nothing was said by one that was killed, with everything inside.
    Ok(serde_json::from_slice(&text).unwrap_or(Ended::Signal(Signal::SIGKILL as i32)))
}

/// Has a kernel without memory end what runs here before the host: what is judged fills memory more often than whoever
/// judges it.
fn offer_to_the_kernel() {
    const FILE: &str = "/proc/self/oom_score_adj";
    let now = std::fs::read_to_string(FILE).unwrap_or_default();
    if now.trim().parse::<i32>().is_ok_and(|now| now < EXPENDABLE) {
        // Without it the kernel chooses as it would have.
        std::fs::write(FILE, EXPENDABLE.to_string()).ok();
    }
}

/// Waits until the first process says how it ended, or has ended; answers false when `rest` is over.
fn has_said(said: &File, rest: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut watched = [PollFd::new(said, PollFlags::IN)];
    let rest = Timespec::try_from(rest).ok();
    match poll(&mut watched, rest.as_ref()) {
        Ok(ready) => ready > 0,
        Err(rustix::io::Errno::INTR) => false,
        // Then reading says what is wrong.
        Err(_) => true,
    }
}

/// Says which limit the program was ended for: to whoever reads data, and to whoever reads what it printed.
fn tell(confinement: &Confinement, passed: Passed) {
    if let Some(file) = &confinement.passed {
        // Whoever finds no file sees how it ended.
        std::fs::write(file, passed.as_str()).ok();
    }
    eprintln!(
        "sandbox: ended for `{}`: {}",
        passed.as_str(),
        passed.in_words(&confinement.limits)
    );
}

fn both((read, write): (OwnedFd, OwnedFd)) -> (File, File) {
    (File::from(read), File::from(write))
}

fn namespaces(confinement: &Confinement) -> CloneFlags {
    let flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    match confinement.network {
        Network::None | Network::Proxied => flags | CloneFlags::CLONE_NEWNET,
        Network::Host => flags,
    }
}

/// What the first process does once it is told who it is.
fn inside(
    confinement: &Confinement,
    plan: &Plan,
    program: &Path,
    args: &[OsString],
    cwd: &Path,
    user: Option<u32>,
    mut begin: File,
) -> Ended {
    let mut byte = [0];
    if begin.read_exact(&mut byte).is_err() {
        return Ended::NotConfined("the host's side has ended".to_owned());
    }
    run(&Inside {
        confinement,
        plan,
        program,
        args,
        cwd: cwd.to_owned(),
        user,
        outside: begin.into(),
    })
}

/// As whom a process is shown inside that stays who it is outside: a root would have every right of its namespaces.
fn shown(id: u32) -> u32 {
    if id == 0 { NOBODY } else { id }
}

/// Whether this user namespace has a user and a group of this number.
fn has_user(user: u32) -> bool {
    let maps = |name: &str| {
        let text = std::fs::read_to_string(name).unwrap_or_default();
        text.lines().any(|line| {
            let numbers: Vec<u64> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
            matches!(numbers[..], [first, _, count] if (first..first + count).contains(&u64::from(user)))
        })
    };
    maps("/proc/self/uid_map") && maps("/proc/self/gid_map")
}

/// Says who the first process is outside: this user, or another one if this is root.
fn map(pid: Pid, user: Option<u32>, uid: u32, gid: u32) -> std::io::Result<()> {
    let write = |name: &str, text: String| std::fs::write(format!("/proc/{pid}/{name}"), text);
    match user {
        Some(user) => {
            write("uid_map", format!("{user} {user} 1"))?;
            write("gid_map", format!("{user} {user} 1"))
        }
        None => {
            write("setgroups", "deny".to_owned())?;
            write("uid_map", format!("{} {uid} 1", shown(uid)))?;
            write("gid_map", format!("{} {gid} 1", shown(gid)))
        }
    }
}

/// Waits until the first process has ended, and with it everything inside.
fn collect(pid: Pid) {
    let pid = rustix::process::Pid::from_raw(pid.as_raw());
    while let Err(rustix::io::Errno::INTR) = waitpid(pid, WaitOptions::empty()) {}
}

/// Ends by the signal that ended the program, for whoever waits to see.
fn end_by(signal: i32) -> i32 {
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
