//! The process outside: thinks out the root, starts the first process inside, waits for it, and ends as the program
//! ended.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::pipe::{PipeFlags, pipe_with};

use super::ends::{collect, end_by};
use super::first::{Ended, Inside, PASSED_ON, run};
use super::groups::Group;
use super::ids::{has_user, map, shown};
use super::passed::Passed;
use super::plan::Plan;
use super::refusal::{defect, refuse};
use super::watch::Watch;
use super::{
    CONFINEMENT_VARIABLE, Confinement, Network, Profile, USER_FIRST, external, inaccessible,
    narrow, owner, raw, root, told,
};

/// Bytes of what the first process says of its end.
const ENDED_BYTES_MAX: u64 = 16 * 1024;

/// How much sooner than others the kernel ends it, of 1000.
const EXPENDABLE: i32 = 500;

const NAMESPACES_REMEDY: &str = "allow user namespaces (kernel.unprivileged_userns_clone, user.max_user_namespaces, \
                                 kernel.apparmor_restrict_unprivileged_userns), or set `sandbox: {mode: off}` in \
                                 orch.yaml";

/// Runs a program confined, as the variable [`CONFINEMENT_VARIABLE`] says, or without what is [`inaccessible`]; answers its exit code, or ends by the signal
/// that ended it. Only while the process has one thread and has opened nothing.
pub fn exec(program: &Path, args: &[OsString]) -> i32 {
    if let Ok(text) = std::env::var(inaccessible::VARIABLE) {
        return inaccessible::exec(&text, program, args);
    }
    let text = std::env::var(CONFINEMENT_VARIABLE).unwrap_or_default();
    let confinement = match serde_json::from_str::<Confinement>(&text) {
        Ok(confinement) => confinement,
        Err(error) => return refuse(None, &format!("its description cannot be read: {error}")),
    };
    let ended = match confinement.profile {
        Profile::Auto | Profile::Namespaces => in_namespaces(&confinement, program, args),
        Profile::Landlock | Profile::LandlockSameUser => {
            without_namespaces(&confinement, program, args)
        }
        Profile::External => by_the_operators_own(&confinement, program, args),
    };
    match ended.unwrap_or_else(Ended::NotConfined) {
        Ended::Code(code) => code,
        Ended::Signal(signal) => end_by(signal),
        Ended::Passed(passed) => {
            say_passed(&confinement, passed);
            end_by(Signal::SIGKILL as i32)
        }
        Ended::NotConfined(text) if confinement.profile == Profile::Auto => {
            // From the begin, by a process with nothing open and one thread.
            let why = again_without_namespaces(&confinement, text);
            refuse(confinement.refusal.as_deref(), &why)
        }
        Ended::NotConfined(text) => refuse(confinement.refusal.as_deref(), &text),
    }
}

/// Says by what a program is held that is about to be started.
fn say_held_by(confinement: &Confinement) {
    let by = match confinement.profile {
        Profile::Auto => Profile::Namespaces,
        profile => profile,
    };
    if let Some(file) = &confinement.held_by {
        // Whoever finds no file knows nothing of it, and says so.
        std::fs::write(file, by.as_str()).ok();
    }
}

fn by_the_operators_own(
    confinement: &Confinement,
    program: &Path,
    args: &[OsString],
) -> Result<Ended, String> {
    raw::close_all().map_err(|e| defect(e.into()))?;
    offer_to_the_kernel();
    if let Some(why) = external::obstacle(confinement) {
        return Err(format!("the operator's own cage does not hold: {why}"));
    }
    let mut confinement = confinement.clone();
    let _temporary = narrow::Temporary::make(&mut confinement, None).map_err(defect)?;
    let own = external::Own {
        confinement: &confinement,
        program,
        args,
        cwd: std::env::current_dir().map_err(defect)?,
    };
    own.run(|| say_held_by(&confinement))
}

/// Takes this process over by one that confines without namespaces, if there are none to be had; answers only if that
/// cannot be.
fn again_without_namespaces(confinement: &Confinement, why: String) -> String {
    let narrow = Confinement {
        profile: Profile::Landlock,
        unspaced: Some(why.clone()),
        ..confinement.clone()
    };
    let Ok(text) = serde_json::to_string(&narrow) else {
        return why;
    };
    let error = std::process::Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env(CONFINEMENT_VARIABLE, text)
        .exec();
    format!("{why}; and another try could not be begun: {error}")
}

/// What is thought out before anything is started.
struct Prepared {
    plan: Plan,
    cwd: PathBuf,
    user: Option<u32>,
}

/// Who the program is outside; none if it stays who the host is.
fn user_outside(confinement: &Confinement) -> Option<u32> {
    let user = confinement.user.filter(|user| *user != 0);
    let user = user.unwrap_or(USER_FIRST);
    // The root of a container with no other user is none outside of it, and has nobody else to be.
    Some(user).filter(|user| rustix::process::geteuid().is_root() && has_user(*user))
}

