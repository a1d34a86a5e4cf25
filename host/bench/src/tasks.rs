//! How many tasks go through every stage in a minute, whether what one costs grows with their number, and how long a
//! list of very many takes.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use crate::host::cpu_ticks;
use crate::page::Table;
use crate::site::Site;

/// Tasks at once, each number in a world of its own.
const AT_ONCE: [usize; 3] = [10, 100, 1_000];
/// Agents at once: most of what an agent's run takes here is its start.
const AGENTS: usize = 4;
/// Longest wait for one more task to be done.
const NEXT: Duration = Duration::from_secs(300);
/// Pause between two looks at the tasks.
const LOOK: Duration = Duration::from_millis(500);
/// Tasks in the list.
const LISTED: usize = 10_000;
/// Rows that a part of the list has at most.
const PART: usize = 500;
/// Lists of each kind.
const LISTS: usize = 11;

/// Measures both.
pub(crate) async fn run(orch: &Path) -> anyhow::Result<Vec<Table>> {
    Ok(vec![throughput(orch).await?, list(orch).await?])
}

fn site(orch: &Path) -> anyhow::Result<Site> {
    let config = json!({
        "concurrency": {"agents": AGENTS},
        "pipeline": {
            "analysis": ["run analyst", "gate analysis-complete"],
            "architecture": ["run architect", "gate architecture-done"],
            "development": ["run developer", "gate ci-green"],
            "review": ["run reviewer", "gate review-verdict"],
            "testing": ["run tester", "gate tests-passed"],
            "deploy-staging": [
                "work staging", "gate staging-status", "work merge-prepare", "gate merge", "work land",
            ],
            "deploy": ["work deploy", "gate deploy-status"],
        },
        "repositories": {"shop": {
            "orch_yaml": {"ci": {"test": "test -d shop || test -e README.md"}},
            "staging": {"hook": "true", "suite": [{"name": "there", "run": "true"}]},
            "deploy": {"hook": "true"},
        }},
    });
    Site::new(orch, include_str!("tasks/agent.sh"), &config)
}

async fn throughput(orch: &Path) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    for tasks in AT_ONCE {
        let mut site = site(orch)?;
        site.start_host().await?;
        let (pid, begun) = (site.host_pid()?, Instant::now());
        let before = cpu_ticks(pid)?;
        for number in 1..=tasks {
            site.begin(&format!("BENCH-{number}")).await?;
        }
        all_done(&site, tasks).await?;
        let (took, ticks) = (begun.elapsed(), cpu_ticks(pid)? - before);
        rows.push(vec![
            tasks.to_string(),
            format!("{:.0}", took.as_secs_f64()),
            format!("{:.1}", tasks as f64 * 60.0 / took.as_secs_f64()),
            format!("{:.0}", ticks as f64 * 10.0 / tasks as f64),
        ]);
    }
    Ok(Table {
        title: "Tasks through every stage",
        note: format!(
            "All tasks begin at once, in one repository, on a host that runs {AGENTS} agents at a time: five runs of an agent that is done at once, a test run of every commit, all gates but those that scan, staging, landing in batches, deploy. Each is done at the end and has landed, or there is no page. The CPU time is of the host's own process, without its agents, tests and git; it would grow with the number if anything were quadratic."
        ),
        header: vec!["tasks", "seconds", "tasks a minute", "host CPU ms a task"],
        rows,
    })
}

/// Waits until so many tasks are done.
async fn all_done(site: &Site, tasks: usize) -> anyhow::Result<()> {
    let (mut done, mut since) = (0, Instant::now());
    while done < tasks {
        let now = tasks - count_open(site).await?;
        if now > done {
            (done, since) = (now, Instant::now());
        }
        anyhow::ensure!(
            since.elapsed() < NEXT,
            "{done} of {tasks} tasks are done, and no other for {} s:\n{}",
            NEXT.as_secs(),
            site.log()
        );
        tokio::time::sleep(LOOK).await;
    }
    for number in [1, tasks] {
        let task = site.task(&format!("BENCH-{number}")).await?;
        let landed = task["status"] == "done" && !task["merged_commit"].is_null();
        anyhow::ensure!(landed, "BENCH-{number} has not landed: {task:#}");
    }
    Ok(())
}

/// Tasks under way.
async fn count_open(site: &Site) -> anyhow::Result<usize> {
    let part = site.ask("GET", "/tasks?limit=1", None).await?;
    let total = part["total"].as_u64().context("how many there are")?;
    Ok(usize::try_from(total)?)
}

/// Reads the list of what is under way, part by part; answers its rows.
async fn whole_list(site: &Site) -> anyhow::Result<usize> {
    let (mut rows, mut after) = (0, String::new());
    loop {
        let path = format!("/tasks?limit={PART}{after}");
        let part = site.ask("GET", &path, None).await?;
        rows += part["items"].as_array().context("rows")?.len();
        match part["next"].as_str() {
            None => return Ok(rows),
            Some(next) => after = format!("&after={next}"),
        }
    }
}

async fn list(orch: &Path) -> anyhow::Result<Table> {
    let mut site = site(orch)?;
    site.start_host().await?;
    let hold = json!({"scope": "lane:agents"});
    site.ask("POST", "/pauses", Some(hold)).await?;
    for number in 1..=LISTED {
        site.begin(&format!("BENCH-{number}")).await?;
    }
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..LISTS {
        let begun = Instant::now();
        let done = tokio::process::Command::new(orch)
            .args(["task", "list", "--limit", "500", "--config"])
            .arg(site.path("orch.yaml"))
            .stdin(Stdio::null())
            .output()
            .await?;
        anyhow::ensure!(done.status.success(), "`orch task list`: {done:?}");
        first.push(begun.elapsed());
        let begun = Instant::now();
        let rows = whole_list(&site).await?;
        anyhow::ensure!(rows == LISTED, "{rows} tasks are listed");
        whole.push(begun.elapsed());
    }
    let row = |what: &str, mut times: Vec<Duration>, goal: &str| {
        times.sort();
        let ms = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
        let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
        vec![what.to_owned(), ms(median), ms(most), goal.to_owned()]
    };
    Ok(Table {
        title: "A list of 10,000 tasks",
        note: format!(
            "A host with {LISTED} tasks under way, {LISTS} lists of each kind, milliseconds. The command is a process of its own from start to end and prints the first {PART} rows; the whole list is read over the socket, {PART} rows a question."
        ),
        header: vec!["list", "median ms", "max ms", "goal"],
        rows: vec![
            row("`orch task list --limit 500`", first, "at most 100 ms"),
            row("all rows", whole, ""),
        ],
    })
}
