//! What holds a program beside its root: Landlock, in one layer, and limits of each process.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::places::Place;
use super::plan::Plan;
use super::{Confinement, Limits};

/// Newest Landlock that is used; older kernels enforce what they know.
const LANDLOCK: ABI = ABI::V9;
/// Core dumps, bytes: with 0 a handler that is a program is started all the same.
const CORE_BYTES_MAX: u64 = 1;
/// Signals that wait to be taken, which the kernel counts for the host's user as well.
const SIGNALS_MAX: u64 = 4096;
/// Bytes in queues of messages, which are counted so too.
const QUEUES_BYTES_MAX: u64 = 800 * 1024;

/// How many processes more than it may have there can be until it is ended: those of the cage itself are among them.
pub(super) const BEYOND: u64 = 8;
/// The same where the kernel counts everything of a user, and not what is in a namespace.
pub(super) const BEYOND_OF_USER: u64 = 4096;
/// The same where that user is the host's own, beside what it has already: what the host and other runs may start
/// meanwhile.
const BEYOND_OF_HOST_USER: u64 = 512;

/// How many processes more than it may have there can be of the host's own user, what it has now included.
pub(super) fn beyond_of_host_user() -> u64 {
    let own = rustix::process::getuid().as_raw();
    let one = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        threads_of(&status, own)
    };
    let now: u64 = crate::identity::all_pids()
        .into_iter()
        .filter_map(one)
        .sum();
    now.saturating_add(BEYOND_OF_HOST_USER)
}

/// Threads of a process, if it is one of that user's.
fn threads_of(status: &str, user: u32) -> Option<u64> {
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let is_own = of("Uid:") == Some(user.into());
    // One that waits to be collected says none and takes a place.
    is_own.then(|| of("Threads:").unwrap_or(1).max(1))
}

/// What each version of Landlock keeps a program from; an older kernel does not.
const KEEPS_FROM: [(ABI, &str); 6] = [
    (ABI::V9, "connecting to sockets by their paths"),
    (ABI::V6, "signals and abstract sockets to the outside"),
    (ABI::V5, "requests to devices"),
    (ABI::V4, "TCP ports"),
    (ABI::V3, "cutting files off"),
    (ABI::V2, "renaming from folder to folder"),
];

/// What the kernel offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Version of Landlock's interface; none if there is no Landlock.
    pub landlock: Option<String>,
    /// What Landlock does not enforce on this kernel, and what the rest of the cage has to hold alone.
    pub not_enforced: Vec<&'static str>,
}

fn knows(abi: ABI) -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let ruleset = ruleset.handle_access(AccessFs::from_all(abi));
    let ruleset = ruleset.and_then(|r| match AccessNet::from_all(abi).is_empty() {
        true => Ok(r),
        false => r.handle_access(AccessNet::from_all(abi)),
    });
    let ruleset = ruleset.and_then(|r| match Scope::from_all(abi).is_empty() {
        true => Ok(r),
        false => r.scope(Scope::from_all(abi)),
    });
    ruleset.and_then(|r| r.create()).is_ok()
}

/// Whether Landlock here keeps files outside from being moved and cut off.
pub(super) fn knows_renames_and_sizes() -> bool {
    knows(ABI::V3)
}

/// Whether Landlock here keeps signals from processes outside.
pub(super) fn knows_signals() -> bool {
    knows(ABI::V6)
}

/// Asks the kernel what it offers.
pub fn kernel() -> Kernel {
    let lsm = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let newest = [
        ABI::V9,
        ABI::V6,
        ABI::V5,
        ABI::V4,
        ABI::V3,
        ABI::V2,
        ABI::V1,
    ]
    .into_iter()
    .find(|abi| knows(*abi));
    let lacks = KEEPS_FROM
        .iter()
        .filter(|(since, _)| newest.is_none_or(|newest| newest < *since));
    Kernel {
        // The versions between have nothing that a program is kept from.
        landlock: newest.map(|abi| format!("{abi:?} (security modules: {})", lsm.trim())),
        not_enforced: lacks.map(|(_, what)| *what).collect(),
    }
}

