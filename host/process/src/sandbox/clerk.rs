//! Who changes rights, times and owners for a program that is held as the host's own user? Landlock does not see such calls,
//! and they would reach every file of that user; builds cannot do without them.
//!
//! The kernel hands each of them to a process outside, which opens what is meant, looks where that lies, and makes the
//! change by the descriptor if it is the program's own. What a path leads to afterwards does not matter.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::libc;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, chmodat, openat, readlinkat,
    utimensat,
};
use rustix::io::{Errno, Result};
use seccompiler::sock_filter;

use super::raw::{self, Asked};

/// Longest path, bytes.
const PATH_BYTES_MAX: usize = 4096;
/// Bits of rights that a program may give: none by which somebody else would become the host's user.
const RIGHTS: u32 = 0o1777;

/// Calls that are asked, by number, and what each of them is.
const CALLS: &[(i64, Call)] = &[
    #[cfg(target_arch = "x86_64")]
    (
        libc::SYS_chmod,
        Call::of(What::Rights { at: 1 }, Place::Path { at: 0 }),
    ),
    (
        libc::SYS_fchmod,
        Call::of(What::Rights { at: 1 }, Place::Descriptor),
    ),
    (
        libc::SYS_fchmodat,
        Call::of(What::Rights { at: 2 }, Place::Below { flags: None }),
    ),
    // fchmodat2, for which there is no name yet.
    (
        452,
        Call::of(What::Rights { at: 2 }, Place::Below { flags: Some(3) }),
    ),
    #[cfg(target_arch = "x86_64")]
    (
        libc::SYS_chown,
        Call::of(What::Owner { at: 1 }, Place::Path { at: 0 }),
    ),
    #[cfg(target_arch = "x86_64")]
    (
        libc::SYS_lchown,
        Call::of(What::Owner { at: 1 }, Place::Link { at: 0 }),
    ),
    (
        libc::SYS_fchown,
        Call::of(What::Owner { at: 1 }, Place::Descriptor),
    ),
    (
        libc::SYS_fchownat,
        Call::of(What::Owner { at: 2 }, Place::Below { flags: Some(4) }),
    ),
    #[cfg(target_arch = "x86_64")]
    (
        libc::SYS_utime,
        Call::of(
            What::Times {
                at: 1,
                of: Clock::Seconds,
            },
            Place::Path { at: 0 },
        ),
    ),
    #[cfg(target_arch = "x86_64")]
    (
        libc::SYS_utimes,
        Call::of(
            What::Times {
                at: 1,
                of: Clock::Micros,
            },
            Place::Path { at: 0 },
        ),
    ),
    #[cfg(target_arch = "x86_64")]
    (
        libc::SYS_futimesat,
        Call::of(
            What::Times {
                at: 2,
                of: Clock::Micros,
            },
            Place::Below { flags: None },
        ),
    ),
    (
        libc::SYS_utimensat,
        Call::of(
            What::Times {
                at: 2,
                of: Clock::Nanos,
            },
            Place::Below { flags: Some(3) },
        ),
    ),
];

/// Calls that change attributes beside those: programs go on without them where a file system has none.
const ATTRIBUTES: [i64; 9] = [
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_setxattr,
    // setxattrat, removexattrat and file_setattr, for which there are no names yet.
    463,
    466,
    469,
];

#[derive(Debug, Clone, Copy)]
struct Call {
    what: What,
    place: Place,
}

impl Call {
    const fn of(what: What, place: Place) -> Self {
        Self { what, place }
    }
}

/// What is changed, and which argument says to what.
#[derive(Debug, Clone, Copy)]
enum What {
    Rights {
        at: usize,
    },
    /// The user; the group comes after it.
    Owner {
        at: usize,
    },
    Times {
        at: usize,
        of: Clock,
    },
}

/// In which form times are.
#[derive(Debug, Clone, Copy)]
enum Clock {
    #[cfg(target_arch = "x86_64")]
    Seconds,
    #[cfg(target_arch = "x86_64")]
    Micros,
    Nanos,
}

/// Which arguments say what is meant.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// An open file.
    Descriptor,
    /// A path; what a link leads to is meant.
    #[cfg(target_arch = "x86_64")]
    Path { at: usize },
    /// A path; a link itself is meant.
    #[cfg(target_arch = "x86_64")]
    Link { at: usize },
    /// A folder, and a path below it; without a path the folder's descriptor itself.
    Below {
        /// Which argument says whether a link itself is meant.
        flags: Option<usize>,
    },
}

