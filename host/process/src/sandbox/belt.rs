//! What holds a program beside its root: Landlock, in one layer, and limits of each process.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Limits;
use super::places::Place;
use super::plan::Plan;

/// Newest Landlock that is used; older kernels enforce what they know.
const LANDLOCK: ABI = ABI::V6;
/// Core dumps, bytes: with 0 a handler that is a program is started all the same.
const CORE_BYTES_MAX: u64 = 1;

/// How many processes more than it may have there can be until it is ended: those of the cage itself are among them.
const PROCESSES_BEYOND: u64 = 8;

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

/// Sets the limits of this process and of those that it starts.
pub(super) fn limit(limits: &Limits) -> rustix::io::Result<()> {
    for (resource, most) in [
        (Resource::Core, CORE_BYTES_MAX),
        (Resource::Data, limits.data_bytes),
        (Resource::Cpu, limits.cpu_s),
        (Resource::Fsize, limits.file_bytes),
        // The watch ends what comes to the limit; the kernel keeps it from getting far beyond meanwhile.
        (Resource::Nproc, limits.processes.saturating_add(PROCESSES_BEYOND)),
        (Resource::Nofile, limits.open_files),
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
pub(super) fn shut_in(plan: &Plan) -> Result<bool, landlock::RulesetError> {
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
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => true,
        RulesetStatus::NotEnforced => false,
    })
}
