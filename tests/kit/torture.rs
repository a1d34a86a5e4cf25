//! Kills the host, its supervisors and its agents at chosen or random moments, starts the host again, and
//! compares what came out with an undisturbed run.

mod check;
mod mover;
mod site;
mod transcript;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

pub use mover::{walk, walk_together};
pub use site::{Host, Site};
pub use transcript::Transcript;

/// Longest that a task may take to its end after whatever was done to it.
const END_MAX: Duration = Duration::from_secs(150);

/// What one disturbed run came to.
#[derive(Debug)]
pub struct Round {
    /// What was done.
    pub what: String,
    /// How often something was killed.
    pub kills: u32,
    /// What is wrong afterwards; empty is right.
    pub violations: Vec<String>,
}

/// A crash point and which time it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Name of the point.
    pub name: String,
    /// Which time, counting from 1.
    pub hit: u32,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.name, self.hit)
    }
}

/// The undisturbed run: what every other one is held to, and every point that it passed.
#[derive(Debug)]
pub struct Undisturbed {
    /// What came out.
    pub transcript: Transcript,
    /// Points in the order in which they were reached.
    pub points: Vec<Point>,
}

/// Carries a task to its end without disturbing it, and notes the crash points on the way.
///
/// # Panics
/// When the undisturbed run itself does not end well.
pub fn undisturbed() -> Undisturbed {
    let site = Site::new();
    let trace = site.world.path("trace");
    let mut host = site.host(&[("ORCH_CRASH_TRACE", trace.display().to_string())]);
    let item = site.begin().expect("the task is accepted");
    site.finish(&item, &mut host, END_MAX)
        .expect("the undisturbed task ends");
    let transcript = Transcript::of(&site, &item);
    let violations = site.violations(&item);
    assert!(violations.is_empty(), "{violations:?}");
    let mut hits: BTreeMap<String, u32> = BTreeMap::new();
    let text = fs::read_to_string(trace).unwrap_or_default();
    let points = text.lines().map(|name| {
        let hit = hits.entry(name.to_owned()).or_default();
        *hit += 1;
        Point {
            name: name.to_owned(),
            hit: *hit,
        }
    });
    let points = points.collect();
    Undisturbed { transcript, points }
}

impl Undisturbed {
    /// Up to `count` points, spread over the whole way; which ones depends on `seed`.
    pub fn sample(&self, count: usize, seed: u64) -> Vec<&Point> {
        if count >= self.points.len() {
            return self.points.iter().collect();
        }
        let mut chance = Chance::new(seed);
        let width = self.points.len() as u64;
        let share = |at: usize| at as u64 * width / count as u64;
        (0..count)
            .filter_map(|at| {
                let (from, to) = (share(at), share(at + 1));
                let index = from + chance.below(to - from);
                self.points.get(usize::try_from(index).ok()?)
            })
            .collect()
    }
}

/// Aborts whatever program reaches `point`, starts the host again, and compares.
pub fn crash_at(point: &Point, undisturbed: &Undisturbed) -> Round {
    let site = Site::new();
    let counted = site.world.path("counted");
    let host = site.host(&[
        ("ORCH_CRASH_AT", point.to_string()),
        ("ORCH_CRASH_COUNT", counted.display().to_string()),
    ]);
    let (item, ended) = follow(&site, host, |_, _| {});
    // The program that reached the point is dead, host or supervisor; a way that did not reach it proves nothing.
    let hits = fs::metadata(counted).map_or(0, |m| m.len());
    let kills = u32::from(hits >= u64::from(point.hit));
    let what = point.to_string();
    judge(&site, item.as_deref(), ended, undisturbed, what, kills)
}

/// Kills what `chance` picks at the moments that it picks, alone and together, until the task has ended.
pub fn random(seed: u64, undisturbed: &Undisturbed) -> Round {
    let mut chance = Chance::new(seed);
    let site = Site::new();
    let (mut kills, most) = (0, 1 + chance.below(3));
    let mut next = Duration::from_millis(chance.below(2_500));
    let mut what = Vec::new();
    let (item, ended) = follow(&site, site.host(&[]), |host, elapsed| {
        if u64::from(kills) >= most || elapsed < next {
            return;
        }
        let victims = chance.below(7) + 1;
        if victims & 1 != 0 {
            host.kill();
        }
        if victims & 2 != 0 {
            site.kill_supervisors();
        }
        if victims & 4 != 0 {
            site.kill_agents();
        }
        what.push(format!("{victims:03b} at {} ms", elapsed.as_millis()));
        kills += 1;
        next = elapsed + Duration::from_millis(chance.below(2_500));
    });
    let what = format!("seed {seed}: {}", what.join(", "));
    judge(&site, item.as_deref(), ended, undisturbed, what, kills)
}

/// How a disturbed task ended.
enum Ended {
    /// By itself.
    Well,
    /// The deploy hook lost its supervisor: nobody can know how far it came, and a person has to look.
    Undecided,
    /// Not, and why.
    Badly(String),
}

/// Carries a task to its end, starting the host again whenever it has died.
fn follow(
    site: &Site,
    mut host: site::Host,
    mut disturb: impl FnMut(&mut site::Host, Duration),
) -> (Option<String>, Ended) {
    let mut item = site.begin();
    let begun = Instant::now();
    loop {
        if host.has_ended() {
            host = site.host(&[]);
            item = item.or_else(|| site.begin_again());
        }
        let Some(name) = &item else {
            // The request broke off: the host is dying, or was about to answer.
            if begun.elapsed() > END_MAX {
                return (None, Ended::Badly("no task could be begun".to_owned()));
            }
            pause();
            if !host.has_ended() {
                item = site.begin_again();
            }
            continue;
        };
        let view = site.look(name);
        let ended = match &view {
            Some(view) if view["status"] == "ended" && site.is_settled() => Some(Ended::Well),
            Some(view) if site.is_undecided(view) => Some(Ended::Undecided),
            Some(view) if site.stands_still(view) => {
                Some(Ended::Badly(format!("the task stands still: {view:#}")))
            }
            Some(_) | None if begun.elapsed() > END_MAX => {
                Some(Ended::Badly("the task does not end".to_owned()))
            }
            Some(_) | None => None,
        };
        if let Some(ended) = ended {
            return (item, ended);
        }
        if let Some(view) = &view {
            site.approve(name, view);
        }
        disturb(&mut host, begun.elapsed());
        pause();
    }
}

fn judge(
    site: &Site,
    item: Option<&str>,
    ended: Ended,
    undisturbed: &Undisturbed,
    what: String,
    kills: u32,
) -> Round {
    let mut violations = Vec::new();
    match (ended, item) {
        (Ended::Badly(why), _) => violations.push(format!("{why}\n{}", site.world.log())),
        (Ended::Undecided, _) if site.deploys() <= 1 => {}
        (Ended::Undecided, _) => violations.push("an undecided deploy ran twice".to_owned()),
        (Ended::Well, Some(item)) => {
            violations.extend(site.violations(item));
            let found = Transcript::of(site, item);
            violations.extend(found.differences(&undisturbed.transcript));
            if !violations.is_empty() {
                violations.push(site.world.log());
            }
        }
        (Ended::Well, None) => {}
    }
    Round {
        what,
        kills,
        violations,
    }
}

/// A short pause between two looks.
fn pause() {
    std::thread::park_timeout(Duration::from_millis(20));
}

/// Numbers that look random and are the same for the same seed (xorshift).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// Starts from a seed; neighbouring seeds give unlike numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}