/// The filter that has these calls asked.
pub(super) fn filter() -> Vec<sock_filter> {
    const LOAD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const ANSWER: u16 = 0x06;
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let number = |call: &i64| u32::try_from(*call).unwrap_or(u32::MAX);
    // Calls of another machine have other numbers and are not there, by the other filter.
    let mut program = vec![step(LOAD, 0, 0, 0)];
    let asked = CALLS.iter().map(|(call, _)| call).chain(&ATTRIBUTES);
    for call in asked {
        program.push(step(EQUAL, 0, 1, number(call)));
        program.push(step(ANSWER, 0, 0, libc::SECCOMP_RET_USER_NOTIF));
    }
    program.push(step(ANSWER, 0, 0, libc::SECCOMP_RET_ALLOW));
    program
}

/// Answers what comes by `listener` until nobody is left who could ask. What lies in `own` is the program's own.
pub(super) fn attend(listener: &OwnedFd, own: &[PathBuf]) -> Result<()> {
    loop {
        let asked = match raw::next_asked(listener.as_fd()) {
            Ok(asked) => asked,
            // Whoever asked has ended meanwhile.
            Err(Errno::NOENT) if raw::has_askers(listener.as_fd()) => continue,
            Err(Errno::INTR) => continue,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error),
        };
        let done = judge(listener, &asked, own);
        match raw::answer(listener.as_fd(), asked.id, done) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
}

fn judge(listener: &OwnedFd, asked: &Asked, own: &[PathBuf]) -> Result<()> {
    if ATTRIBUTES.contains(&asked.call) {
        return Err(Errno::OPNOTSUPP);
    }
    let (_, call) = CALLS
        .iter()
        .find(|(number, _)| *number == asked.call)
        .ok_or(Errno::NOSYS)?;
    let memory = File::open(format!("/proc/{}/mem", asked.pid)).map_err(|_| Errno::PERM)?;
    let object = open(asked, call.place, &memory)?;
    let times = match call.what {
        What::Times { at, of } => Some(times(&memory, asked.args[at], of)?),
        What::Rights { .. } | What::Owner { .. } => None,
    };
    // Whoever has this number now is still whoever asked.
    if !raw::still_asks(listener.as_fd(), asked.id) {
        return Err(Errno::NOENT);
    }
    let name = format!("/proc/self/fd/{}", object.as_raw_fd());
    let at = readlinkat(CWD, &name, Vec::new())?;
    let at = Path::new(std::ffi::OsStr::from_bytes(at.as_bytes()));
    if !own.iter().any(|own| at.starts_with(own)) {
        return Err(Errno::PERM);
    }
    match call.what {
        What::Rights { at } => {
            let mode = low(asked.args[at]) & RIGHTS;
            chmodat(CWD, &name, Mode::from_raw_mode(mode), AtFlags::empty())
        }
        What::Owner { at } => {
            let is_own = |wanted: u32, own: u32| wanted == u32::MAX || wanted == own;
            let (user, group) = (low(asked.args[at]), low(asked.args[at + 1]));
            let stays = is_own(user, rustix::process::geteuid().as_raw())
                && is_own(group, rustix::process::getegid().as_raw());
            if stays { Ok(()) } else { Err(Errno::PERM) }
        }
        What::Times { .. } => {
            let times = times.ok_or(Errno::INVAL)?;
            utimensat(&object, "", &times, AtFlags::EMPTY_PATH)
        }
    }
}

/// The half of an argument that the kernel takes.
fn low(argument: u64) -> u32 {
    u32::try_from(argument & u64::from(u32::MAX)).unwrap_or(0)
}

/// Opens what is meant, without reading or changing anything.
fn open(asked: &Asked, place: Place, memory: &File) -> Result<OwnedFd> {
    let descriptor = |argument: u64| format!("/proc/{}/fd/{}", asked.pid, low(argument));
    let folder = |argument: u64| match low(argument) {
        at if i32::from_ne_bytes(at.to_ne_bytes()) == libc::AT_FDCWD => {
            format!("/proc/{}/cwd", asked.pid)
        }
        _ => descriptor(argument),
    };
    let (folder, path, follows) = match place {
        Place::Descriptor => (descriptor(asked.args[0]), None, true),
        #[cfg(target_arch = "x86_64")]
        Place::Path { at } => {
            let here = format!("/proc/{}/cwd", asked.pid);
            (here, Some(text(memory, asked.args[at])?), true)
        }
        #[cfg(target_arch = "x86_64")]
        Place::Link { at } => {
            let here = format!("/proc/{}/cwd", asked.pid);
            (here, Some(text(memory, asked.args[at])?), false)
        }
        Place::Below { flags } => {
            let flags = flags.map_or(0, |at| low(asked.args[at]));
            let flags = i32::from_ne_bytes(flags.to_ne_bytes());
            let path = match asked.args[1] {
                0 => None,
                at => Some(text(memory, at)?).filter(|path| !path.is_empty()),
            };
            if path.is_none() && asked.args[1] != 0 && flags & libc::AT_EMPTY_PATH == 0 {
                return Err(Errno::NOENT);
            }
            let follows = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
            (folder(asked.args[0]), path, follows)
        }
    };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let folder = openat(CWD, &folder, flags, Mode::empty())?;
    let Some(path) = path else { return Ok(folder) };
    let path = of_asker(&path, asked.pid);
    let flags = match follows {
        true => flags,
        false => flags | OFlags::NOFOLLOW,
    };
    openat(&folder, path.as_slice(), flags, Mode::empty())
}

