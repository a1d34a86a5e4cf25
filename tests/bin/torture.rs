//! Tortures the host in full: every crash point, then rounds of random kills; or, with `--at` at the end and
//! points as it printed them, at these alone; or, with `--mover N`, N walks among other people. Ends with 1 on any
//! violation.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use orch_kit::torture::{Point, Round, crash_at, random, undisturbed, walk, walk_together};

fn number(args: &[String], name: &str, default: u64) -> u64 {
    let at = args.iter().position(|a| a == name);
    at.and_then(|at| args.get(at + 1))
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// What all rounds came to.
#[derive(Default)]
struct Sum {
    done: u64,
    kills: u32,
    recovered: u32,
    missed: u32,
    violations: u32,
}

impl Sum {
    fn take(&mut self, round: &Round, of: u64) {
        self.done += 1;
        self.kills += round.kills;
        match round.violations.is_empty() {
            true if round.kills == 0 => self.missed += 1,
            true => self.recovered += 1,
            false => {
                self.violations += 1;
                println!("VIOLATION {}\n{}", round.what, round.violations.join("\n"));
            }
        }
        if self.done.is_multiple_of(50) {
            println!("{} of {of}, {} violations", self.done, self.violations);
        }
    }

    fn code(&self, all: u64) -> ExitCode {
        ExitCode::from(u8::from(self.violations > 0 || self.done != all))
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let rounds = number(&args, "--rounds", 10_000);
    let seed = number(&args, "--seed", 1);
    let jobs = number(&args, "--jobs", 1).clamp(1, 64);
    let walks = number(&args, "--mover", 0);
    if walks > 0 {
        // Every fourth is of several tasks that land together.
        let sum = each(walks, jobs, |at| match at % 4 {
            3 => walk_together(seed.wrapping_add(at)),
            _ => walk(seed.wrapping_add(at)),
        });
        println!(
            "{walks} walks among other people from seed {seed}: {} kills, {} violations",
            sum.kills, sum.violations
        );
        return sum.code(walks);
    }
    let points = usize::try_from(number(&args, "--points", u64::MAX)).unwrap_or(usize::MAX);
    let base = undisturbed();
    println!("{} crash points on the way of one task", base.points.len());
    let only: Vec<&String> = args.iter().skip_while(|a| *a != "--at").skip(1).collect();
    let sample = match only.is_empty() {
        true => base.sample(points, seed),
        false => {
            let is_asked = |p: &&Point| only.iter().any(|name| **name == p.to_string());
            base.points.iter().filter(is_asked).collect()
        }
    };
    let rounds = if only.is_empty() { rounds } else { 0 };
    let known = sample.len() as u64;
    let all = known.saturating_add(rounds);
    let sum = each(all, jobs, |at| {
        match usize::try_from(at).ok().and_then(|at| sample.get(at)) {
            Some(point) => crash_at(point, &base),
            None => random(seed.wrapping_add(at - known), &base),
        }
    });
    println!(
        "{} points, {rounds} rounds from seed {seed}: {} kills, {} recoveries, {} not reached, {} violations",
        sample.len(),
        sum.kills,
        sum.recovered,
        sum.missed,
        sum.violations
    );
    sum.code(all)
}

/// All rounds, several at a time: each has a folder of its own and kills only what belongs there.
fn each(all: u64, jobs: u64, round: impl Fn(u64) -> Round + Sync) -> Sum {
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= all {
                return;
            }
            let done = round(at);
            sum.lock().expect("no round panics").take(&done, all);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    sum.into_inner().expect("no round panics")
}
