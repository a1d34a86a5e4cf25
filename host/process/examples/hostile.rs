//! A program that tries to get out of its cage: `hostile ATTEMPT [ARGUMENT]`.
//!
//! Exit code 0 means that the attempt succeeded, 1 that it was refused; what was seen stands on standard output.

#![expect(
    unsafe_code,
    reason = "attempts are calls that no library makes for a program"
)]

use std::io::Error;
use std::process::ExitCode;

use nix::libc;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = args.first().map(String::as_str).unwrap_or_default();
    let argument = args.get(1).map(String::as_str).unwrap_or_default();
    let number = || argument.parse::<i64>().expect("a number");
    let answer = match name {
        "call" => call(number(), [0; 4]),
        "clone" => cloned(number()),
        "unshare" => call(libc::SYS_unshare, [number(), 0, 0, 0]),
        "socket" => call(libc::SYS_socket, [number(), libc::SOCK_STREAM.into(), 0, 0]),
        "type" => typed(libc::TIOCSTI as i64 | (number() << 32)),
        // Selects and pastes on a console.
        "paste" => typed(0x541c | (number() << 32)),
        "watches" => watches(),
        "adopt" => adopt(),
        "queue-signals" => queue_signals(),
        "old-abi" => old_abi(),
        "descriptors" => descriptors(),
        "trace" => call(
            libc::SYS_ptrace,
            [libc::PTRACE_ATTACH.into(), number(), 0, 0],
        ),
        "trace-child" => trace_child(),
        "core-limit" => core_limit(),
        "bomb" => bomb(),
        "threads" => threads(),
        "hold" => hold(number()),
        "share" => share(number()),
        "unnamed" => unnamed(number()),
        "spin" => spin(),
        "segments" => segments(number()),
        "files" => files(),
        other => panic!("no attempt `{other}`"),
    };
    match answer {
        Ok(seen) => {
            println!("{seen}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

type Answer = Result<String, String>;

fn answered(value: i64) -> Answer {
    if value < 0 {
        let error = Error::last_os_error();
        return Err(match error.raw_os_error() {
            Some(libc::ENOSYS) => "ENOSYS".to_owned(),
            Some(libc::EPERM) => "EPERM".to_owned(),
            _ => error.to_string(),
        });
    }
    Ok(format!("answered {value}"))
}

fn call(number: i64, args: [i64; 4]) -> Answer {
    // SAFETY: every argument is a number; where the kernel wants an address it gets 0 or one that it refuses.
    answered(unsafe { libc::syscall(number, args[0], args[1], args[2], args[3]) })
}

fn cloned(flags: i64) -> Answer {
    // SAFETY: without memory in common the child has a copy of everything, as after a fork, and ends at once.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags | i64::from(libc::SIGCHLD),
            0,
            0,
            0,
            0,
        )
    };
    if pid == 0 {
        std::process::exit(0);
    }
    answered(pid)
}

fn typed(request: i64) -> Answer {
    let master = nix_open("/dev/ptmx")?;
    let letter = b'x';
    // SAFETY: the descriptor is open and the letter lives on the stack.
    answered(unsafe {
        libc::syscall(
            libc::SYS_ioctl,
            i64::from(master),
            request,
            &raw const letter,
        )
    })
}

fn nix_open(path: &str) -> Result<i32, String> {
    let file = std::fs::File::options().read(true).write(true).open(path);
    let file = file.map_err(|e| e.to_string())?;
    Ok(std::os::fd::IntoRawFd::into_raw_fd(file))
}

#[cfg(target_arch = "x86_64")]
fn old_abi() -> Answer {
    let answer: i64;
    // Number 20 is `getpid` there. SAFETY: the call takes no arguments and changes nothing but its result.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    let answer = i64::from(answer as i32);
    if answer == -i64::from(libc::ENOSYS) {
        return Err("ENOSYS".to_owned());
    }
    Ok(format!("answered {answer}"))
}

#[cfg(not(target_arch = "x86_64"))]
fn old_abi() -> Answer {
    Err("ENOSYS".to_owned())
}

fn descriptors() -> Answer {
    let mut seen = Vec::new();
    for number in 3..1024 {
        // SAFETY: asks for the flags of a number that may be no descriptor.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0 {
            seen.push(number.to_string());
        }
    }
    if seen.is_empty() {
        return Err("none".to_owned());
    }
    Ok(seen.join(" "))
}

/// Watches files by as many descriptors as it gets; the kernel counts them for a user.
fn watches() -> Answer {
    let mut count = 0;
    // SAFETY: takes flags and answers a descriptor, which is kept on purpose.
    while count < 4096 && unsafe { libc::inotify_init1(0) } >= 0 {
        count += 1;
    }
    Ok(count.to_string())
}

/// Leaves a process behind that ignores every signal it may, in a session of its own, below a process that takes in
/// orphans itself.
fn adopt() -> Answer {
    // SAFETY: no addresses are handed over; nothing of the copies depends on other threads, there are none.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
            libc::prctl(libc::PR_SET_PDEATHSIG, 0);
            for signal in 1..32 {
                libc::signal(signal, libc::SIG_IGN);
            }
            if libc::fork() == 0 {
                libc::setsid();
                libc::prctl(libc::PR_SET_NAME, c"left-behind".as_ptr());
                loop {
                    libc::pause();
                }
            }
            loop {
                libc::pause();
            }
        }
    }
    Ok("left".to_owned())
}

