//! How much later does a program begin that is confined?

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::ensure;
use hdrhistogram::Histogram;
use orch_process::sandbox::{Inaccessible, Network, Wrapped};

use super::cage;
use crate::page::Table;
use crate::times::{histogram, ms, record};

/// Starts of each kind, one kind after the other in every round.
const ROUNDS: usize = 200;
/// Does nothing: what is measured is all that comes before it and after.
const PROGRAM: &str = "/bin/true";
/// How much later it may begin, milliseconds.
const GOAL_MS: f64 = 15.0;

pub(super) fn run(orch: &Path) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let own = folder.path().join("own");
    std::fs::create_dir(&own)?;
    let (agent, by_proxy) = (folder.path().join("agent"), folder.path().join("proxied"));
    let caged = cage(&agent, Network::None)?;
    let proxied = cage(&by_proxy, Network::Proxied)?;
    let trusted = Inaccessible {
        paths: vec![own],
        kept: Vec::new(),
        is_required: true,
    };
    let program = Path::new(PROGRAM);
    // A program in a cage works in a folder that it sees.
    let (in_agent, in_proxied) = (agent.join("tree"), by_proxy.join("tree"));
    let kinds = [
        ("bare", &in_agent, None),
        (
            "an agent, without a network",
            &in_agent,
            Some(caged.wrap(orch, program, &[])),
        ),
        (
            "an agent, by a proxy",
            &in_proxied,
            Some(proxied.wrap(orch, program, &[])),
        ),
        (
            "a trusted command",
            &in_agent,
            Some(trusted.wrap(orch, program, &[])),
        ),
    ];
    let mut times = kinds.each_ref().map(|_| histogram());
    // The first of each is not counted: what it reads of the disk is read by then.
    for round in 0..=ROUNDS {
        for ((name, place, wrapped), times) in kinds.iter().zip(&mut times) {
            let begun = Instant::now();
            let ended = command(place, wrapped.as_ref()).status()?;
            ensure!(ended.success(), "{name}: {PROGRAM} ended with {ended}");
            if round > 0 {
                record(times, begun)?;
            }
        }
    }
    let median = |times: &Histogram<u64>| times.value_at_quantile(0.5) as f64 / 1e6;
    let bare = median(&times[0]);
    let rows = kinds.iter().zip(&times).map(|((name, ..), times)| {
        let later = median(times) - bare;
        vec![
            (*name).to_owned(),
            ms(times, 0.5),
            ms(times, 0.95),
            format!("{later:.2}"),
        ]
    });
    let later = median(&times[2]) - bare;
    let met = if later <= GOAL_MS { "met" } else { "missed" };
    Ok(Table {
        title: "Start of a caged process",
        note: format!(
            "`{PROGRAM}` from its start to its end, {ROUNDS} times of each kind, alternating. The cages are those of agents, with every toolchain of this machine. Goal: {GOAL_MS:.0} ms later than bare at the median; {met}."
        ),
        header: vec!["process", "p50 ms", "p95 ms", "later than bare ms"],
        rows: rows.collect(),
    })
}

fn command(place: &Path, wrapped: Option<&Wrapped>) -> Command {
    let mut command = match wrapped {
        None => Command::new(PROGRAM),
        Some(wrapped) => {
            let mut command = Command::new(&wrapped.program);
            command.args(&wrapped.args);
            command.env(&wrapped.variable.0, &wrapped.variable.1);
            command
        }
    };
    command.current_dir(place);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}
