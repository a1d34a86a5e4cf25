//! Takes the rights away, in the order in which the kernel lets one do it.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Resource, Rlimit, WaitOptions, getrlimit, setrlimit, wait};

use super::{Confinement, Limits, NOT_CONFINED, Network};

/// Newest Landlock that is used; older kernels enforce what they know.
const LANDLOCK: ABI = ABI::V6;
/// Variable that tells the first process of the namespace from the one that made it.
const INSIDE: &str = "ORCH_SANDBOX_INSIDE";

/// What every program needs to start at all; what is not there is left out.
const SYSTEM: [&str; 26] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
];
const DEVICES_READ: [&str; 2] = ["/dev/urandom", "/dev/random"];
const DEVICES_WRITE: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// What the kernel offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Version of Landlock's interface; none if there is no Landlock.
    pub landlock: Option<String>,
}

/// Asks the kernel what it offers.
pub fn kernel() -> Kernel {
    let lsm = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let supported = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(|ruleset| ruleset.create())
        .is_ok();
    let newest = [ABI::V6, ABI::V5, ABI::V4, ABI::V3, ABI::V2, ABI::V1]
        .into_iter()
        .find(|abi| {
            let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
            let ruleset = ruleset.handle_access(AccessFs::from_all(*abi));
            let ruleset = ruleset.and_then(|r| match AccessNet::from_all(*abi).is_empty() {
                true => Ok(r),
                false => r.handle_access(AccessNet::from_all(*abi)),
            });
            let ruleset = ruleset.and_then(|r| match Scope::from_all(*abi).is_empty() {
                true => Ok(r),
                false => r.scope(Scope::from_all(*abi)),
            });
            ruleset.and_then(|r| r.create()).is_ok()
        });
    Kernel {
        landlock: newest
            .filter(|_| supported)
            .map(|abi| format!("{abi:?} (security modules: {})", lsm.trim())),
    }
}

/// A part that could not be enforced.
struct Missing(String);

fn missing(what: &str, why: impl std::fmt::Display, remedy: &str) -> Missing {
    Missing(format!("{what} could not be enforced: {why}; {remedy}"))
}

/// The confined side: ends in the program, and answers its exit code. Runs while the process has one thread.
pub fn exec(confinement: &str, program: &Path, args: &[OsString]) -> i32 {
    let confinement: Confinement = match serde_json::from_str(confinement) {
        Ok(confinement) => confinement,
        Err(error) => return not_confined(&format!("its description cannot be read: {error}")),
    };
    let outcome = if std::env::var_os(INSIDE).is_some() {
        inside(&confinement, program, args)
    } else {
        outside(&confinement)
    };
    match outcome {
        Ok(code) => code,
        Err(Missing(text)) => not_confined(&text),
    }
}

fn not_confined(text: &str) -> i32 {
    eprintln!("sandbox: {text}");
    NOT_CONFINED
}