impl Prepared {
    fn of(confinement: &Confinement) -> Result<Self, String> {
        let cwd = std::env::current_dir().map_err(defect)?;
        let user = user_outside(confinement);
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
                    format!(
                        "`{}` cannot be handed to user {user}: {e}; it has to lie on a file system that knows owners",
                        folder.display()
                    )
                })?;
            }
        }
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        told::tell(
            &mut plan,
            confinement,
            user.unwrap_or(shown(uid)),
            user.unwrap_or(shown(gid)),
        );
        // Blocked here and therefore inside: the first process passes them on, and this one ends when that does.
        awaited().thread_block().map_err(|e| defect(e.into()))?;
        Ok(Self { plan, cwd, user })
    }
}

/// The signals that are waited for and not handled.
fn awaited() -> SigSet {
    let mut awaited = SigSet::from_iter(PASSED_ON);
    awaited.add(Signal::SIGCHLD);
    awaited
}

fn pipe() -> Result<(File, File), String> {
    let made = pipe_with(PipeFlags::CLOEXEC);
    made.map(both).map_err(|e| defect(e.into()))
}

fn in_namespaces(
    confinement: &Confinement,
    program: &Path,
    args: &[OsString],
) -> Result<Ended, String> {
    raw::close_all().map_err(|e| defect(e.into()))?;
    offer_to_the_kernel();
    let Prepared { plan, cwd, user } = Prepared::of(confinement)?;
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let (begin, begin_of_outside) = pipe()?;
    let (mut said, say) = pipe()?;
    let mut say = Some(say);
    let mut begin = Some(begin);
    let mut begin_of_outside = Some(begin_of_outside);
    let pid = raw::start(namespaces(confinement), || {
        // Its own copy of the other end would keep it from seeing that the process outside has ended.
        drop(begin_of_outside.take());
        let (Some(begin), Some(mut say)) = (begin.take(), say.take()) else {
            return 1;
        };
        let ended = inside(confinement, &plan, program, args, &cwd, user, begin);
        // Nobody is left to be told if it cannot be written.
        let text = serde_json::to_vec(&ended).unwrap_or_default();
        isize::from(say.write_all(&text).is_err())
    })
    .map_err(|e| format!("namespaces could not be enforced: {e}; {NAMESPACES_REMEDY}"))?;
    drop((say, begin));
    let group = Group::make(&confinement.limits).filter(|group| group.take(pid.as_raw()).is_ok());
    say_held_by(confinement);
    let mapped = map(pid, user, uid, gid).and_then(|()| let_begin(&mut begin_of_outside));
    if let Err(error) = mapped {
        // It sees the end of the pipe and ends.
        drop(begin_of_outside);
        collect(pid);
        return Err(format!(
            "the user namespace could not be enforced: {error}; {NAMESPACES_REMEDY}"
        ));
    }
    let mut watch = Watch::over(pid.as_raw().unsigned_abs(), confinement, group);
    while !has_said(&said, None, watch.rest()) {
        if let Some(passed) = watch.look() {
            // With it ends everything inside.
            nix::sys::signal::kill(pid, Signal::SIGKILL).ok();
            say_passed(confinement, passed);
            break;
        }
    }
    let ended = watch.told(read_ended(&mut said));
    collect(pid);
    drop(begin_of_outside);
    ended
}

/// Lets the first process begin.
fn let_begin(begin: &mut Option<File>) -> std::io::Result<()> {
    begin.as_mut().map_or(Ok(()), |begin| begin.write_all(b"b"))
}

/// What the first process has said of the end.
fn read_ended(said: &mut File) -> Result<Ended, String> {
    let mut text = Vec::new();
    let read = said.take(ENDED_BYTES_MAX).read_to_end(&mut text);
    read.map_err(defect)?;
    // Nothing was said by one that was killed, with everything inside.
    Ok(serde_json::from_slice(&text).unwrap_or(Ended::Signal(Signal::SIGKILL as i32)))
}

