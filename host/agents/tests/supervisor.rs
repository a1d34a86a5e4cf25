//! Claims about the supervisor, on real processes. This binary is its own supervisor: started with the words
//! `supervise FOLDER` it becomes one, as `orch` does, and with `sandbox-exec` what confines.

use std::fs;
use std::path::{Path, PathBuf};

use orch_agents::folder::{
    Launch, Limits, PROTOCOL, RunFolder, RunResult, RunState, STDOUT, StopReason,
};
use orch_agents::{launcher, log, supervise};
use orch_domain::outcome::KillReason;
use orch_process::mark::sweep_marked;
use orch_process::sandbox;

#[path = "supervisor/copies.rs"]
mod copies;

type Case = (&'static str, fn(&Path));

const CASES: [Case; 15] = [
    (
        "ended_run_leaves_its_exit_code_and_output",
        ended_run_leaves_its_exit_code_and_output,
    ),
    (
        "environment_holds_what_was_given_and_the_token",
        environment_holds_what_was_given_and_the_token,
    ),
    (
        "agent_that_ignores_signals_is_killed_in_the_end",
        agent_that_ignores_signals_is_killed_in_the_end,
    ),
    (
        "daemon_that_left_the_tree_is_swept_up",
        daemon_that_left_the_tree_is_swept_up,
    ),
    ("silence_and_time_are_limited", silence_and_time_are_limited),
    (
        "events_are_told_while_the_run_goes_on_and_sealed_at_its_end",
        events_are_told_while_the_run_goes_on_and_sealed_at_its_end,
    ),
    (
        "noise_without_an_event_is_silence",
        noise_without_an_event_is_silence,
    ),
    (
        "process_that_stays_after_its_result_is_ended",
        process_that_stays_after_its_result_is_ended,
    ),
    (
        "output_is_capped_and_the_agent_goes_on",
        output_is_capped_and_the_agent_goes_on,
    ),
    (
        "end_of_an_output_above_its_limit_is_kept",
        end_of_an_output_above_its_limit_is_kept,
    ),
    (
        "run_that_prints_without_end_is_ended",
        run_that_prints_without_end_is_ended,
    ),
    (
        "run_that_fills_the_disk_is_ended",
        run_that_fills_the_disk_is_ended,
    ),
    (
        "second_supervisor_finds_the_folder_taken",
        second_supervisor_finds_the_folder_taken,
    ),
    (
        "killed_supervisor_leaves_a_lost_run",
        killed_supervisor_leaves_a_lost_run,
    ),
    (
        "what_copies_itself_as_the_hosts_own_user_leaves_nothing",
        copies::what_copies_itself_as_the_hosts_own_user_leaves_nothing,
    ),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).map(String::as_str) == Some("supervise") {
        std::process::exit(supervise::main(&RunFolder::at(&args[2])));
    }
    if args.get(1).map(String::as_str) == Some("sandbox-exec") {
        let rest: Vec<_> = std::env::args_os().skip(4).collect();
        std::process::exit(sandbox::exec(args[3].as_ref(), &rest));
    }
    // The test runner's protocol: list, or run one by its exact name.
    if args.iter().any(|a| a == "--list") {
        if !args.iter().any(|a| a == "--ignored") {
            for (name, _) in CASES {
                println!("{name}: test");
            }
        }
        return;
    }
    let wanted: Vec<&String> = args[1..].iter().filter(|a| !a.starts_with("--")).collect();
    let mut ran = 0;
    for (name, case) in CASES {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
            let folder = tempfile::tempdir().expect("a folder");
            case(folder.path());
            println!("test {name} ... ok");
            ran += 1;
        }
    }
    println!("test result: ok. {ran} passed; 0 failed");
}

fn limits() -> Limits {
    Limits {
        wall_ms: 60_000,
        grace_ms: 100,
        after_result_ms: 200,
        ..Limits::default()
    }
}

fn prepare(folder: &Path, script: &str, limits: Limits) -> RunFolder {
    let run = RunFolder::at(folder.join("run"));
    let launch = Launch {
        protocol: PROTOCOL,
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("GIVEN".into(), "yes".into()),
        ],
        cwd: folder.to_owned(),
        prompt_on_stdin: true,
        terminal_line: Some("{\"type\":\"result\"".into()),
        events: None,
        token: format!("token-{}", folder.display()),
        limits,
        writes: vec![folder.to_owned()],
    };
    run.create(&launch, "the prompt")
        .expect("the folder can be made");
    run
}

fn me() -> PathBuf {
    std::env::current_exe().expect("a test has a path")
}