/// Queues signals to itself that it never takes, as many as it may.
fn queue_signals() -> Answer {
    let mut count = 0_u32;
    // SAFETY: the set and the value live on the stack; the signal is blocked and never delivered.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGRTMIN());
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let value = libc::sigval {
            sival_ptr: std::ptr::null_mut(),
        };
        while count < 1_000_000 && libc::sigqueue(libc::getpid(), libc::SIGRTMIN(), value) == 0 {
            count += 1;
        }
    }
    Ok(count.to_string())
}

fn trace_child() -> Answer {
    // SAFETY: the child has a copy of this one thread; it asks to be traced and stops.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: no addresses are handed over.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::raise(libc::SIGSTOP);
            libc::_exit(0);
        }
    }
    let mut status = 0;
    // SAFETY: the status lives on the stack; the child is this process's own.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    if waited != pid || !libc::WIFSTOPPED(status) {
        return Err(format!("the child was not stopped: {status}"));
    }
    // SAFETY: no addresses are handed over.
    answered(unsafe { libc::ptrace(libc::PTRACE_CONT, pid, 0, 0) })
}

fn core_limit() -> Answer {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit lives on the stack.
    unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) };
    if limit.rlim_max > 1 {
        return Ok(format!("{}", limit.rlim_max));
    }
    Err(format!("{}", limit.rlim_max))
}

/// Starts copies of itself, each of which does so too.
fn bomb() -> Answer {
    loop {
        // SAFETY: nothing of the copy depends on other threads; there are none.
        if unsafe { libc::fork() } < 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// Starts threads until it gets no more, and keeps them.
fn threads() -> Answer {
    loop {
        let rests = || std::thread::sleep(std::time::Duration::from_secs(600));
        let thread = std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(rests);
        if thread.is_err() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

fn filled(mib: i64) -> Vec<u8> {
    let bytes = usize::try_from(mib).expect("a size") << 20;
    let mut memory = vec![0_u8; bytes];
    for page in memory.chunks_mut(4096) {
        page[0] = 1;
    }
    memory
}

/// Ten processes that hold as much memory each, which none of them may not.
fn hold(mib: i64) -> Answer {
    for _ in 0..10 {
        // SAFETY: nothing of the copy depends on other threads; there are none.
        if unsafe { libc::fork() } == 0 {
            let memory = filled(mib);
            std::thread::sleep(std::time::Duration::from_secs(600));
            std::hint::black_box(&memory);
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(600));
    Ok("held".to_owned())
}

/// Ten processes that look at memory which one of them filled.
fn share(mib: i64) -> Answer {
    let memory = filled(mib);
    let mut children = Vec::new();
    for _ in 0..10 {
        // SAFETY: nothing of the copy depends on other threads; there are none.
        match unsafe { libc::fork() } {
            0 => {
                std::thread::sleep(std::time::Duration::from_secs(2));
                std::hint::black_box(&memory);
                // SAFETY: ends the copy without running what belongs to the first.
                unsafe { libc::_exit(0) };
            }
            pid => children.push(pid),
        }
    }
    for pid in children {
        // SAFETY: the child is this process's own, its status is not asked for.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    }
    Ok("shared".to_owned())
}

/// A file in memory that has no name and that nobody maps.
fn unnamed(mib: i64) -> Answer {
    use std::io::Write;
    use std::os::fd::FromRawFd;
    // SAFETY: the name is a C string.
    let number = unsafe { libc::memfd_create(c"held".as_ptr(), 0) };
    answered(number.into())?;
    // SAFETY: the descriptor was just made and belongs to nobody else.
    let mut file = unsafe { std::fs::File::from_raw_fd(number) };
    for _ in 0..mib {
        file.write_all(&[1; 1 << 20]).map_err(|e| e.to_string())?;
    }
    std::thread::sleep(std::time::Duration::from_secs(600));
    Ok("held".to_owned())
}

/// Memory in segments that nobody has mapped.
fn segments(mib: i64) -> Answer {
    for _ in 0..mib {
        // SAFETY: the segment is this process's own, mapped where the kernel likes, written within its size and unmapped.
        unsafe {
            let id = libc::shmget(libc::IPC_PRIVATE, 1 << 20, 0o600);
            answered(id.into())?;
            let at = libc::shmat(id, std::ptr::null(), 0);
            std::ptr::write_bytes(at.cast::<u8>(), 1, 1 << 20);
            libc::shmdt(at);
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(600));
    Ok("held".to_owned())
}

/// Files that hold nothing, without an end.
fn files() -> Answer {
    for folder in 0_u64.. {
        std::fs::create_dir(format!("f{folder}")).map_err(|e| e.to_string())?;
        for file in 0..10_000 {
            let made = std::fs::File::create(format!("f{folder}/{file}"));
            made.map_err(|e| e.to_string())?;
        }
    }
    Ok("made".to_owned())
}

/// Children that use up processors and are collected, so that no process that runs has used much.
fn spin() -> Answer {
    loop {
        // SAFETY: nothing of the copy depends on other threads; there are none.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let begun = std::time::Instant::now();
            while begun.elapsed() < std::time::Duration::from_millis(200) {
                std::hint::spin_loop();
            }
            // SAFETY: ends the copy without running what belongs to the first.
            unsafe { libc::_exit(0) };
        }
        // SAFETY: the child is this process's own, its status is not asked for.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    }
}
