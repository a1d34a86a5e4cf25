//! What may a judged process use, with everything that it starts, and by what is it held? By what the operator says, and
//! what is usual for its kind.

use orch_config::{CageLimits, SandboxProfile};
use orch_process::sandbox::{Limits, Profile, machine_bytes};

const MIB: u64 = 1024 * 1024;

/// Processes and threads of a run that is the host's own user: what it starts takes places of the host's, so that a bomb
/// has to end far below what a user may have.
const PROCESSES_OF_HOST_USER: u64 = 1024;

/// The limits of a run: `usual` for its kind and for what it is held by, where the operator says nothing else.
pub fn limits(usual: Limits, said: CageLimits, held_by: SandboxProfile) -> Limits {
    let processes = match held_by {
        SandboxProfile::LandlockSameUser => usual.processes.min(PROCESSES_OF_HOST_USER),
        SandboxProfile::Auto
        | SandboxProfile::Namespaces
        | SandboxProfile::Landlock
        | SandboxProfile::External => usual.processes,
    };
    let bytes = |mib: u64| match mib {
        0 => u64::MAX,
        mib => mib.saturating_mul(MIB),
    };
    let memory = said.memory_mib.map(bytes);
    Limits {
        // A quarter stays for the host and whoever else works there.
        memory_bytes: memory.unwrap_or_else(|| machine_bytes() / 4 * 3),
        processes: said.processes.unwrap_or(processes),
        cpu_whole_s: said.cpu_s.filter(|s| *s > 0).unwrap_or(usual.cpu_whole_s),
        file_bytes: said.file_mib.map_or(usual.file_bytes, bytes),
        // One process may hold what all of them may together.
        data_bytes: match memory {
            Some(bytes) if usual.data_bytes != u64::MAX => bytes,
            Some(_) | None => usual.data_bytes,
        },
        ..usual
    }
}

/// By what judged processes are held.
pub fn profile(said: SandboxProfile) -> Profile {
    match said {
        SandboxProfile::Auto => Profile::Auto,
        SandboxProfile::Namespaces => Profile::Namespaces,
        SandboxProfile::Landlock => Profile::Landlock,
        SandboxProfile::LandlockSameUser => Profile::LandlockSameUser,
        SandboxProfile::External => Profile::External,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_says_stands_and_the_machine_keeps_a_quarter() {
        let usual = Limits::default();
        let silent = limits(usual, CageLimits::default(), SandboxProfile::Auto);
        assert_eq!(
            (silent.processes, silent.file_bytes),
            (usual.processes, usual.file_bytes)
        );
        assert!(silent.memory_bytes > 0 && silent.memory_bytes < machine_bytes());
        let said = limits(
            usual,
            CageLimits {
                memory_mib: Some(100),
                processes: Some(50),
                cpu_s: Some(9),
                file_mib: Some(0),
            },
            SandboxProfile::LandlockSameUser,
        );
        assert_eq!((said.memory_bytes, said.data_bytes), (100 * MIB, 100 * MIB));
        assert_eq!(
            (said.processes, said.cpu_whole_s, said.file_bytes),
            (50, 9, u64::MAX)
        );
        let agent = limits(
            Limits::of_agent(),
            CageLimits {
                memory_mib: Some(100),
                ..CageLimits::default()
            },
            SandboxProfile::LandlockSameUser,
        );
        assert_eq!(agent.processes, 1024, "it takes places of the host's");
        assert_eq!(
            agent.data_bytes,
            u64::MAX,
            "runtimes reserve more than they use"
        );
    }
}
