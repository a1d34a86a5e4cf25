//! How long a stop takes until nothing of the agent is left, with one that gives way and with the worst.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::page::Table;
use crate::site::Site;
use crate::times::{histogram, keep, ms};

/// Agents that end at the first signal, one after the other.
const YIELDING: [&str; 3] = ["BENCH-1", "BENCH-2", "BENCH-3"];
/// The one that ignores every signal it can.
const STUBBORN: &str = "BENCH-4";
/// Longest wait for a stop: past every goal, and short enough for a benchmark.
const MOST: Duration = Duration::from_secs(120);
/// Pause between two looks at the processes and the task.
const LOOK: Duration = Duration::from_millis(10);

/// From the request on.
#[derive(Clone)]
struct Took {
    empty: Histogram<u64>,
    cancelled: Histogram<u64>,
}

/// Stops agents of both kinds in one world.
pub(crate) async fn run(orch: &Path) -> anyhow::Result<Table> {
    let mut site = super::site(orch, YIELDING.len() + 1)?;
    fs::write(site.path("stubborn").join(STUBBORN), "")?;
    site.start_host().await?;
    for item in YIELDING.iter().chain([&STUBBORN]) {
        site.begin(item).await?;
    }
    for item in YIELDING.iter().chain([&STUBBORN]) {
        site.ready(item).await?;
    }
    let mut yielding = Took {
        empty: histogram(),
        cancelled: histogram(),
    };
    let mut stubborn = yielding.clone();
    let one_by_one = async {
        for item in YIELDING {
            stop(&site, item, 2, &mut yielding).await?;
        }
        anyhow::Ok(())
    };
    // The worst waits most of the time, so the others are stopped beside it.
    let (one_by_one, worst) = tokio::join!(one_by_one, stop(&site, STUBBORN, 3, &mut stubborn));
    one_by_one.and(worst)?;
    let row = |what: &str, goal: &str, took: &Took| {
        vec![
            what.to_owned(),
            goal.to_owned(),
            took.empty.len().to_string(),
            ms(&took.empty, 0.5),
            ms(&took.cancelled, 0.5),
            ms(&took.cancelled, 1.0),
        ]
    };
    Ok(Table {
        title: "Stop to an empty tree",
        note: "From the start of `orch task stop` on an agent that works until no process of its run is alive any more, its supervisor among them, and until the task's stage is `cancelled`; milliseconds. Processes are found by a variable in their environment and by the supervisor's argument, so one that has left the tree is found too. An agent that gives way ends at the first signal. The worst ignores SIGINT, SIGTERM and SIGHUP, and so does its child, which was forked twice and has a session of its own; SIGKILL follows after two graces of 10 s. All are tasks of one world; the agents that give way are stopped one after the other while the worst is being stopped. A process that is left when the task is cancelled is an error and there is no page.".to_owned(),
        header: vec![
            "agent",
            "goal",
            "stops",
            "tree empty, median ms",
            "cancelled, median ms",
            "cancelled, max ms",
        ],
        rows: vec![
            row("gives way", "12 s", &yielding),
            row("ignores signals, double fork", "27 s", &stubborn),
        ],
    })
}

/// Stops one task whose tree has at least `size` processes.
async fn stop(site: &Site, item: &str, size: usize, took: &mut Took) -> anyhow::Result<()> {
    let tree = site.tree(item).len();
    anyhow::ensure!(tree >= size, "the run of {item} has {tree} processes only");
    let begun = Instant::now();
    let mut command = site.start_stop(item)?;
    let (mut empty, mut cancelled) = (None, None);
    let mut told = None;
    while empty.is_none() || cancelled.is_none() || told.is_none() {
        anyhow::ensure!(
            begun.elapsed() < MOST,
            "{item} is not stopped in time:\n{}",
            site.log()
        );
        told = command.try_wait()?;
        if empty.is_none() && site.tree(item).is_empty() {
            empty = Some(begun.elapsed());
        }
        if cancelled.is_none() && site.task(item).await?["stage"] == "cancelled" {
            cancelled = Some(begun.elapsed());
            let left = site.tree(item);
            anyhow::ensure!(left.is_empty(), "{item} is cancelled and {left:?} live");
        }
        tokio::time::sleep(LOOK).await;
    }
    let told = told.is_some_and(|status| status.success());
    anyhow::ensure!(told, "`orch task stop {item}` failed");
    keep(&mut took.empty, empty.unwrap_or_default())?;
    keep(&mut took.cancelled, cancelled.unwrap_or_default())
}
