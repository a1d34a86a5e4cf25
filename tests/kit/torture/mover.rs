//! Other people: while tasks run they push, rewrite, delete and bring back, break configuration and gates, decide at
//! odd moments and kill the host, drawn from a seed. In the end everything that can be mended is, and what a task
//! waits for is done as it says; then it has to end, and nothing may have landed that was not judged. Several tasks wait
//! for each other before they are let go, so that they land as a batch.

mod oracle;
mod people;

use std::time::{Duration, Instant};

use serde_json::Value;

use self::oracle::Oracle;
use self::people::{Move, People};
use super::{Chance, END_MAX, Round, Site};
use crate::world::World;

/// Moves of one walk at most.
const MOVES_MAX: u64 = 7;
/// Longest pause between two moves, milliseconds; an undisturbed task takes some seconds.
const PAUSE_MAX_MS: u64 = 1_500;
/// Longest pause between two looks.
const LOOK: Duration = Duration::from_millis(60);
/// Remedies that one task may need after all that was done to it.
const REMEDIES_MAX: usize = 12;

/// Carries one task to its end among other people.
pub fn walk(seed: u64) -> Round {
    walk_of(seed, 1)
}

/// Carries two or three tasks that land together to their ends among other people.
pub fn walk_together(seed: u64) -> Round {
    walk_of(seed, 2 + usize::from(seed % 2 == 1))
}

/// One of the tasks, as far as it is followed.
struct Walker {
    item: String,
    view: Option<Value>,
    oracle: Oracle,
    tried: Vec<(String, String)>,
}

impl Walker {
    fn new(item: String) -> Self {
        Self {
            oracle: Oracle::new(&item),
            item,
            view: None,
            tried: Vec::new(),
        }
    }

    fn look(&mut self, site: &Site) {
        self.view = site.look(&self.item);
        if let Some(view) = &self.view {
            self.oracle.saw(view);
        }
    }

    fn is(&self, statuses: &[&str]) -> bool {
        let status = self.view.as_ref().and_then(|view| view["status"].as_str());
        status.is_some_and(|status| statuses.contains(&status))
    }

    fn has_ended(&self) -> bool {
        self.is(&["ended"])
    }
}

/// Whether those that wait for a person may be let go: none of the others is still on its way to where they are.
fn may_go(walkers: &[Walker]) -> bool {
    let waits = ["awaiting-approval", "ended", "blocked", "needs-input"];
    walkers.iter().all(|walker| walker.is(&waits))
}

fn site() -> Site {
    let mut world = World::with_own_gates();
    world.config["reconcile"] = serde_json::json!({"interval_s": 1, "grace_s": 1});
    world.config["concurrency"] = serde_json::json!({"agents": 2, "gates": 2, "effects": 3});
    // Of what others break, the host has to speak.
    world.expected_errors = vec![
        "the changed configuration is not taken over",
        "gate file not loaded",
        "is not in force",
    ];
    Site::watched(world)
}

fn walk_of(seed: u64, count: usize) -> Round {
    let mut chance = Chance::new(seed);
    let site = site();
    let mut people = People::new(&site.world);
    let mut host = site.host(&[]);
    let begun = Instant::now();
    let items: Vec<String> = (0..count).filter_map(|_| site.begin()).collect();
    if items.len() < count {
        return Round {
            what: format!("seed {seed}"),
            kills: 0,
            violations: vec!["a task is not accepted".to_owned()],
        };
    }
    let mut walkers: Vec<Walker> = items.into_iter().map(Walker::new).collect();
    let moves = 1 + chance.below(MOVES_MAX);
    let most = END_MAX * u32::try_from(count).unwrap_or(1);
    let mut made: Vec<String> = Vec::new();
    let mut kills = 0;
    let mut next = Duration::from_millis(chance.below(PAUSE_MAX_MS));
    let mut violations = Vec::new();
    'walk: loop {
        if host.has_ended() {
            host = site.host(&[]);
        }
        for walker in &mut walkers {
            walker.look(&site);
        }
        let has_ended = walkers.iter().all(Walker::has_ended);
        if begun.elapsed() > most {
            let views: Vec<&Option<Value>> = walkers.iter().map(|walker| &walker.view).collect();
            violations.push(format!("not all tasks end: {views:#?}"));
            break;
        }
        let over = u64::try_from(made.len()).unwrap_or(u64::MAX) >= moves;
        if over || has_ended {
            if people.mend() {
                made.push("mend".to_owned());
            }
            if has_ended {
                break;
            }
            let lets_go = may_go(&walkers);
            for walker in &mut walkers {
                if let Err(violation) = carry_out(&site, &mut people, walker, lets_go) {
                    violations.push(violation);
                    break 'walk;
                }
            }
        } else if begun.elapsed() >= next {
            let chosen = Move::draw(&mut chance);
            let at = usize::try_from(chance.below(count as u64)).unwrap_or_default();
            let whom = &walkers[at];
            if chosen == Move::KillHost {
                host.kill();
                kills += 1;
            } else {
                people.make(chosen, &site, &whom.item, whom.view.as_ref());
            }
            let at_ms = begun.elapsed().as_millis();
            made.push(format!("{chosen:?} to {} at {at_ms} ms", whom.item));
            next = begun.elapsed() + Duration::from_millis(chance.below(PAUSE_MAX_MS));
        } else {
            // People who do what a task asks for are there all the time.
            let lets_go = may_go(&walkers);
            for walker in &walkers {
                if let Some(view) = &walker.view
                    && (lets_go || view["status"] == "waiting")
                {
                    site.approve(&walker.item, view);
                }
            }
        }
        std::thread::park_timeout(LOOK);
    }
    people.mend();
    // What the forge and the tracker show comes after the move of the task that it belongs to.
    while violations.is_empty() && !site.is_settled() {
        if host.has_ended() {
            host = site.host(&[]);
        }
        if begun.elapsed() > most {
            violations.push("what leaves the host does not all leave it".to_owned());
        }
        std::thread::park_timeout(LOOK);
    }
    if violations.is_empty() {
        violations.extend(oracle::of_all(&site));
        for walker in &walkers {
            violations.extend(walker.oracle.violations(&site, &people));
        }
    }
    if !violations.is_empty() {
        violations.push(site.world.log());
    }
    Round {
        what: format!("seed {seed}, tasks: {count}: {}", made.join(", ")),
        kills,
        violations,
    }
}

/// Does what the task says a person can do, and holds it to that: it is taken, and the same is not said again. What waits
/// for a person is let go only with the others.
fn carry_out(
    site: &Site,
    people: &mut People,
    walker: &mut Walker,
    lets_go: bool,
) -> Result<(), String> {
    let Some(view) = &walker.view else {
        return Ok(());
    };
    let waits = matches!(view["status"].as_str(), Some("blocked" | "needs-input"))
        || (view["status"] == "awaiting-approval" && lets_go)
        || (view["status"] == "waiting" && view["step"] == "analysis-approved");
    if !waits {
        return Ok(());
    }
    let tried = &mut walker.tried;
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
