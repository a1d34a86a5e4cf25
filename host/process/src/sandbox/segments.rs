//! How much memory do segments of System V hold? No process needs to have them mapped, and no descriptor names them; only
//! whoever is in their namespace sees them.

/// Fields of a segment before what it holds of memory and of swap.
const BEFORE_HELD: usize = 14;

/// Memory and swap of all segments of this namespace, bytes.
pub(super) fn held_bytes() -> u64 {
    let list = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    of_list(&list)
}

fn of_list(list: &str) -> u64 {
    let held = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(BEFORE_HELD);
        let (memory, swap): (u64, u64) =
            (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(memory.saturating_add(swap))
    };
    // The first line names the fields.
    list.lines()
        .skip(1)
        .filter_map(held)
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::of_list;

    #[test]
    fn memory_of_every_segment_counts_with_what_was_swapped_out() {
        let list = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n\
                    0          0   600               1048576    12    12      0     0     0     0     0          0          0 1764300000                  4096                  8192\n\
                    0          1   600               1048576    12    12      1     0     0     0     0          0          0 1764300000                   100                     0\n";
        assert_eq!(of_list(list), 4096 + 8192 + 100);
        assert_eq!(of_list(""), 0);
    }
}
