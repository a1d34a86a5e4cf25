//! Which running jobs are given up, and when nobody may be: pure rules over what a tick saw.

use std::collections::BTreeMap;

use orch_domain::job::JobKind;
use orch_store::RunningJob;

/// Settings of the reaper in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) interval_ms: i64,
    pub(super) dead_ticks: u32,
    pub(super) finalize_grace_ms: i64,
    pub(super) max_running_ms: i64,
    pub(super) hold_ms: i64,
}

/// A running job with what else the tick knows of it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) job: RunningJob,
    /// Whether a handler of this host works on it.
    pub(super) attended: bool,
    /// For how long its run has had a result that nobody took in.
    pub(super) finished_for_ms: Option<i64>,
}

/// Why a job is given up. The tiers are those of the reference system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    /// 1: nobody works on it.
    Unattended,
    /// 2: its run ended and its handler does not come to an end.
    NotFinalised,
    /// 3: it has been running for longer than anything may.
    TooOld,
}

impl Tier {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unattended => "its step is gone",
            Self::NotFinalised => "its run had ended and was not taken in",
            Self::TooOld => "it ran for longer than anything may",
        }
    }
}

/// What one tick decided.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) reap: Vec<(RunningJob, Tier)>,
    /// Results of finished runs that wait because their job owns an irreversible step.
    pub(super) deferred: u64,
    /// Why nothing is given up in this tick.
    pub(super) held: Option<Held>,
}

/// Why the reaper waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// The host has just started, or its clock or sleep jumped.
    Settling,
    /// So many look dead at once that they are looked at again first. Worth a notice.
    TooMany { dead: u32, running: u32 },
}

/// What the reaper remembers from tick to tick.
#[derive(Debug)]
pub(super) struct Memory {
    /// For how many ticks in a row a claim looked dead.
    dead: BTreeMap<(i64, i64), u32>,
    held_until_ms: i64,
    last_tick_ms: i64,
    /// Difference of the wall clock to the host's own.
    skew_ms: i64,
    massacre_held: bool,
}

/// How many commands, each as long as a run, one piece of the host's own work may take.
const COMMANDS_MAX: i64 = 6;
/// A step of the wall clock that is worth a hold, milliseconds.
const STEP_MS: i64 = 5_000;

impl Memory {
    pub(super) fn new(now: i64, wall_ms: i64, bounds: &Bounds) -> Self {
        Self {
            dead: BTreeMap::new(),
            held_until_ms: now + bounds.hold_ms,
            last_tick_ms: now,
            skew_ms: wall_ms - now,
            massacre_held: false,
        }
    }

    /// Decides over everything that runs.
    pub(super) fn tick(
        &mut self,
        seen: &[Seen],
        bounds: &Bounds,
        now: i64,
        wall_ms: i64,
    ) -> Decision {
        let gap = now - self.last_tick_ms;
        self.last_tick_ms = now;
        let skew = wall_ms - now;
        let stepped = (skew - self.skew_ms).abs() > STEP_MS;
        self.skew_ms = skew;
        if stepped || gap > bounds.interval_ms.saturating_mul(3).max(STEP_MS) {
            // Whatever looks late now may only have slept with the machine.
            self.held_until_ms = now + bounds.hold_ms;
        }
        self.count(seen);
        if now < self.held_until_ms {
            return Decision {
                held: Some(Held::Settling),
                ..Decision::default()
            };
        }
        let mut decision = Decision::default();
        for one in seen {
            match self.tier(one, bounds, now) {
                Some(Tier::NotFinalised) if one.job.kind != JobKind::Agent => {
                    decision.deferred += 1;
                }
                Some(tier) => decision.reap.push((one.job.clone(), tier)),
                None => {}
            }
        }
        self.brake(seen, decision)
    }

    fn count(&mut self, seen: &[Seen]) {
        let mut next = BTreeMap::new();
        for one in seen.iter().filter(|one| !one.attended) {
            let key = (one.job.key.id.0, one.job.key.epoch);
            let before = self.dead.get(&key).copied().unwrap_or_default();
            next.insert(key, before.saturating_add(1));
        }
        self.dead = next;
    }

