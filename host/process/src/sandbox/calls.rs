//! Which system calls may a judged program not make? Those that reach beyond it, and those that nobody knows yet.
//!
//! A refused call answers an error and ends nobody: programs ask for what they do not need. Own descendants may be
//! traced, sockets with a path and servers on loopback stay allowed, for builds need them.

use std::collections::BTreeMap;

use nix::libc;
use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

/// Newest call that is known (`file_setattr`); what comes after it is answered as by a kernel that has it not.
const NEWEST: u32 = 469;
/// Bit of the numbers of the x32 calls, which take the same arguments past the list.
#[cfg(target_arch = "x86_64")]
const FOREIGN_NUMBERS: u32 = 0x4000_0000;

#[cfg(target_arch = "x86_64")]
const OWN: (TargetArch, u32) = (TargetArch::x86_64, 0xc000_003e);
#[cfg(target_arch = "aarch64")]
const OWN: (TargetArch, u32) = (TargetArch::aarch64, 0xc000_00b7);

/// Calls that are refused whatever their arguments.
const REFUSED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    // open_tree_attr, for which there is no name yet.
    467,
];

/// Flags of `clone` and `unshare` that make namespaces.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];
/// `CLONE_NEWTIME`; of `unshare` alone, `clone` has a signal there.
const TIME_NAMESPACE: i32 = 0x80;
/// Requests that type into a terminal.
const TYPING: [u64; 2] = [0x5412, 0x541c];
/// Families of sockets that builds use: paths, both internets, and what the kernel says of the network.
const FAMILIES: [i32; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// What a program shares with the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    /// Nothing but the kernel: it has namespaces of its own.
    Own,
    /// Its processes, its network and its means of talking to others.
    Shared {
        /// Whether it may use the network; else it has no socket of the internet at all.
        has_internet: bool,
        /// Whether it is the host's own user, whose other processes and files it could touch.
        is_host_user: bool,
    },
}

/// Calls that are refused as well where the means of talking to others are the machine's.
const REFUSED_WHEN_SHARED: [i64; 4] = [
    libc::SYS_mq_open,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_shmget,
];
/// Calls that are refused as well to the host's own user: files that cannot be opened tell of themselves by them.
const REFUSED_TO_HOST_USER: [i64; 1] = [libc::SYS_inotify_add_watch];
/// Calls of which one argument names a process: none but the one that makes the call.
const OF_A_PROCESS: [(i64, u8); 7] = [
    (libc::SYS_migrate_pages, 0),
    (libc::SYS_move_pages, 0),
    (libc::SYS_prlimit64, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setscheduler, 0),
];
/// Calls that name processes by two arguments, and how they name the one that makes the call.
const OF_PROCESSES: [(i64, u64); 2] = [(libc::SYS_setpriority, 0), (libc::SYS_ioprio_set, 1)];
/// Requests that change flags of a file that is open to be read.
const FLAGS_OF_FILES: [u64; 2] = [0x4008_6602, 0x401c_5820];
/// Commands that keep others waiting for a file, or tell of what is done to one.
const HOLDING: [u64; 2] = [1024, 1026];
/// Bits of a socket's kind that are not flags.
const KIND: u64 = 0xf;