/// Enters the namespaces and starts the first process inside of them.
fn outside(confinement: &Confinement) -> Result<i32, Missing> {
    let (uid, gid) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC;
    if confinement.network == Network::None {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    let remedy = "allow user namespaces (kernel.unprivileged_userns_clone, user.max_user_namespaces, \
                  kernel.apparmor_restrict_unprivileged_userns), or set `sandbox: {mode: off}` in orch.yaml";
    unshare(flags).map_err(|e| missing("namespaces", e, remedy))?;
    let map = |path: &str, text: String| {
        std::fs::write(path, text).map_err(|e| missing("the user namespace", e, remedy))
    };
    map("/proc/self/setgroups", "deny".to_owned())?;
    map("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    map("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    hide(confinement).map_err(|e| missing("hiding the host's sockets", e, remedy))?;
    if confinement.network == Network::None {
        // Tests that talk to a server of their own need it; a namespace begins with it down.
        loopback_up().map_err(|e| missing("a loopback of its own", e, remedy))?;
    }
    let own = std::env::current_exe().map_err(|e| missing("the sandbox", e, remedy))?;
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    let status = Command::new(own)
        .args(line)
        .env(INSIDE, "1")
        .status()
        .map_err(|e| missing("the process namespace", e, remedy))?;
    Ok(status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

/// Takes the host's sockets out of sight: connecting to one by its path is no access to a file for Landlock.
fn hide(confinement: &Confinement) -> nix::Result<()> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    // Where services listen: the message bus, container engines, name services.
    if Path::new("/run").is_dir() {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(
            Some("none"),
            "/run",
            Some("tmpfs"),
            flags,
            Some("size=64k,mode=755"),
        )?;
    }
    for path in confinement.hide.iter().filter(|path| path.exists()) {
        mount(Some("/dev/null"), path, none, MsFlags::MS_BIND, none)?;
    }
    Ok(())
}

/// Brings the loopback interface up, by the kernel's routing socket.
fn loopback_up() -> rustix::io::Result<()> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST_ACK: u16 = 1 | 4;
    const IFF_UP: u32 = 1;
    const LOOPBACK_INDEX: u32 = 1;
    let mut message = Vec::with_capacity(32);
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message.extend_from_slice(&NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    // Family and kind are left open; then index, flags and which flags change.
    message.extend_from_slice(&0_u32.to_ne_bytes());
    for word in [LOOPBACK_INDEX, IFF_UP, IFF_UP] {
        message.extend_from_slice(&word.to_ne_bytes());
    }
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0_u8; 64];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    // After the header of 16 bytes stands the error, negative, or 0.
    let code = answer.get(16..20).filter(|_| length >= 20);
    let code = code.map_or(-1, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    if code == 0 {
        Ok(())
    } else {
        Err(rustix::io::Errno::from_raw_os_error(-code))
    }
}

/// The first process inside: shuts itself in, starts the program, and takes in orphans until that ends.
fn inside(confinement: &Confinement, program: &Path, args: &[OsString]) -> Result<i32, Missing> {
    // Whoever made the namespace is to be followed: nobody else would end it.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|e| missing("the end with its parent", e, "this is a defect"))?;
    rustix::thread::set_no_new_privs(true)
        .map_err(|e| missing("no_new_privs", e, "the kernel is older than 3.5"))?;
    limit(&confinement.limits)?;
    shut_in(confinement)?;
    orch_durable::point("spawn inside the sandbox: before");
    let child = Command::new(program)
        .args(args)
        .env_remove(INSIDE)
        .stdin(Stdio::inherit())
        .spawn();
    let child = match child {
        Ok(child) => child.id(),
        Err(error) => {
            eprintln!(
                "sandbox: `{}` could not be started: {error}",
                program.display()
            );
            return Ok(127);
        }
    };
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().unsigned_abs() == child => {
                let signal = status.terminating_signal().unwrap_or(0);
                return Ok(status.exit_status().unwrap_or(128 + signal));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(missing("waiting", error, "this is a defect")),
        }
    }
}

fn limit(limits: &Limits) -> Result<(), Missing> {
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Data, limits.data_bytes),
        (Resource::Cpu, limits.cpu_s),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nproc, limits.processes),
        (Resource::Nofile, limits.open_files),
    ] {
        // Never above what there is: raising a limit needs a right that is not had.
        let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let most = Some(most.min(hard));
        let limit = Rlimit {
            current: most,
            maximum: most,
        };
        setrlimit(resource, limit)
            .map_err(|e| missing("resource limits", e, "check the host's own limits"))?;
    }
    Ok(())
}

fn shut_in(confinement: &Confinement) -> Result<(), Missing> {
    let remedy = "use a kernel with Landlock (5.13 or newer, `lsm=…,landlock`), or set `sandbox: {mode: off}` in orch.yaml";
    let failed = |e: landlock::RulesetError| missing("Landlock", e, remedy);
    let read = AccessFs::from_read(LANDLOCK);
    let write = AccessFs::from_all(LANDLOCK);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(write)
        .map_err(failed)?
        .scope(Scope::from_all(LANDLOCK))
        .map_err(failed)?;
    let ruleset = match confinement.network {
        // Inside of its own network a program may talk to itself.
        Network::None | Network::Host => ruleset,
    };
    let readable = SYSTEM.iter().chain(&DEVICES_READ).map(Path::new);
    let readable = readable.chain(confinement.read.iter().map(AsRef::as_ref));
    let writable = confinement.write.iter().map(AsRef::<Path>::as_ref);
    let devices = AccessFs::ReadFile | AccessFs::WriteFile;
    let status = ruleset
        .create()
        .map_err(failed)?
        .add_rules(path_beneath_rules(readable, read))
        .map_err(failed)?
        .add_rules(path_beneath_rules(DEVICES_WRITE, devices))
        .map_err(failed)?
        .add_rules(path_beneath_rules(writable, write))
        .map_err(failed)?
        .restrict_self()
        .map_err(failed)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(missing("Landlock", "the kernel has none", remedy)),
    }
}