fn without_namespaces(
    confinement: &Confinement,
    program: &Path,
    args: &[OsString],
) -> Result<Ended, String> {
    raw::close_all().map_err(|e| defect(e.into()))?;
    offer_to_the_kernel();
    let tried = confinement.unspaced.as_deref();
    if let Some(why) = tried
        && can_make_namespaces()
    {
        // Then something else was wrong.
        return Err(why.to_owned());
    }
    let user = user_outside(confinement);
    let is_same_user = confinement.profile == Profile::LandlockSameUser;
    let user = user.filter(|_| !is_same_user);
    if let Some(why) = narrow::obstacle(confinement, user) {
        let tried = tried.map(|tried| format!("{tried}; ")).unwrap_or_default();
        return Err(format!("{tried}{why}"));
    }
    let mut confinement = confinement.clone();
    let _temporary = narrow::Temporary::make(&mut confinement, user).map_err(defect)?;
    let confinement = &confinement;
    let ways = match is_same_user {
        // It goes where the host goes, and opens nothing there.
        true => Ok(()),
        false => narrow::open_ways(confinement),
    };
    ways.map_err(|path| {
        format!(
            "without namespaces the sandbox does not hold: `{}` is closed to every user but its own, and what is judged \
             works below it; open it with `chmod o+x`, or let `data` lie elsewhere",
            path.display()
        )
    })?;
    let Prepared { plan, cwd, user } = Prepared::of(confinement)?;
    let user = user.filter(|_| !is_same_user);
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))
        .map_err(|e| defect(e.into()))?;
    // Whoever counts and ends thousands of processes would wait for each of them otherwise. Where it is not granted they
    // are held to their number by the kernel, and end later.
    raw::before_all_others();
    let (begin, begin_of_outside) = pipe()?;
    let (mut said, say) = pipe()?;
    let (mut say, mut begin_of_outside) = (Some(say), Some(begin_of_outside));
    let pid = raw::fork(|| {
        // Its own copy of the other end would keep it from seeing that the process outside has ended.
        drop(begin_of_outside.take());
        let Some(mut say) = say.take() else { return 1 };
        let narrow = narrow::Narrow {
            confinement,
            plan: &plan,
            program,
            args,
            cwd: &cwd,
            user,
        };
        let ended = narrow::attend(&narrow, &begin);
        let text = serde_json::to_vec(&ended).unwrap_or_default();
        i32::from(say.write_all(&text).is_err())
    })
    .map_err(|e| defect(e.into()))?;
    drop((say, begin));
    let group = Group::make(&confinement.limits).filter(|group| group.take(pid.as_raw()).is_ok());
    let begun = let_begin(&mut begin_of_outside);
    if begun.is_err() {
        // It sees the end of the pipe, and starts nothing.
        drop(begin_of_outside.take());
    } else {
        say_held_by(confinement);
    }
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals =
        SignalFd::with_flags(&SigSet::from_iter(PASSED_ON), flags).map_err(|e| defect(e.into()))?;
    let mut watch = Watch::over(pid.as_raw().unsigned_abs(), confinement, group);
    let mut passed_limit = false;
    while !has_said(&said, Some(&signals), watch.rest()) {
        while let Ok(Some(signal)) = signals.read_signal() {
            let number = i32::try_from(signal.ssi_signo).ok();
            if let Some(signal) = number.and_then(|number| Signal::try_from(number).ok()) {
                // It is in no group that a signal came to.
                nix::sys::signal::kill(pid, signal).ok();
            }
        }
        if !passed_limit && let Some(passed) = watch.look() {
            // Whoever attends the program sees that nobody waits any more, and ends everything.
            drop(begin_of_outside.take());
            say_passed(confinement, passed);
            passed_limit = true;
        }
    }
    let ended = watch.told(read_ended(&mut said));
    collect(pid);
    narrow::end_what_is_left();
    ended
}

/// Whether this machine gives namespaces with rights in them: made and used, for some give them without.
fn can_make_namespaces() -> bool {
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let Ok((mut begin, begin_of_outside)) = pipe() else {
        return false;
    };
    let mut begin_of_outside = Some(begin_of_outside);
    let Ok((mut said, say)) = pipe() else {
        return false;
    };
    let mut say = Some(say);
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNET;
    let started = raw::start(all, || {
        drop(begin_of_outside.take());
        let mut byte = [0];
        let told = begin.read_exact(&mut byte);
        let works = told.is_ok() && root::can_mount();
        let said = say
            .take()
            .map(|mut say| say.write_all(if works { b"y" } else { b"n" }));
        isize::from(!matches!(said, Some(Ok(()))))
    });
    drop(say.take());
    let Ok(pid) = started else { return false };
    let mapped = map(pid, None, uid, gid).and_then(|()| let_begin(&mut begin_of_outside));
    drop(begin_of_outside);
    let mut answer = String::new();
    let read = said.read_to_string(&mut answer);
    collect(pid);
    mapped.is_ok() && read.is_ok() && answer == "y"
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

/// Waits until the first process says how it ended, or has ended; answers false when `rest` is over or a signal came.
fn has_said(said: &File, signals: Option<&SignalFd>, rest: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut watched = vec![PollFd::new(said, PollFlags::IN)];
    watched.extend(signals.map(|signals| PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)));
    let rest = Timespec::try_from(rest).ok();
    match poll(&mut watched, rest.as_ref()) {
        Ok(_) => !watched[0].revents().is_empty(),
        Err(rustix::io::Errno::INTR) => false,
        // Then reading says what is wrong.
        Err(_) => true,
    }
}

/// Says which limit the program was ended for: to whoever reads data, and to whoever reads what it printed.
fn say_passed(confinement: &Confinement, passed: Passed) {
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
