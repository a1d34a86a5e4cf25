//! Who is who inside of a user namespace, and outside of it?

use nix::unistd::Pid;

/// Nobody, by every distribution's count.
const NOBODY: u32 = 65_534;

/// As whom a process is shown inside that stays who it is outside: a root would have every right of its namespaces.
pub(super) fn shown(id: u32) -> u32 {
    if id == 0 { NOBODY } else { id }
}

/// Whether this user namespace has a user and a group of this number.
pub(super) fn has_user(user: u32) -> bool {
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
pub(super) fn map(pid: Pid, user: Option<u32>, uid: u32, gid: u32) -> std::io::Result<()> {
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
