//! Tortures the host in full: every crash point, then rounds of random kills. Ends with 1 on any violation.

use std::process::ExitCode;

use orch_kit::torture::{Round, crash_at, random, undisturbed};

fn number(args: &[String], name: &str, default: u64) -> u64 {
    let at = args.iter().position(|a| a == name);
    at.and_then(|at| args.get(at + 1))
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let rounds = number(&args, "--rounds", 10_000);
    let seed = number(&args, "--seed", 1);
    let points = usize::try_from(number(&args, "--points", u64::MAX)).unwrap_or(usize::MAX);
    let base = undisturbed();
    println!("{} crash points on the way of one task", base.points.len());
    let (mut kills, mut violations, mut recovered, mut missed) = (0, 0, 0, 0);
    let mut take = |round: Round| {
        kills += round.kills;
        match round.violations.is_empty() {
            true if round.kills == 0 => missed += 1,
            true => recovered += 1,
            false => {
                violations += 1;
                println!("VIOLATION {}\n{}", round.what, round.violations.join("\n"));
            }
        }
    };
    let sample = base.sample(points, seed);
    for (index, point) in sample.iter().enumerate() {
        take(crash_at(point, &base));
        if (index + 1) % 50 == 0 {
            println!("{} of {} points", index + 1, sample.len());
        }
    }
    for round in 0..rounds {
        take(random(seed.wrapping_add(round), &base));
        if (round + 1) % 50 == 0 {
            println!("{} of {rounds} rounds", round + 1);
        }
    }
    println!(
        "{} points, {rounds} rounds from seed {seed}: {kills} kills, {recovered} recoveries, {missed} not reached, {violations} violations",
        sample.len()
    );
    ExitCode::from(u8::from(violations > 0))
}
