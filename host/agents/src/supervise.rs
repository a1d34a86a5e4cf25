//! The supervisor: owns one run from its start to its verified end, with or without a host.
//!
//! It leads a session of its own, adopts orphans of the agent's tree, holds the folder's lock, keeps the
//! output, applies the limits, ends the tree when asked, and writes the result last. It starts no threads but
//! the two that copy output and the one that counts what the run holds of the disk.

mod disk;
mod end;
mod pump;

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use orch_domain::outcome::KillReason;
use orch_process::identity::ProcessIdentity;
use orch_process::mark::TOKEN_VARIABLE;
use orch_process::sandbox::CONFINEMENT_VARIABLE;
use rustix::process::{Pid, Signal};

use crate::folder::{
    FolderError, Launch, PROMPT, PROTOCOL, RunFolder, RunResult, STDERR, STDOUT, Supervisor,
};
use crate::log::seal;
use crate::stream::{Format, Teller};
use disk::Disk;
use pump::{Life, Pump};

/// How often limits and requests are looked at.
const TICK: Duration = Duration::from_millis(20);

/// Supervises the run in `folder`; returns the supervisor's exit code.
pub fn main(folder: &RunFolder) -> i32 {
    // Fails only if the launcher already made this process a session leader, which serves as well.
    rustix::process::setsid().ok();
    let lock = match folder.lock() {
        Ok(Some(lock)) => lock,
        Ok(None) => return 3,
        Err(_) => return 4,
    };
    let launch = match folder.launch() {
        Ok(launch) => launch,
        Err(error @ FolderError::Protocol { .. }) => {
            // Said at once: a folder that nobody takes is waited for, and then looks like a crash.
            let refused = RunResult {
                launch_error: Some(error.to_string()),
                ended_ms: now_ms(),
                ..begun()
            };
            folder.write_result(&refused).ok();
            return 5;
        }
        Err(FolderError::Unusable { .. }) => return 5,
    };
    let me = ProcessIdentity::current();
    let identity = Supervisor {
        boot_id: me.boot_id,
        pid: me.pid,
        start_ticks: me.start_ticks,
    };
    if folder.write_identity(&identity).is_err() {
        return 6;
    }
    rustix::process::set_child_subreaper(Pid::from_raw(1)).ok();
    let result = run(folder, &launch);
    let code = if folder.write_result(&result).is_ok() {
        0
    } else {
        7
    };
    drop(lock);
    code
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// The result of a run of which nothing is known but that it begins now.
fn begun() -> RunResult {
    RunResult {
        protocol: PROTOCOL,
        exit_code: None,
        signal: None,
        killed: None,
        stopped: None,
        launch_error: None,
        started_ms: now_ms(),
        ended_ms: 0,
        truncated: false,
        survivors: 0,
    }
}

fn run(folder: &RunFolder, launch: &Launch) -> RunResult {
    let mut result = begun();
    match start(folder, launch) {
        Ok((pid, pumps)) => watch(folder, launch, pid, pumps, &mut result),
        Err(error) => {
            result.launch_error = Some(format!("`{}`: {error}", launch.program.display()))
        }
    }
    result.ended_ms = now_ms();
    result
}

fn start(folder: &RunFolder, launch: &Launch) -> std::io::Result<(Pid, [Pump; 2])> {
    let stdin = if launch.prompt_on_stdin {
        Stdio::from(File::open(folder.path().join(PROMPT))?)
    } else {
        Stdio::null()
    };
    orch_durable::point("agent-spawn: before");
    let mut child = Command::new(&launch.program)
        .args(&launch.args)
        .env_clear()
        .envs(launch.env.iter().map(|(k, v)| (k, v)))
        .env(TOKEN_VARIABLE, &launch.token)
        .current_dir(&launch.cwd)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    orch_durable::point("agent-spawn: after");
    let max = launch.limits.output_bytes_max;
    let terminal = launch.terminal_line.clone();
    let format = launch.events.as_deref().and_then(Format::parse);
    // Without it the run is as good; the log is its output then.
    let teller = format.and_then(|format| Teller::begin(folder, format, &launch.cwd).ok());
    let life = match teller {
        Some(teller) => Life::Events(Box::new(teller)),
        None => Life::Bytes,
    };
    // Where events are told of, noise on the error output is no sign of life.
    let noise = match life {
        Life::Events(_) => Life::None,
        Life::Bytes | Life::None => Life::Bytes,
    };
    let path = |name| folder.path().join(name);
    let out = Pump::start(child.stdout.take(), &path(STDOUT), max, terminal, life)?;
    let err = Pump::start(child.stderr.take(), &path(STDERR), max, None, noise)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| std::io::Error::other("the child has no process id"))?;
    Ok((pid, [out, err]))
}