/// A path with whoever asks where it says "self".
fn of_asker(path: &[u8], pid: u32) -> Vec<u8> {
    let own = format!("/proc/{pid}/");
    for (begin, instead) in [
        (&b"/proc/self/"[..], own.clone()),
        (b"/proc/thread-self/", own.clone()),
        (b"/dev/fd/", format!("{own}fd/")),
    ] {
        if let Some(rest) = path.strip_prefix(begin) {
            return [instead.as_bytes(), rest].concat();
        }
    }
    path.to_vec()
}

/// A text of whoever asks.
fn text(memory: &File, at: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; PATH_BYTES_MAX];
    let mut count = 0;
    while count < bytes.len() {
        // What follows the text may not be there: no further than the next page.
        let here = at.checked_add(count as u64).ok_or(Errno::FAULT)?;
        let to_page = PATH_BYTES_MAX - usize::try_from(here % 4096).unwrap_or(0);
        let end = (count + to_page).min(bytes.len());
        let came = memory.read_at(&mut bytes[count..end], here);
        let came = came.ok().filter(|came| *came > 0).ok_or(Errno::FAULT)?;
        if let Some(length) = bytes[count..count + came].iter().position(|b| *b == 0) {
            bytes.truncate(count + length);
            return Ok(bytes);
        }
        count += came;
    }
    Err(Errno::NAMETOOLONG)
}

fn times(memory: &File, at: u64, of: Clock) -> Result<Timestamps> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    if at == 0 {
        return Ok(Timestamps {
            last_access: now,
            last_modification: now,
        });
    }
    let bytes = match of {
        #[cfg(target_arch = "x86_64")]
        Clock::Seconds => 16,
        #[cfg(target_arch = "x86_64")]
        Clock::Micros => 32,
        Clock::Nanos => 32,
    };
    let mut read = vec![0; bytes];
    memory
        .read_exact_at(&mut read, at)
        .map_err(|_| Errno::FAULT)?;
    let numbers: Vec<i64> = read
        .chunks_exact(8)
        .map(|part| i64::from_ne_bytes(part.try_into().unwrap_or_default()))
        .collect();
    let spec = |seconds: i64, nanos: i64| Timespec {
        tv_sec: seconds,
        tv_nsec: nanos,
    };
    let (access, change) = match (of, numbers.as_slice()) {
        #[cfg(target_arch = "x86_64")]
        (Clock::Seconds, [access, change]) => (spec(*access, 0), spec(*change, 0)),
        #[cfg(target_arch = "x86_64")]
        (Clock::Micros, [a, am, c, cm]) => {
            let nanos = |micros: i64| micros.checked_mul(1000).ok_or(Errno::INVAL);
            (spec(*a, nanos(*am)?), spec(*c, nanos(*cm)?))
        }
        (Clock::Nanos, [a, an, c, cn]) => (spec(*a, *an), spec(*c, *cn)),
        _ => return Err(Errno::INVAL),
    };
    Ok(Timestamps {
        last_access: access,
        last_modification: change,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_that_says_self_is_that_of_whoever_asks() {
        assert_eq!(of_asker(b"/proc/self/fd/3", 7), b"/proc/7/fd/3");
        assert_eq!(of_asker(b"/dev/fd/3", 7), b"/proc/7/fd/3");
        assert_eq!(of_asker(b"/proc/selfish", 7), b"/proc/selfish");
        assert_eq!(of_asker(b"a/b", 7), b"a/b");
    }

    #[test]
    fn every_call_is_asked_and_fits_into_the_filter() {
        let program = filter();
        assert_eq!(program.len(), 2 + 2 * (CALLS.len() + ATTRIBUTES.len()));
        let own = program
            .iter()
            .filter(|step| step.k == libc::SECCOMP_RET_USER_NOTIF);
        assert_eq!(own.count(), CALLS.len() + ATTRIBUTES.len());
    }
}