/// Runs to the end and answers the result, read as a restarted host would read it.
fn finish(run: &RunFolder) -> RunResult {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let state = runtime.block_on(async {
        launcher::spawn_supervisor(&me(), &[], run)?;
        launcher::wait(&RunFolder::at(run.path())).await
    });
    match state.expect("the folder answers") {
        RunState::Finished(result) => result,
        other => panic!("{other:?}"),
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed().as_secs() < 60, "waited too long: {what}");
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
}

fn is_gone(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .map_or(true, |stat| stat.contains(") Z "))
}

fn ended_run_leaves_its_exit_code_and_output(folder: &Path) {
    let run = prepare(folder, "cat; echo; echo oops >&2; exit 3", limits());
    let result = finish(&run);
    assert_eq!(
        (result.exit_code, result.killed, result.truncated),
        (Some(3), None, false)
    );
    assert_eq!(
        String::from_utf8_lossy(&run.tail(STDOUT, 100)),
        "the prompt\n"
    );
}

fn environment_holds_what_was_given_and_the_token(folder: &Path) {
    let run = prepare(folder, "env", limits());
    finish(&run);
    let text = String::from_utf8_lossy(&run.tail(STDOUT, 10_000)).into_owned();
    assert!(
        text.contains("GIVEN=yes") && text.contains("ORCH_RUN_TOKEN=token-"),
        "{text}"
    );
    assert!(!text.contains("CARGO"), "{text}");
}

fn agent_that_ignores_signals_is_killed_in_the_end(folder: &Path) {
    let run = prepare(
        folder,
        "trap '' INT TERM; echo up; while :; do sleep 1; done",
        limits(),
    );
    let stop = run.clone();
    let asker = std::thread::spawn(move || {
        until("the agent is up", || !stop.tail(STDOUT, 10).is_empty());
        stop.request_stop(StopReason::Person).expect("asked");
    });
    let result = finish(&run);
    asker.join().expect("asked");
    assert_eq!(
        (result.signal, result.stopped),
        (Some(9), Some(StopReason::Person))
    );
}

fn daemon_that_left_the_tree_is_swept_up(folder: &Path) {
    let pid = folder.join("pid");
    let script = format!(
        "(setsid sh -c 'echo $$ > {0}; exec sleep 600' &) ; until [ -s {0} ]; do :; done",
        pid.display()
    );
    let result = finish(&prepare(folder, &script, limits()));
    assert_eq!(result.exit_code, Some(0));
    assert!(result.survivors >= 1, "{result:?}");
    assert!(is_gone(
        &fs::read_to_string(pid).expect("the daemon wrote its id")
    ));
}

fn silence_and_time_are_limited(folder: &Path) {
    let case = |name: &str, script: &str, limits: Limits| {
        let folder = folder.join(name);
        fs::create_dir(&folder).expect("a folder");
        finish(&prepare(&folder, script, limits)).killed
    };
    let wall = Limits {
        wall_ms: 200,
        ..limits()
    };
    assert_eq!(
        case("wall", "while :; do echo x; sleep 0.05; done", wall).as_deref(),
        Some("wall")
    );
    let idle = Limits {
        idle_ms: 200,
        ..limits()
    };
    assert_eq!(
        case("idle", "echo x; exec sleep 600", idle).as_deref(),
        Some("idle")
    );
    let start = Limits {
        start_up_ms: 200,
        ..limits()
    };
    assert_eq!(
        case("start", "exec sleep 600", start).as_deref(),
        Some("start-up")
    );
}

const SAYS: &str =
    r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"at work"}]}}"#;

/// A run whose output tells of events.
fn prepare_telling(folder: &Path, script: &str, limits: Limits) -> RunFolder {
    let run = prepare(folder, script, limits);
    let mut launch = run.launch().expect("it was written");
    launch.events = Some("claude-stream-json".into());
    run.create(&launch, "go on").expect("written again");
    run
}

fn events_are_told_while_the_run_goes_on_and_sealed_at_its_end(folder: &Path) {
    // The agent waits for the word that is given once its event was read.
    let script = format!("echo '{SAYS}'; while [ ! -e go ]; do sleep 0.02; done; echo '{SAYS}'");
    let run = prepare_telling(folder, &script, limits());
    let mut supervisor = std::process::Command::new(me())
        .arg("supervise")
        .arg(run.path())
        .spawn()
        .expect("started");
    until("the event is told", || log::activity(&run).is_some());
    assert_eq!(run.state().expect("read"), RunState::Running);
    let now = log::activity(&run).expect("it is told");
    assert_eq!((now.kind, now.text.as_str()), ("says", "at work"));
    fs::write(folder.join("go"), "").expect("written");
    assert!(supervisor.wait().expect("ended").success());
    let events = log::events(&run, log::Begin::Byte(0), 10).expect("read");
    assert_eq!(events.events.len(), 2);
    let range = log::read(&run, log::Source::Log, log::Begin::Tail, 10, true).expect("read");
    assert_eq!((range.lines.len(), range.total_lines), (2, Some(2)));
}