/// Installs the filter for this process and everything that it starts. Needs `no_new_privs`.
pub(super) fn filter(world: World) -> Result<(), String> {
    let program = program(world).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn program(world: World) -> Result<BpfProgram, seccompiler::BackendError> {
    let refuse = SeccompFilter::new(
        rules(world)?,
        SeccompAction::Allow,
        SeccompAction::Errno(Errno::PERM.raw_os_error().unsigned_abs()),
        OWN.0,
    )?;
    let mut program = unknown();
    program.extend(BpfProgram::try_from(refuse)?);
    Ok(program)
}

fn rules(world: World) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    // The kernel takes 32 bits of each of these arguments, and so does the comparison.
    let compare =
        |argument, how, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value);
    let has = |flag: i32| {
        let flag = u64::from(flag.unsigned_abs());
        SeccompRule::new(vec![compare(0, SeccompCmpOp::MaskedEq(flag), flag)?])
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let of_clone = NAMESPACES.iter().map(|flag| has(*flag));
    rules.insert(libc::SYS_clone, of_clone.collect::<Result<_, _>>()?);
    let of_unshare = NAMESPACES
        .iter()
        .chain(&[TIME_NAMESPACE])
        .map(|flag| has(*flag));
    rules.insert(libc::SYS_unshare, of_unshare.collect::<Result<_, _>>()?);
    let is_second = |value: u64| SeccompRule::new(vec![compare(1, SeccompCmpOp::Eq, value)?]);
    let typing: Result<Vec<_>, _> = TYPING.into_iter().map(is_second).collect();
    rules.insert(libc::SYS_ioctl, typing?);
    if let World::Shared {
        is_host_user: true, ..
    } = world
    {
        rules.extend(REFUSED_TO_HOST_USER.map(|call| (call, Vec::new())));
        let is_another =
            |argument, own| SeccompRule::new(vec![compare(argument, SeccompCmpOp::Ne, own)?]);
        for (call, argument) in OF_A_PROCESS {
            rules.insert(call, vec![is_another(argument, 0)?]);
        }
        for (call, own) in OF_PROCESSES {
            rules.insert(call, vec![is_another(0, own)?, is_another(1, 0)?]);
        }
        let flags: Result<Vec<_>, _> = FLAGS_OF_FILES.into_iter().map(is_second).collect();
        rules.entry(libc::SYS_ioctl).or_default().extend(flags?);
        let holding: Result<Vec<_>, _> = HOLDING.into_iter().map(is_second).collect();
        rules.insert(libc::SYS_fcntl, holding?);
    }
    let families: &[i32] = match world {
        World::Own => &FAMILIES,
        // Nothing else keeps it from sockets with a path: no socket of theirs.
        World::Shared {
            has_internet: true, ..
        } => &FAMILIES[1..],
        World::Shared {
            has_internet: false,
            ..
        } => &FAMILIES[3..],
    };
    let others = families
        .iter()
        .map(|family| compare(0, SeccompCmpOp::Ne, u64::from(family.unsigned_abs())));
    let others = SeccompRule::new(others.collect::<Result<_, _>>()?)?;
    if let World::Shared { .. } = world {
        rules.extend(REFUSED_WHEN_SHARED.map(|call| (call, Vec::new())));
        // A pair of this kind is no pair: each end sends to any path.
        let sending = u64::from(libc::SOCK_DGRAM.unsigned_abs());
        let pairs = SeccompRule::new(vec![compare(1, SeccompCmpOp::MaskedEq(KIND), sending)?])?;
        rules.insert(libc::SYS_socketpair, vec![pairs]);
    }
    rules.insert(libc::SYS_socket, vec![others]);
    Ok(rules)
}

/// What is looked at before the list: calls of another machine, and numbers that are not known, are not there. So is
/// `clone3`, whose flags lie in memory where no filter sees them: libraries go back to `clone`.
fn unknown() -> BpfProgram {
    const LOAD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const AT_LEAST: u16 = 0x35;
    const ANSWER: u16 = 0x06;
    const NUMBER_AT: u32 = 0;
    const MACHINE_AT: u32 = 4;
    let nowhere = libc::SECCOMP_RET_ERRNO | Errno::NOSYS.raw_os_error().unsigned_abs();
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let clone3 = u32::try_from(libc::SYS_clone3).unwrap_or(u32::MAX);
    #[cfg(target_arch = "x86_64")]
    let unknown_from = (NEWEST + 1).min(FOREIGN_NUMBERS);
    #[cfg(not(target_arch = "x86_64"))]
    let unknown_from = NEWEST + 1;
    vec![
        step(LOAD, 0, 0, MACHINE_AT),
        step(EQUAL, 1, 0, OWN.1),
        step(ANSWER, 0, 0, nowhere),
        step(LOAD, 0, 0, NUMBER_AT),
        step(AT_LEAST, 1, 0, unknown_from),
        step(EQUAL, 0, 1, clone3),
        step(ANSWER, 0, 0, nowhere),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_fits_into_what_the_kernel_takes() {
        let shared = |is_host_user| World::Shared {
            has_internet: false,
            is_host_user,
        };
        for world in [World::Own, shared(false), shared(true)] {
            let program = program(world).unwrap();
            assert!(program.len() > REFUSED.len() && program.len() < 4096);
        }
    }
}
