//! Which processes live below one? As one look at `/proc` shows them, however many there are.

use std::collections::{BTreeMap, BTreeSet};

use crate::identity::all_pids;

/// A process as `/proc/PID/stat` shows it.
struct Member {
    parent: u32,
    is_alive: bool,
}

fn member_of(stat: &str) -> Option<Member> {
    // The name may hold anything, so that only its last bracket counts.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let threads: u64 = fields.get(17)?.parse().ok()?;
    Some(Member {
        parent: fields.get(1)?.parse().ok()?,
        // One whose first thread has ended looks ended while another thread goes on.
        is_alive: !matches!(*fields.first()?, "Z" | "X") || threads > 1,
    })
}

fn look() -> BTreeMap<u32, Member> {
    let one = |pid| {
        // One that has ended meanwhile is nobody.
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, member_of(&String::from_utf8_lossy(&stat))?))
    };
    all_pids().into_iter().filter_map(one).collect()
}

/// Every process that has not ended.
pub fn living() -> BTreeSet<u32> {
    let alive = |(pid, member): (u32, Member)| member.is_alive.then_some(pid);
    look().into_iter().filter_map(alive).collect()
}

/// Every process below `top` that has not ended.
pub fn living_below(top: u32) -> BTreeSet<u32> {
    let all = look();
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, member) in &all {
        children.entry(member.parent).or_default().push(*pid);
    }
    let mut below = BTreeSet::new();
    let mut next = children.remove(&top).unwrap_or_default();
    while let Some(pid) = next.pop() {
        // Children are taken out as they are met, so that a number that was used again closes no circle.
        next.extend(children.remove(&pid).unwrap_or_default());
        if all.get(&pid).is_some_and(|member| member.is_alive) {
            below.insert(pid);
        }
    }
    below.remove(&top);
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_lives_as_long_as_one_of_its_threads_does() {
        let stat = |state: &str, threads: u32| {
            format!("7 (a) R (x) {state} 3 7 7 0 -1 0 1 2 3 4 1 2 3 4 20 0 {threads} 0 100 9 2")
        };
        let lives = |text: String| member_of(&text).is_some_and(|member| member.is_alive);
        assert!(lives(stat("S", 1)) && lives(stat("T", 1)) && lives(stat("Z", 2)));
        assert!(!lives(stat("Z", 1)) && !lives(stat("X", 1)));
        assert_eq!(
            member_of(&stat("S", 1)).map(|member| member.parent),
            Some(3)
        );
        assert!(member_of("7 (gone").is_none());
    }

    #[test]
    fn whoever_is_started_is_below() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let below = living_below(std::process::id());
        assert!(below.contains(&child.id()) && !below.contains(&std::process::id()));
        assert!(living().is_superset(&below));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!living_below(std::process::id()).contains(&child.id()));
    }
}
