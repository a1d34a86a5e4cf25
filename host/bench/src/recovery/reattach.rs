//! How soon a host that follows a killed one has its agents' runs again, and that none is lost or repeated.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::Value;

use crate::page::Table;
use crate::site::Site;
use crate::times::{histogram, keep, ms, record};

/// Agents that run when the host is killed.
const RUNS: usize = 20;
/// Kills, each with runs of its own.
const ROUNDS: usize = 5;
/// Longest wait for the runs to be attached, or to end.
const MOST: Duration = Duration::from_secs(120);

/// Times from the start of the process that follows.
struct Took {
    answer: Histogram<u64>,
    attached: Histogram<u64>,
}

/// Kills a host under its agents, round by round.
pub(crate) async fn run(orch: &Path) -> anyhow::Result<Table> {
    let mut site = super::site(orch, RUNS)?;
    let mut took = Took {
        answer: histogram(),
        attached: histogram(),
    };
    site.start_host().await?;
    for number in 0..ROUNDS {
        let items: Vec<String> = (0..RUNS)
            .map(|index| format!("BENCH-{}", number * RUNS + index + 1))
            .collect();
        round(&mut site, &items, &mut took).await?;
    }
    let launched = fs::read_to_string(site.path("host.log"))?
        .lines()
        .filter(|line| line.contains("run launched"))
        .count();
    anyhow::ensure!(
        launched == RUNS * ROUNDS,
        "{launched} runs were launched for {} tasks",
        RUNS * ROUNDS
    );
    let row = |what: &str, goal: &str, times: &Histogram<u64>| {
        let (median, most) = (ms(times, 0.5), ms(times, 1.0));
        vec![what.to_owned(), goal.to_owned(), median, most]
    };
    Ok(Table {
        title: "Re-attachment",
        note: format!(
            "{RUNS} agents run, their host is killed by SIGKILL, and another is started on the same data with all first-party gates, whose images are kept. From the start of its process until it answers, and until it says of each of the {RUNS} runs, task by task over its socket, that it has attached to it, so the asking is in the number; milliseconds, {ROUNDS} kills in one world, each with {RUNS} new tasks. The agents are let go afterwards. Each of the {} has been started once, has one run, which was attached to once and has ended as completed, and the hosts have launched {launched} runs in all; anything else is an error and there is no page.",
            RUNS * ROUNDS
        ),
        header: vec!["from the start to", "goal", "median ms", "max ms"],
        rows: vec![
            row("first answer", "", &took.answer),
            row("all runs attached", "under 5 s", &took.attached),
        ],
    })
}

async fn round(site: &mut Site, items: &[String], took: &mut Took) -> anyhow::Result<()> {
    for item in items {
        site.begin(item).await?;
    }
    for item in items {
        site.ready(item).await?;
    }
    site.kill_host();
    let begun = Instant::now();
    keep(&mut took.answer, site.start_host().await?)?;
    for item in items {
        // One question at a time, and the next only when it is answered by a yes: a host that has this to do
        // beside its start is not kept from it by the questions.
        site.follow(item, MOST, |view| attached(view) == [1])
            .await?;
    }
    record(&mut took.attached, begun)?;
    for item in items {
        fs::write(site.path("go").join(item), "")?;
    }
    for item in items {
        let view = site.follow(item, MOST, has_ended).await?;
        let starts = site.lines("started", item);
        let once = attached(&view) == [1] && outcomes(&view) == ["completed"];
        anyhow::ensure!(
            once && starts == 1,
            "the agent of {item} was started {starts} times: {view:#}\n{}",
            site.log()
        );
    }
    // What waits for a person would be in the way of the next round.
    for item in items {
        site.stop(item).await?;
    }
    for item in items {
        site.follow(item, MOST, |view| view["stage"] == "cancelled")
            .await?;
        anyhow::ensure!(site.tree(item).is_empty(), "something of {item} is left");
    }
    Ok(())
}

fn runs(view: &Value) -> &[Value] {
    view["runs"].as_array().map_or(&[], Vec::as_slice)
}

/// How often each run was attached to.
fn attached(view: &Value) -> Vec<i64> {
    let counts = runs(view).iter().map(|run| run["reattached"].as_i64());
    counts.map(|count| count.unwrap_or(-1)).collect()
}

fn outcomes(view: &Value) -> Vec<&str> {
    let outcomes = runs(view).iter().map(|run| run["outcome"].as_str());
    outcomes.map(|outcome| outcome.unwrap_or("open")).collect()
}

fn has_ended(view: &Value) -> bool {
    !runs(view).is_empty() && !outcomes(view).contains(&"open")
}
