//! Processes that sleep and wake: a host, a supervisor or an agent that is stopped in its work does nothing twice
//! when it goes on, and nobody works in its place meanwhile.

use std::fs;
use std::process::Command;
use std::time::Duration;

use orch_kit::torture::{Host, Site};
use orch_kit::{sql, until};
use serde_json::{Value, json};

/// Longest way of a task to its end here.
const END_MAX: Duration = Duration::from_secs(110);

/// A site whose reaper looks every second and starts at once, and whose analyst does `first` before its work, once.
fn site(first: &str) -> Site {
    let mut site = Site::new();
    site.world.config["reaper"] = json!({"interval_s": 1, "hold_s": 0});
    site.world.write_config();
    let once = format!(
        "set -eu\nif [ \"$ORCH_ROLE\" = analyst ] && mkdir \"$0.begun\"; then\necho $$ > \"$0.pid\"\n{first}\nfi\n"
    );
    let agent = fs::read_to_string(site.world.path("agent.sh")).unwrap();
    let changed = agent.replacen("set -eu\n", &once, 1);
    assert_ne!(agent, changed);
    site.world.write("agent.sh", &changed, 0o755);
    site
}

/// Waits for a file, and leaves another one behind when the agent ends.
const WAITS: &str = "trap 'touch \"$0.ended\"' EXIT\nuntil test -e \"$0.go\"; do sleep 0.05; done";

fn signal(pid: &str, name: &str) {
    let sent = Command::new("kill").args(["-s", name, pid]).status();
    assert!(sent.unwrap().success(), "{name} to {pid}");
}

fn is_stopped(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(") T ")
}

/// Process id of the host, as its lock names it.
fn host_pid(site: &Site) -> String {
    let owner = fs::read_to_string(site.world.path("data/orch.lock")).unwrap();
    owner.split(':').nth(1).unwrap().to_owned()
}

fn analysts(view: &Value) -> Vec<String> {
    let runs = view["runs"].as_array().unwrap().iter();
    runs.filter(|run| run["role"] == "analyst")
        .map(|run| run["outcome"].as_str().unwrap_or("open").to_owned())
        .collect()
}

/// Waits until the analyst is at work; answers its process id.
fn at_work(site: &Site, item: &str) -> String {
    until("the analyst is at work", || {
        let pid = fs::read_to_string(site.world.path("agent.sh.pid")).ok()?;
        let open = analysts(&site.look(item)?) == ["open"];
        let pid = site.world.pid_of(pid.trim_end())?;
        open.then_some(pid)
    })
}

/// What must be so at the end, whoever slept: one merge, one deploy, no two agents at once.
fn assert_once(site: &Site, item: &str, outcomes: &[&str]) {
    let view = site.world.task(item);
    assert_eq!(view["stage"], "done", "{view:#}");
    assert_eq!(analysts(&view), outcomes, "{view:#}");
    let violations = site.violations(item);
    assert!(violations.is_empty(), "{violations:#?}");
    let merged = sql::column(
        &site.world.path("data/orch.db"),
        "SELECT CAST(count(*) AS TEXT) FROM pull_requests WHERE state = 'merged'",
    );
    assert_eq!(merged, ["1"]);
}

/// A host that is stopped while its analyst works, with the task and the host's process id.
fn asleep() -> (Site, Host, String, String) {
    let site = site(WAITS);
    let host = site.host(&[]);
    let item = site.begin().unwrap();
    at_work(&site, &item);
    let pid = host_pid(&site);
    signal(&pid, "STOP");
    until("the host sleeps", || is_stopped(&pid).then_some(()));
    (site, host, item, pid)
}

#[test]
fn host_that_slept_past_its_lease_keeps_others_out_and_does_its_work_once() {
    let (site, mut host, item, pid) = asleep();
    // As if it had slept for two minutes: its claims are over.
    let late = "UPDATE jobs SET lease_until_ms = lease_until_ms - 120000 WHERE state = 'running'";
    assert_eq!(sql::execute(&site.world.path("data/orch.db"), late), 1);
    let said = site.world.refused(&["serve"]);
    assert!(
        said.contains("in use by another host") && said.contains("stop that host"),
        "{said}"
    );
    // Its agent works to its end meanwhile, under its supervisor.
    site.world.write("agent.sh.go", "", 0o644);
    until("the agent has ended", || {
        site.world.path("agent.sh.ended").exists().then_some(())
    });
    assert!(is_stopped(&pid), "the refused host woke nobody");
    signal(&pid, "CONT");
    site.finish(&item, &mut host, END_MAX).unwrap();
    assert_once(&site, &item, &["completed"]);
}

#[test]
fn host_that_lost_its_claim_in_its_sleep_goes_back_to_the_run_and_starts_no_second_agent() {
    let (site, mut host, item, pid) = asleep();
    // As if somebody had taken the job while it slept and had given it back.
    let taken = "UPDATE jobs SET epoch = epoch + 1, state = 'ready', owner = NULL, lease_until_ms = NULL, \
                 attempt = attempt - 1 WHERE state = 'running'";
    assert_eq!(sql::execute(&site.world.path("data/orch.db"), taken), 1);
    signal(&pid, "CONT");
    until("the host is attached to the run again", || {
        let view = site.look(&item)?;
        (view["runs"][0]["reattached"] == 1).then_some(())
    });
    site.world.write("agent.sh.go", "", 0o644);
    site.finish(&item, &mut host, END_MAX).unwrap();
    assert_once(&site, &item, &["completed"]);
}

#[test]
fn supervisor_that_slept_while_its_agent_ended_is_waited_for_and_its_result_counts_once() {
    let site = site(WAITS);
    let mut host = site.host(&[]);
    let item = site.begin().unwrap();
    at_work(&site, &item);
    assert!(site.signal_supervisors("STOP"));
    site.world.write("agent.sh.go", "", 0o644);
    until("the agent has ended", || {
        site.world.path("agent.sh.ended").exists().then_some(())
    });
    let looked = || site.world.json(&["queue"])["reaper"]["last_run_ts"].as_i64();
    for _ in 0..3 {
        let before = looked();
        until("the reaper has looked", || {
            (looked() != before).then_some(())
        });
    }
    let view = site.world.task(&item);
    assert_eq!(
        analysts(&view),
        ["open"],
        "nobody says how it ended: {view:#}"
    );
    assert!(site.signal_supervisors("CONT"));
    site.finish(&item, &mut host, END_MAX).unwrap();
    assert_once(&site, &item, &["completed"]);
}

#[test]
fn agent_that_is_stopped_is_ended_when_it_is_silent_for_too_long_and_begun_anew() {
    let mut site = site("echo here\nuntil test -e \"$0.never\"; do sleep 0.05; done");
    site.world.config["roles"]["default"]["limits"]["idle_s"] = json!(3);
    site.world.write_config();
    let mut host = site.host(&[]);
    let item = site.begin().unwrap();
    let agent = at_work(&site, &item);
    signal(&agent, "STOP");
    site.finish(&item, &mut host, END_MAX).unwrap();
    let gone = fs::read_to_string(format!("/proc/{agent}/stat")).unwrap_or_default();
    assert!(gone.is_empty() || gone.contains(") Z "), "{gone}");
    assert_once(&site, &item, &["killed", "completed"]);
}
