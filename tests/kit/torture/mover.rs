//! Other people: while a task runs they push, rewrite, delete and bring back, break configuration and gates, decide at
//! odd moments and kill the host, drawn from a seed. In the end everything that can be mended is, and what the task
//! waits for is done as it says; then it has to end, and nothing may have landed that was not judged.

mod oracle;
mod people;

use std::time::{Duration, Instant};

use serde_json::Value;

use self::oracle::Oracle;
use self::people::{Move, People};
use super::{Chance, END_MAX, Round, Site, pause};
use crate::world::World;

/// Moves of one walk at most.
const MOVES_MAX: u64 = 7;
/// Longest pause between two moves, milliseconds; an undisturbed task takes some seconds.
const PAUSE_MAX_MS: u64 = 1_500;
/// Remedies that one task may need after all that was done to it.
const REMEDIES_MAX: usize = 12;

/// Carries one task to its end among other people.
pub fn walk(seed: u64) -> Round {
    let mut chance = Chance::new(seed);
    let mut world = World::with_own_gates();
    world.config["reconcile"] = serde_json::json!({"interval_s": 1, "grace_s": 1});
    // Of what others break, the host has to speak.
    world.expected_errors = vec![
        "the changed configuration is not taken over",
        "gate file not loaded",
    ];
    let site = Site::watched(world);
    let mut people = People::new(&site.world);
    let mut host = site.host(&[]);
    let begun = Instant::now();
    let Some(item) = site.begin() else {
        return Round {
            what: format!("seed {seed}"),
            kills: 0,
            violations: vec!["the task is not accepted".to_owned()],
        };
    };
    let moves = 1 + chance.below(MOVES_MAX);
    let mut made: Vec<String> = Vec::new();
    let mut kills = 0;
    let mut next = Duration::from_millis(chance.below(PAUSE_MAX_MS));
    let mut oracle = Oracle::new(&item);
    let mut tried: Vec<(String, String)> = Vec::new();
    let mut violations = Vec::new();
    loop {
        if host.has_ended() {
            host = site.host(&[]);
        }
        let view = site.look(&item);
        let over = u64::try_from(made.len()).unwrap_or(u64::MAX) >= moves;
        if let Some(view) = &view {
            oracle.saw(view);
            if view["status"] == "ended" && (over || view["stage"] == "cancelled") {
                break;
            }
        }
        if begun.elapsed() > END_MAX {
            violations.push(format!("the task does not end: {view:#?}"));
            break;
        }
        let ended = view.as_ref().is_some_and(|v| v["status"] == "ended");
        if over || ended {
            if people.mend() {
                made.push("mend".to_owned());
            }
            if let Some(view) = &view {
                if view["status"] == "ended" {
                    break;
                }
                if let Err(violation) = carry_out(&site, &mut people, view, &mut tried) {
                    violations.push(violation);
                    break;
                }
            }
        } else if begun.elapsed() >= next {
            let chosen = Move::draw(&mut chance);
            if chosen == Move::KillHost {
                host.kill();
                kills += 1;
            } else {
                people.make(chosen, &site, &item, view.as_ref());
            }
            made.push(format!("{chosen:?} at {} ms", begun.elapsed().as_millis()));
            next = begun.elapsed() + Duration::from_millis(chance.below(PAUSE_MAX_MS));
        } else if let Some(view) = &view {
            // People who do what the task asks for are there all the time.
            site.approve(&item, view);
        }
        pause();
    }
    people.mend();
    // What the forge and the tracker show comes after the move of the task that it belongs to.
    while violations.is_empty() && !site.is_settled() {
        if host.has_ended() {
            host = site.host(&[]);
        }
        if begun.elapsed() > END_MAX {
            violations.push("what leaves the host does not all leave it".to_owned());
        }
        pause();
    }
    if violations.is_empty() {
        violations.extend(oracle.violations(&site, &people));
    }
    if !violations.is_empty() {
        violations.push(site.world.log());
    }
    Round {
        what: format!("seed {seed}: {}", made.join(", ")),
        kills,
        violations,
    }
}

/// Does what the task says a person can do, and holds it to that: it is taken, and the same is not said again.
fn carry_out(
    site: &Site,
    people: &mut People,
    view: &Value,
    tried: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let waits = matches!(
        view["status"].as_str(),
        Some("blocked" | "needs-input" | "awaiting-approval")
    ) || (view["status"] == "waiting" && view["step"] == "analysis-approved");
    if !waits {
        return Ok(());
    }
    let Some(remedy) = view["remedies"].get(0) else {
        return Err(format!("no remedy is offered: {view:#}"));
    };
    let (why, command) = (view["why"].to_string(), remedy["command"].to_string());
    let said = (why, command);
    if view["status"] != "waiting" && view["status"] != "awaiting-approval" {
        if tried.contains(&said) {
            return Err(format!("the remedy did not help: {view:#}"));
        }
        if tried.len() >= REMEDIES_MAX {
            return Err(format!("too many remedies: {tried:#?}"));
        }
        tried.push(said);
    }
    people.prepare(remedy, view);
    let args: Vec<&str> = remedy["command"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let done = site.world.orch(&args);
    if done.status.success() || view["status"] == "waiting" || view["status"] == "awaiting-approval"
    {
        // A second approval is refused while the first is on its way.
        return Ok(());
    }
    // Somebody else may have moved it between the look and the order.
    let now = site.look(view["work_item"].as_str().unwrap_or_default());
    match now {
        Some(now) if now["why"] == view["why"] => Err(format!(
            "the remedy is refused: {}\n{view:#}",
            String::from_utf8_lossy(&done.stderr)
        )),
        Some(_) | None => Ok(()),
    }
}