    fn tier(&self, one: &Seen, bounds: &Bounds, now: i64) -> Option<Tier> {
        let key = (one.job.key.id.0, one.job.key.epoch);
        if self.dead.get(&key).is_some_and(|n| *n >= bounds.dead_ticks) {
            return Some(Tier::Unattended);
        }
        let run = one.job.run.as_ref().map(|run| run.started_ms);
        let since = run.unwrap_or(one.job.claimed_ms);
        // Work without a run is a row of commands, each with a limit of its own.
        let commands = if run.is_some() { 1 } else { COMMANDS_MAX };
        let too_old = now - since > bounds.max_running_ms.saturating_mul(commands);
        match one.finished_for_ms {
            // Its run is over, however long it took: its handler has the grace to take it in.
            Some(ms) if one.job.kind == JobKind::Agent || !too_old => {
                (ms > bounds.finalize_grace_ms).then_some(Tier::NotFinalised)
            }
            Some(_) | None => too_old.then_some(Tier::TooOld),
        }
    }

    /// More than half of at least three dying at once says more of the reaper's eyes than of them: one tick
    /// later they are looked at again.
    fn brake(&mut self, seen: &[Seen], decision: Decision) -> Decision {
        let many = seen.len() >= 3 && decision.reap.len() * 2 > seen.len();
        let first = many && !self.massacre_held;
        self.massacre_held = many;
        if !first {
            return decision;
        }
        Decision {
            held: Some(Held::TooMany {
                dead: count(decision.reap.len()),
                running: count(seen.len()),
            }),
            deferred: decision.deferred,
            reap: Vec::new(),
        }
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use orch_domain::id::{JobId, RunId};
    use orch_store::{JobKey, OpenRun};

    use super::*;

    const BOUNDS: Bounds = Bounds {
        interval_ms: 1_000,
        dead_ticks: 2,
        finalize_grace_ms: 300_000,
        max_running_ms: 3_600_000,
        hold_ms: 30_000,
    };

    fn seen(id: i64, attended: bool) -> Seen {
        Seen {
            job: RunningJob {
                key: JobKey {
                    id: JobId(id),
                    epoch: 1,
                },
                kind: JobKind::Agent,
                task: None,
                owner: "me".to_owned(),
                claimed_ms: 0,
                lease_until_ms: 60_000,
                crashes: 0,
                run: Some(OpenRun {
                    id: RunId(id),
                    agent: "script".to_owned(),
                    folder: "/run".to_owned(),
                    started_ms: 0,
                }),
            },
            attended,
            finished_for_ms: None,
        }
    }

    /// Ticks every second from `from_s` to `to_s`; what was reaped and when.
    fn ticks(memory: &mut Memory, seen: &[Seen], from_s: i64, to_s: i64) -> Vec<(i64, i64, Tier)> {
        let mut reaped = Vec::new();
        for s in from_s..=to_s {
            let decision = memory.tick(seen, &BOUNDS, s * 1_000, s * 1_000);
            let of = |(job, tier): (RunningJob, Tier)| (s, job.key.id.0, tier);
            reaped.extend(decision.reap.into_iter().map(of));
        }
        reaped
    }

    #[test]
    fn dead_owner_is_given_up_only_after_the_hold_and_two_ticks() {
        let mut memory = Memory::new(0, 0, &BOUNDS);
        let reaped = ticks(&mut memory, &[seen(1, false), seen(2, true)], 1, 30);
        assert_eq!(reaped, [(30, 1, Tier::Unattended)]);
        let mut memory = Memory::new(-60_000, -60_000, &BOUNDS);
        memory.last_tick_ms = 0;
        let reaped = ticks(&mut memory, &[seen(1, false)], 1, 2);
        assert_eq!(reaped, [(2, 1, Tier::Unattended)]);
    }

    #[test]
    fn claim_that_is_attended_again_starts_counting_anew() {
        let mut memory = Memory::new(-60_000, -60_000, &BOUNDS);
        memory.last_tick_ms = 0;
        assert!(ticks(&mut memory, &[seen(1, false)], 1, 1).is_empty());
        assert!(ticks(&mut memory, &[seen(1, true)], 2, 2).is_empty());
        assert!(ticks(&mut memory, &[seen(1, false)], 3, 3).is_empty());
    }

    #[test]
    fn finished_run_is_left_to_its_handler_for_the_grace_and_to_a_deploy_for_good() {
        let mut memory = Memory::new(-60_000, -60_000, &BOUNDS);
        memory.last_tick_ms = 0;
        let mut late = seen(1, true);
        late.finished_for_ms = Some(300_000);
        assert!(ticks(&mut memory, &[late.clone()], 1, 1).is_empty());
        late.finished_for_ms = Some(300_001);
        let reaped = ticks(&mut memory, &[late.clone()], 2, 2);
        assert_eq!(reaped, [(2, 1, Tier::NotFinalised)]);
        late.job.kind = JobKind::Deploy;
        let decision = memory.tick(&[late], &BOUNDS, 3_000, 3_000);
        assert_eq!((decision.reap.len(), decision.deferred), (0, 1));
    }

    #[test]
    fn age_ceiling_overrides_even_a_live_handler() {
        let mut memory = Memory::new(3_500_000, 3_500_000, &BOUNDS);
        memory.last_tick_ms = 3_597_000;
        let mut work = seen(2, true);
        work.job.run = None;
        let reaped = ticks(&mut memory, &[seen(1, true), work], 3_598, 3_601);
        assert_eq!(reaped, [(3_601, 1, Tier::TooOld)]);
    }

    #[test]
    fn step_of_the_wall_clock_or_a_sleep_holds_everything_back() {
        for (jump_ms, wall_jump_ms) in [(0, 3_600_000), (0, -86_400_000), (3_600_000, 3_600_000)] {
            let mut memory = Memory::new(-60_000, -60_000, &BOUNDS);
            memory.last_tick_ms = 0;
            memory.tick(&[seen(1, false)], &BOUNDS, 1_000, 1_000);
            let (now, wall) = (2_000 + jump_ms, 2_000 + wall_jump_ms);
            let decision = memory.tick(&[seen(1, false)], &BOUNDS, now, wall);
            assert!(decision.reap.is_empty() && decision.held == Some(Held::Settling));
        }
    }

    #[test]
    fn most_of_them_dying_at_once_are_looked_at_once_more_and_alerted() {
        let mut memory = Memory::new(-60_000, -60_000, &BOUNDS);
        memory.last_tick_ms = 0;
        let all = [seen(1, false), seen(2, false), seen(3, true)];
        memory.tick(&all, &BOUNDS, 1_000, 1_000);
        let decision = memory.tick(&all, &BOUNDS, 2_000, 2_000);
        let (dead, running) = (2, 3);
        assert_eq!(decision.held, Some(Held::TooMany { dead, running }));
        assert!(decision.reap.is_empty());
        let decision = memory.tick(&all, &BOUNDS, 3_000, 3_000);
        assert_eq!(decision.reap.len(), 2);
    }

    /// A mark that leaked hides a dead claim from every tick, but neither a later claim of the job nor its age.
    #[test]
    fn claim_that_stays_marked_as_attended_is_given_up_by_its_age() {
        let mut memory = Memory::new(-60_000, -60_000, &BOUNDS);
        memory.last_tick_ms = 0;
        let marked = [seen(1, true)];
        assert!(ticks(&mut memory, &marked, 1, 100).is_empty());
        memory.last_tick_ms = 3_600_000;
        let reaped = ticks(&mut memory, &marked, 3_600, 3_601);
        assert_eq!(reaped, [(3_601, 1, Tier::TooOld)]);
        let mut later = seen(1, false);
        later.job.key.epoch = 2;
        later.job.run.as_mut().expect("it has a run").started_ms = 3_601_000;
        let reaped = ticks(&mut memory, &[later], 3_602, 3_603);
        assert_eq!(reaped, [(3_603, 1, Tier::Unattended)]);
    }
}
