//! Which calls of the kernel have no safe form in the libraries of the tree? Each of them, with the reason why it is
//! sound, and nothing else.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;
use nix::sched::{CloneFlags, clone};
use nix::unistd::Pid;
use rustix::io::{Errno, Result};

/// Attributes of a mount, as `mount_setattr` names them.
pub(super) const READ_ONLY: u64 = 0x1;
/// Set-user-ID has no effect.
pub(super) const NO_SUID: u64 = 0x2;
/// Device files cannot be opened.
pub(super) const NO_DEVICES: u64 = 0x4;

/// Stack of the first process inside, which builds the root and waits: far more than it was ever seen to use.
const STACK_BYTES: usize = 4 * 1024 * 1024;

#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Starts a child in new namespaces, which runs `child` and ends with what that answers.
///
/// Only for a process with one thread: the child has a copy of that thread alone, and whatever lock another one held
/// would never be opened there.
pub(super) fn start(flags: CloneFlags, child: impl FnMut() -> isize) -> Result<Pid> {
    let mut stack = vec![0_u8; STACK_BYTES];
    let child: nix::sched::CloneCb<'_> = Box::new(child);
    // SAFETY: the memory is copied and not shared (no CLONE_VM), so the child's stack is its own copy of `stack`, which
    // lives until the call returns; the process has one thread, so no lock is held by another.
    #[expect(
        unsafe_code,
        reason = "a child in new namespaces cannot be had otherwise"
    )]
    let pid = unsafe { clone(child, &mut stack, flags, Some(libc::SIGCHLD)) };
    pid.map_err(|e| Errno::from_raw_os_error(e as i32))
}

/// Has this thread, and what it starts, run before all that is not so; answers whether that was granted.
pub(super) fn before_all_others() -> bool {
    scheduled(libc::SCHED_RR, 1)
}

/// Has this thread, and what it starts, run when nothing else wants to, which they cannot take back.
pub(super) fn after_all_others() -> bool {
    scheduled(libc::SCHED_IDLE, 0)
}

/// Has this thread, and what it starts, run as any other.
pub(super) fn as_any_other() -> bool {
    scheduled(libc::SCHED_OTHER, 0)
}

fn scheduled(policy: i32, priority: i32) -> bool {
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: the kernel reads the structure, which lives until the call returns, and writes nothing.
    #[expect(unsafe_code, reason = "no library of the tree has this call")]
    let done = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    done == 0
}

/// Starts a copy of this process, which runs `child` and ends with what that answers. As [`start`], only for a process
/// with one thread.
pub(super) fn fork(child: impl FnOnce() -> i32) -> Result<Pid> {
    // SAFETY: the process has one thread, so the child holds every lock that it may want to take.
    #[expect(
        unsafe_code,
        reason = "the session of the program begins in a copy of this process"
    )]
    let forked = unsafe { nix::unistd::fork() };
    match forked.map_err(|e| Errno::from_raw_os_error(e as i32))? {
        nix::unistd::ForkResult::Parent { child } => Ok(child),
        nix::unistd::ForkResult::Child => std::process::exit(child()),
    }
}

/// Sets attributes of a mount and of all below it.
pub(super) fn set_attributes(mount: BorrowedFd<'_>, set: u64, recursive: bool) -> Result<()> {
    let attributes = MountAttributes {
        set,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the descriptor is open, the path is an empty C string, and the structure has the layout and the size of
    // the kernel's first version, which every kernel with this call knows.
    #[expect(unsafe_code, reason = "no library of the tree has this call")]
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    };
    done(answer)
}

/// A call that somebody else decides about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Number of the question.
    pub(super) id: u64,
    /// Thread that asks.
    pub(super) pid: u32,
    /// Number of the call.
    pub(super) call: i64,
    pub(super) args: [u64; 6],
}

/// Requests to a listener for calls, as the kernel's headers make them up.
const NEXT_ASKED: u64 = 0xc050_2100;
const ANSWER: u64 = 0xc018_2101;
const STILL_ASKS: u64 = 0x4008_2102;
/// The same, of kernels before 5.17.
const STILL_ASKS_BEFORE: u64 = 0x8008_2102;