/// Sets the limits of this process and of those that it starts.
pub(super) fn limit(limits: &Limits, beyond: u64) -> rustix::io::Result<()> {
    for (resource, most) in [
        (Resource::Core, CORE_BYTES_MAX),
        (Resource::Data, limits.data_bytes),
        (Resource::Cpu, limits.cpu_s),
        (Resource::Fsize, limits.file_bytes),
        // The watch ends what comes to the limit; the kernel keeps it from getting far beyond meanwhile.
        (Resource::Nproc, limits.processes.saturating_add(beyond)),
        (Resource::Nofile, limits.open_files),
        (Resource::Sigpending, SIGNALS_MAX),
        (Resource::Msgqueue, QUEUES_BYTES_MAX),
    ] {
        // Never above what there is: raising a limit needs a right that is not had.
        let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let most = Some(most.min(hard)).filter(|most| *most != u64::MAX);
        let limit = Rlimit {
            current: most,
            maximum: most,
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Shuts this process in: what is below its root can be read, what is its own written, nothing else opened, whichever
/// descriptor or mount might lead there. Answers whether it holds at all.
///
/// One layer: renaming from folder to folder is refused by every layer that does not grant it.
pub(super) fn shut_in(
    plan: &Plan,
    confinement: &Confinement,
) -> Result<bool, landlock::RulesetError> {
    let read = AccessFs::from_read(LANDLOCK);
    let all = AccessFs::from_all(LANDLOCK);
    let devices = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev | AccessFs::ReadDir;
    let writable = plan.places.iter().filter_map(|(path, place)| match place {
        Place::Write(_) | Place::Memory { .. } => Some(path),
        Place::Read
        | Place::Device
        | Place::EmptyFolder
        | Place::EmptyFile
        | Place::File(_)
        | Place::Link(_) => None,
    });
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(["/"], read))?
        // What of them changes the machine is mounted to be read.
        .add_rules(path_beneath_rules(
            ["/proc"],
            AccessFs::ReadFile | AccessFs::WriteFile,
        ))?
        .add_rules(path_beneath_rules(["/dev"], devices))?
        .add_rules(path_beneath_rules(writable, all))?
        // What may be connected to; newer kernels ask.
        .add_rules(path_beneath_rules(
            confinement.sockets.iter().chain(&confinement.proxy),
            read | AccessFs::ResolveUnix,
        ))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => true,
        RulesetStatus::NotEnforced => false,
    })
}

/// Shuts this process in for signals alone: it reaches itself and what it starts from now on. Answers whether that
/// holds. Renaming is granted: a layer that does not grant it refuses it.
pub(super) fn shut_in_for_signals() -> Result<bool, landlock::RulesetError> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Refer)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::Refer))?
        .restrict_self()?;
    Ok(status.ruleset == RulesetStatus::FullyEnforced)
}

/// A way that is open without a root of its own: an open file or folder, and what may be done below it.
pub(super) struct Rule(PathFd, BitFlags<AccessFs>);

/// What a plan opens where nothing is mounted. What lies hidden below something that may be read is left out by listing
/// everything around it.
///
/// # Errors
/// The path that lies hidden below what may be written to: what is made around it could not be listed.
pub(super) fn rules_of(plan: &Plan, is_same_user: bool) -> Result<Vec<Rule>, PathBuf> {
    let hidden: Vec<&PathBuf> = plan
        .places
        .iter()
        .filter(|(_, place)| matches!(place, Place::EmptyFolder | Place::EmptyFile))
        .map(|(path, _)| path)
        .collect();
    let mut rules = Vec::new();
    for (path, place) in &plan.places {
        match place {
            Place::Read => read_around(path, &hidden, &mut rules),
            Place::Write(from) => {
                if let Some(below) = hidden.iter().find(|at| at.starts_with(from)) {
                    return Err((**below).clone());
                }
                open(from, AccessFs::from_all(LANDLOCK), &mut rules);
            }
            Place::Device => open(
                path,
                AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev,
                &mut rules,
            ),
            Place::EmptyFolder
            | Place::EmptyFile
            | Place::Memory { .. }
            | Place::File(_)
            | Place::Link(_) => {}
        }
    }
    let of_proc = AccessFs::ReadFile | AccessFs::ReadDir;
    let of_proc = match is_same_user {
        // Files there that belong to processes of the host would be its own.
        true => of_proc,
        false => of_proc | AccessFs::WriteFile,
    };
    open(Path::new("/proc"), of_proc, &mut rules);
    Ok(rules)
}

/// Opens a path, if it is there and no link.
fn open(path: &Path, access: BitFlags<AccessFs>, rules: &mut Vec<Rule>) {
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return;
    };
    if meta.is_symlink() {
        return;
    }
    let access = if meta.is_dir() {
        access
    } else {
        access & AccessFs::from_file(LANDLOCK)
    };
    // What is gone by now is not there for the program either.
    if let Ok(opened) = PathFd::new(path) {
        rules.push(Rule(opened, access));
    }
}

fn read_around(path: &Path, hidden: &[&PathBuf], rules: &mut Vec<Rule>) {
    let below: Vec<&PathBuf> = hidden
        .iter()
        .filter(|at| at.starts_with(path))
        .copied()
        .collect();
    if below.is_empty() {
        return open(path, AccessFs::from_read(LANDLOCK), rules);
    }
    if below.iter().any(|at| *at == path) {
        return;
    }
    // Names may be seen; what they name is opened one by one.
    open(path, AccessFs::ReadDir.into(), rules);
    for entry in std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        read_around(&entry.path(), &below, rules);
    }
}

/// Shuts this process in without a root of its own.
pub(super) fn shut_in_by(rules: Vec<Rule>) -> Result<bool, landlock::RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    for Rule(opened, access) in rules {
        ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
    }
    let status = ruleset.restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => true,
        RulesetStatus::NotEnforced => false,
    })
}
