//! What the queue carries, beside bare SQLite with the same rows and the same batches, and beside other queues: all of
//! it in one run.

mod ours;
mod peers;

use std::collections::BTreeMap;

use crate::page::Table;

/// Rounds of each, in turns: what else the machine does meets all of them.
const ROUNDS: usize = 3;
/// Callers at once.
const CALLERS: usize = 64;

/// What is measured, as every program names it.
const ENQUEUE_SERIAL: &str = "enqueue, serial";
const LIFECYCLE_SERIAL: &str = "lifecycle, serial";
const ENQUEUE_MANY: &str = "enqueue, many";
const LIFECYCLE_MANY: &str = "lifecycle, many";
const LIFECYCLE_WORKER: &str = "lifecycle, worker";

/// What one program said in all rounds: how many of each a second.
#[derive(Debug, Default)]
struct Rates(BTreeMap<String, Vec<f64>>);

impl Rates {
    fn note(&mut self, what: &str, per_second: f64) {
        self.0.entry(what.to_owned()).or_default().push(per_second);
    }

    /// The median of the rounds; none for what this program does not do.
    fn of(&self, what: &str) -> Option<f64> {
        let mut rates = self.0.get(what)?.clone();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied()
    }
}

/// Measures all of them in turns.
pub(crate) async fn run() -> anyhow::Result<Vec<Table>> {
    let (mut orch, mut flushes, mut floor) = (Rates::default(), Rates::default(), Rates::default());
    let mut others = peers::others();
    for _ in 0..ROUNDS {
        ours::round(&mut orch, &mut flushes).await?;
        peers::floor_round(&mut floor).await?;
        for other in &mut others {
            other.round().await?;
        }
    }
    Ok(vec![
        beside_the_floor(&orch, &flushes, &floor),
        beside_others(&orch, &others),
    ])
}

/// A goal of the page: least per second, if there is one, and least share of the floor.
struct Goal {
    what: &'static str,
    name: &'static str,
    floor: &'static str,
    per_second: Option<f64>,
}

const GOALS: [Goal; 5] = [
    Goal {
        what: ENQUEUE_SERIAL,
        name: "enqueue, one caller",
        floor: ENQUEUE_SERIAL,
        per_second: None,
    },
    Goal {
        what: LIFECYCLE_SERIAL,
        name: "claim and complete, one caller",
        floor: LIFECYCLE_SERIAL,
        per_second: None,
    },
    Goal {
        what: ENQUEUE_MANY,
        name: "enqueue, 64 callers",
        floor: ENQUEUE_MANY,
        per_second: Some(40_000.0),
    },
    Goal {
        what: LIFECYCLE_MANY,
        name: "claim and complete, 64 callers",
        floor: LIFECYCLE_MANY,
        per_second: Some(15_000.0),
    },
    Goal {
        what: LIFECYCLE_WORKER,
        name: "claim and complete, the host's lane with 64 slots",
        floor: LIFECYCLE_MANY,
        per_second: Some(15_000.0),
    },
];

/// Least share of the floor.
const SHARE: f64 = 0.7;

fn beside_the_floor(orch: &Rates, flushes: &Rates, floor: &Rates) -> Table {
    let row = |goal: &Goal| {
        let (ours, bare) = (orch.of(goal.what), floor.of(goal.floor));
        let share = ours.zip(bare).map(|(ours, bare)| ours / bare);
        let is_met = share.is_some_and(|share| share >= SHARE)
            && goal
                .per_second
                .is_none_or(|least| ours.is_some_and(|ours| ours >= least));
        let goal_text = match goal.per_second {
            Some(least) => format!("{least:.0} a second and 70 % of the floor"),
            None => "70 % of the floor".to_owned(),
        };
        vec![
            goal.name.to_owned(),
            number(ours, 0),
            number(bare, 0),
            number(share.map(|share| share * 100.0), 0),
            number(flushes.of(goal.what), 3),
            goal_text,
            met(is_met),
        ]
    };
    Table {
        title: "Queue",
        note: format!(
            "SQLite, WAL, `synchronous=FULL`: every answer is durable. A flush is a committed transaction. The floor is bare SQLite on the host's own table with its indices and triggers, prepared statements and no thread between: one row to a transaction for one caller, {CALLERS} rows to a transaction for {CALLERS}; a lifecycle is a claim and a completion, each in a transaction of its own. The median of {ROUNDS} rounds in turns. The host's lane is the loop that serves the host: it looks, claims, has each job completed by a task of its own and waits for the store's wake-up."
        ),
        header: vec![
            "what",
            "orch, per second",
            "floor, per second",
            "% of the floor",
            "flushes per job",
            "goal",
            "met",
        ],
        rows: GOALS.iter().map(row).collect(),
    }
}

fn beside_others(orch: &Rates, others: &[peers::Peer]) -> Table {
    let columns = [ENQUEUE_SERIAL, ENQUEUE_MANY, LIFECYCLE_WORKER];
    let row =
        |name: String, durability: String, of: &dyn Fn(&str) -> Option<f64>, is_equal: bool| {
            let mut row = vec![name, durability];
            let ratio = |what: &str| {
                orch.of(what)
                    .zip(of(what))
                    .map(|(ours, theirs)| ours / theirs)
            };
            row.extend(columns.map(|what| number(of(what), 0)));
            row.extend([ENQUEUE_MANY, LIFECYCLE_WORKER].map(|what| number(ratio(what), 2)));
            let is_ahead = columns
                .iter()
                .all(|what| ratio(what).is_none_or(|r| r >= 1.0));
            match is_equal {
                true => row.extend(["orch ahead".to_owned(), met(is_ahead)]),
                false => row.extend([String::new(), String::new()]),
            }
            row
        };
    let ours = row(
        "orch".to_owned(),
        "journal wal, synchronous FULL".to_owned(),
        &|what| orch.of(what),
        false,
    );
    let theirs = others.iter().map(|peer| {
        let of = |what: &str| peer.rates.of(what);
        row(
            peer.name.to_owned(),
            peer.durability.clone(),
            &of,
            peer.is_durable,
        )
    });
    Table {
        title: "Queue beside others",
        note: format!(
            "Jobs a second; the median of the same {ROUNDS} rounds. Each peer once as it is shipped and once with the host's durability, forced upon it from outside: its file is in WAL before it opens it, and its `PRAGMA synchronous` is passed over. Enqueues come from one caller and from {CALLERS}; the lifecycle is the queue's own worker with {CALLERS} jobs at once that do nothing, on jobs that lie ready. Only what a peer can lose as little as the host is compared with it by a goal."
        ),
        header: vec![
            "queue",
            "durability",
            "enqueue, one caller",
            "enqueue, 64 callers",
            "lifecycle, worker",
            "orch to it, enqueue",
            "orch to it, lifecycle",
            "goal",
            "met",
        ],
        rows: std::iter::once(ours).chain(theirs).collect(),
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn met(is_met: bool) -> String {
    if is_met { "yes" } else { "no" }.to_owned()
}