/// Why the run is being ended, and since when.
struct Ending {
    since: Instant,
    step: usize,
}

/// The signals of the ladder.
const LADDER: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::KILL];

fn watch(folder: &RunFolder, launch: &Launch, pid: Pid, pumps: [Pump; 2], result: &mut RunResult) {
    let started = Instant::now();
    let grace = Duration::from_millis(launch.limits.grace_ms);
    let mut ending: Option<Ending> = None;
    let mut disk = Disk::watch(launch.writes.clone(), launch.limits);
    let status = loop {
        if let Some(status) = end::collect(pid) {
            break status;
        }
        if ending.is_none() {
            if let Some(stop) = folder.stop() {
                result.stopped = Some(stop.reason);
            } else if let Some(reason) = limit_passed(launch, &pumps, started, &mut disk) {
                result.killed = Some(reason.as_str().to_owned());
            }
            if result.stopped.is_some() || result.killed.is_some() {
                // After the result there is nothing to save: the cooperative step is passed over.
                let step =
                    usize::from(result.killed.as_deref() == Some(KillReason::AfterResult.as_str()));
                end::signal_group(pid, LADDER[step]);
                ending = Some(Ending {
                    since: Instant::now(),
                    step,
                });
            }
        } else if let Some(ending) = &mut ending
            && ending.since.elapsed() >= grace
            && ending.step + 1 < LADDER.len()
        {
            ending.step += 1;
            ending.since = Instant::now();
            end::signal_group(pid, LADDER[ending.step]);
        }
        std::thread::sleep(TICK);
    };
    result.exit_code = status.exit_status();
    result.signal = status.terminating_signal();
    orch_durable::point("agent-end: before");
    end::signal_group(pid, Signal::KILL);
    let confined = |(name, _): &(String, String)| name == CONFINEMENT_VARIABLE;
    result.survivors = end::sweep(&launch.token, launch.env.iter().any(confined));
    for pump in pumps {
        result.truncated |= pump.finish();
    }
    // A log without its seal is read all the same.
    seal(folder).ok();
    // The program that confines has ended by now, and with it whatever it confined.
    result.launch_error = folder.refused();
    if result.killed.is_none() && result.stopped.is_none() {
        result.killed = folder.passed().map(|reason| reason.as_str().to_owned());
    }
}

/// The first limit that has passed.
fn limit_passed(
    launch: &Launch,
    pumps: &[Pump; 2],
    started: Instant,
    disk: &mut Disk,
) -> Option<KillReason> {
    let limits = launch.limits;
    let passed = |ms: u64, since: Duration| ms > 0 && since >= Duration::from_millis(ms);
    let after_result = pumps
        .iter()
        .find_map(Pump::terminal_at)
        .map(|at| at.elapsed());
    if after_result.is_some_and(|since| passed(limits.after_result_ms, since)) {
        return Some(KillReason::AfterResult);
    }
    if passed(limits.wall_ms, started.elapsed()) {
        return Some(KillReason::Wall);
    }
    let came: u64 = pumps.iter().map(Pump::bytes).sum();
    if disk.is_over() || (limits.flood_bytes_max > 0 && came > limits.flood_bytes_max) {
        return Some(KillReason::Disk);
    }
    match pumps.iter().filter_map(Pump::last_at).max() {
        None if passed(limits.start_up_ms, started.elapsed()) => Some(KillReason::StartUp),
        Some(last) if passed(limits.idle_ms, last.elapsed()) => Some(KillReason::Idle),
        None | Some(_) => None,
    }
}