fn noise_without_an_event_is_silence(folder: &Path) {
    let idle = Limits {
        idle_ms: 300,
        ..limits()
    };
    let script = format!("echo '{SAYS}'; while :; do echo noise; echo noise >&2; sleep 0.05; done");
    let result = finish(&prepare_telling(folder, &script, idle));
    assert_eq!(result.killed.as_deref(), Some("idle"));
}

fn process_that_stays_after_its_result_is_ended(folder: &Path) {
    let script = "echo '{\"type\":\"result\",\"is_error\":false}'; exec sleep 600";
    let result = finish(&prepare(folder, script, limits()));
    assert_eq!(result.killed.as_deref(), Some("after-result"));
}

fn output_is_capped_and_the_agent_goes_on(folder: &Path) {
    let capped = Limits {
        output_bytes_max: 1_000,
        ..limits()
    };
    let run = prepare(folder, "head -c 200000 /dev/zero; exit 5", capped);
    let result = finish(&run);
    assert_eq!((result.exit_code, result.truncated), (Some(5), true));
    assert_eq!(run.tail(STDOUT, 10_000).len(), 1_000);
}

fn end_of_an_output_above_its_limit_is_kept(folder: &Path) {
    let capped = Limits {
        output_bytes_max: 1_000,
        ..limits()
    };
    let script = "echo first; head -c 100000 /dev/zero; echo; echo last";
    let run = prepare(folder, script, capped);
    assert!(finish(&run).truncated);
    let kept = run.tail(STDOUT, 10_000);
    assert_eq!(kept.len(), 1_000);
    assert!(kept.starts_with(b"first\n") && kept.ends_with(b"\nlast\n"));
}

fn run_that_prints_without_end_is_ended(folder: &Path) {
    let flood = Limits {
        flood_bytes_max: 1_000_000,
        ..limits()
    };
    let result = finish(&prepare(folder, "exec yes", flood));
    assert_eq!(result.kill_reason(), Some(KillReason::Disk));
}

fn run_that_fills_the_disk_is_ended(folder: &Path) {
    let small = Limits {
        disk_bytes_max: 4_000_000,
        ..limits()
    };
    let script = "while :; do head -c 100000 /dev/zero >> out/filled; sleep 0.01; done";
    fs::create_dir(folder.join("out")).expect("a folder");
    let result = finish(&prepare(folder, script, small));
    assert_eq!(result.kill_reason(), Some(KillReason::Disk));
    let filled = fs::metadata(folder.join("out/filled")).expect("a file");
    assert!(filled.len() < 1_000_000_000, "{}", filled.len());
}

fn second_supervisor_finds_the_folder_taken(folder: &Path) {
    let run = prepare(
        folder,
        "echo once >> ran; read -r line; sleep 0.3",
        limits(),
    );
    let held = run
        .lock()
        .expect("the lock can be tried")
        .expect("nobody has it");
    let refused = std::process::Command::new(me())
        .arg("supervise")
        .arg(run.path())
        .status()
        .expect("started");
    assert_eq!(refused.code(), Some(3));
    assert!(!folder.join("ran").exists(), "the agent was not started");
    drop(held);
    finish(&run);
    assert_eq!(
        fs::read_to_string(folder.join("ran")).expect("it ran"),
        "once\n"
    );
}

fn killed_supervisor_leaves_a_lost_run(folder: &Path) {
    let run = prepare(folder, "echo $$; exec sleep 600", limits());
    let mut supervisor = std::process::Command::new(me())
        .arg("supervise")
        .arg(run.path())
        .spawn()
        .expect("started");
    until("the agent is up", || !run.tail(STDOUT, 10).is_empty());
    assert_eq!(run.state().expect("read"), RunState::Running);
    supervisor.kill().expect("killed");
    supervisor.wait().expect("collected");
    assert_eq!(run.state().expect("read"), RunState::Lost);
    let agent = String::from_utf8_lossy(&run.tail(STDOUT, 100)).into_owned();
    // What the dead supervisor owned is found by the token and ended.
    sweep_marked(&run.launch().expect("read").token);
    assert!(is_gone(&agent));
}