/// Installs a filter for this process and what it starts; answers where what it does not decide is asked. Needs
/// `no_new_privs`.
pub(super) fn filter_and_listen(program: &[seccompiler::sock_filter]) -> Result<OwnedFd> {
    let length = libc::c_ushort::try_from(program.len()).map_err(|_| Errno::INVAL)?;
    let program = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the kernel reads `length` steps, which have its layout and live until the call returns.
    #[expect(unsafe_code, reason = "no library of the tree has this call")]
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    let number = i32::try_from(answer).unwrap_or(-1);
    if number < 0 {
        return Err(last_error());
    }
    // SAFETY: the kernel has just made the descriptor for this process, and nobody else knows it.
    #[expect(unsafe_code, reason = "a descriptor comes as a number")]
    let listener = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(listener)
}

/// Waits for the next call that is asked.
pub(super) fn next_asked(listener: BorrowedFd<'_>) -> Result<Asked> {
    // SAFETY: the structure is plain numbers, and the kernel wants it empty.
    #[expect(unsafe_code, reason = "as the kernel wants it")]
    let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes a structure of this layout, whose size is part of the request.
    #[expect(unsafe_code, reason = "no library of the tree has this request")]
    let answer = unsafe { libc::ioctl(listener.as_raw_fd(), NEXT_ASKED as _, &raw mut asked) };
    done(answer.into())?;
    Ok(Asked {
        id: asked.id,
        pid: asked.pid,
        call: asked.data.nr.into(),
        args: asked.data.args,
    })
}

/// Answers a call that was asked: it ends so for whoever made it.
pub(super) fn answer(listener: BorrowedFd<'_>, id: u64, with: Result<()>) -> Result<()> {
    let response = libc::seccomp_notif_resp {
        id,
        val: 0,
        error: with.err().map_or(0, |error| -error.raw_os_error()),
        flags: 0,
    };
    // SAFETY: the kernel reads a structure of this layout, whose size is part of the request.
    #[expect(unsafe_code, reason = "no library of the tree has this request")]
    let answer = unsafe { libc::ioctl(listener.as_raw_fd(), ANSWER as _, &raw const response) };
    done(answer.into())
}

/// Whether whoever made a call still waits for its answer.
pub(super) fn still_asks(listener: BorrowedFd<'_>, id: u64) -> bool {
    [STILL_ASKS, STILL_ASKS_BEFORE].into_iter().any(|request| {
        // SAFETY: the kernel reads one number.
        #[expect(unsafe_code, reason = "no library of the tree has this request")]
        let answer = unsafe { libc::ioctl(listener.as_raw_fd(), request as _, &raw const id) };
        answer == 0
    })
}

/// Whether anybody is left whose calls are asked by `listener`.
pub(super) fn has_askers(listener: BorrowedFd<'_>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut watched = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut watched, Some(&at_once)).is_ok() && !watched[0].revents().contains(PollFlags::HUP)
}

/// Closes every descriptor above the standard ones, whatever parents left open. Only at the very begin of a program,
/// while it holds none.
pub(super) fn close_all() -> Result<()> {
    close_range(0)
}

/// Has every descriptor above the standard ones closed when another program takes this process over.
pub(super) fn close_all_at_exec() -> Result<()> {
    close_range(libc::CLOSE_RANGE_CLOEXEC)
}

fn close_range(flags: libc::c_uint) -> Result<()> {
    // SAFETY: without a flag it is called before this program has opened anything, and nothing in it keeps a number of
    // a descriptor; with the flag no descriptor is closed as long as this program runs.
    #[expect(unsafe_code, reason = "no library of the tree has this call")]
    let answer = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, libc::c_uint::MAX, flags) };
    done(answer)
}

/// Size of a page of memory, bytes.
pub(super) fn page_bytes() -> u64 {
    configured(libc::_SC_PAGESIZE, 4096)
}

/// Clock ticks of a second, in which the kernel tells CPU time.
pub(super) fn ticks_per_s() -> u64 {
    configured(libc::_SC_CLK_TCK, 100)
}

fn configured(name: libc::c_int, usual: u64) -> u64 {
    // SAFETY: takes a number and answers a number.
    #[expect(
        unsafe_code,
        reason = "what the libraries of the tree have of it is not compiled in"
    )]
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value)
        .ok()
        .filter(|value| *value > 0)
        .unwrap_or(usual)
}

fn done(answer: libc::c_long) -> Result<()> {
    if answer == 0 {
        return Ok(());
    }
    Err(last_error())
}

fn last_error() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
}
