//! How long to wait before doing something again. Chance is a parameter, so that the rule can be tested.

/// First delay of a back-off, before jitter.
pub const BACKOFF_BASE_MS: i64 = 5_000;
/// Longest delay of a back-off, before jitter.
pub const BACKOFF_CAP_MS: i64 = 15 * 60_000;
/// Pause between two looks at a forge of all tasks together.
const SHARE_MS: u64 = 1_500;
/// First pause between two looks at a forge.
const SOON_MS: u64 = 3_000;
/// Floor of a gate's wait: below it a gate would be polled for nothing.
pub const WAIT_FLOOR_MS: i64 = 1_000;
/// Ceiling of a gate's wait, so that a typo cannot park a task for a year.
pub const WAIT_CEILING_MS: i64 = 24 * 3_600_000;
/// How long a rate-limited run is put off when the provider does not say.
pub const DEFERRAL_MS: i64 = 15 * 60_000;

/// How long a task waits for a person, its turn or its agent, or for a provider's limits to end, before it is blocked:
/// a wait without an end is one that nobody looks at any more.
pub const PATIENCE_MS: i64 = 14 * 24 * 3_600_000;

/// Ceiling of a rate limit's stated end: weekly limits are real, a time misread must not park a task for good.
pub const LIMIT_CEILING_MS: i64 = 8 * 24 * 3_600_000;

/// Delay before try number `failures + 1`, in milliseconds.
///
/// Exponential with full jitter: between half and one and a half times `min(cap, base · 2^(n-1))`;
/// `chance` is a number in `0.0..1.0`.
pub fn backoff_ms(base_ms: i64, failures: u32, chance: f64) -> i64 {
    let doublings = failures.saturating_sub(1).min(20);
    let delay = base_ms
        .saturating_mul(1_i64 << doublings)
        .min(BACKOFF_CAP_MS);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "delays are far below 2^52 ms"
    )]
    let jittered = (delay as f64 * (0.5 + chance.clamp(0.0, 1.0))) as i64;
    jittered.max(1)
}

/// A gate's wish to wait, brought between floor and ceiling.
pub fn clamp_wait_ms(wish_ms: u64) -> i64 {
    i64::try_from(wish_ms)
        .unwrap_or(i64::MAX)
        .clamp(WAIT_FLOOR_MS, WAIT_CEILING_MS)
}

/// When to look again at what a gate waits for on a forge, which tells nobody when it comes: soon at first, then later by
/// the time that it has waited already. Those that wait share the looks.
pub fn look_again_ms(wish_ms: u64, waited_ms: i64, waiting: u32) -> u64 {
    let soon = u64::try_from(waited_ms / 8).unwrap_or(0).max(SOON_MS);
    wish_ms.min(soon).max(u64::from(waiting) * SHARE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_comes_soon_at_first_then_as_the_gate_wishes_and_many_share_them() {
        assert_eq!(look_again_ms(15_000, 0, 1), 3_000);
        assert_eq!(look_again_ms(15_000, 40_000, 1), 5_000);
        assert_eq!(look_again_ms(15_000, 600_000, 1), 15_000);
        assert_eq!(look_again_ms(1_000, 0, 0), 1_000);
        assert_eq!(look_again_ms(15_000, 0, 10), 15_000);
        assert_eq!(look_again_ms(15_000, 600_000, 40), 60_000);
        assert_eq!(look_again_ms(u64::MAX, -5, 0), 3_000);
    }

    #[test]
    fn backoff_doubles_up_to_its_cap_and_jitters_both_ways() {
        assert_eq!(backoff_ms(1_000, 1, 0.5), 1_000);
        assert_eq!(backoff_ms(1_000, 3, 0.5), 4_000);
        assert_eq!(backoff_ms(1_000, 1, 0.0), 500);
        assert_eq!(backoff_ms(1_000, 60, 0.5), BACKOFF_CAP_MS);
    }

    #[test]
    fn wait_has_a_floor_and_a_ceiling() {
        assert_eq!(clamp_wait_ms(0), WAIT_FLOOR_MS);
        assert_eq!(clamp_wait_ms(u64::MAX), WAIT_CEILING_MS);
    }
}
