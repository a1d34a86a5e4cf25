//! What copies itself faster than anybody can count ends whole.

use std::fs;
use std::path::Path;

use orch_agents::folder::{RunState, STDOUT, StopReason};
use orch_process::sandbox::{self, Confinement, Profile};

use super::{limits, me, prepare, until};

/// Copies itself, heeds no signal that can be ignored, and says that it is up: as many as it is told to, `all` for as
/// many as can be had, and some that are never there for longer than it takes to start the next one.
const COPIES: &str = "
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def copy():
    try:
        return os.fork()
    except OSError:
        return -1
for _ in range(8):
    if copy() == 0:
        os.setsid()
        while True:
            if copy() > 0:
                os._exit(0)
print('up', flush=True)
if sys.argv[1] != 'all':
    for _ in range(int(sys.argv[1])):
        if copy() == 0:
            break
    while True:
        signal.pause()
while True:
    copy()
";

/// Nobody, as a host that is no root.
const NOBODY: u32 = 65534;

/// How many processes were started with this word last.
fn lines_that_end_in(word: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("there").filter_map(Result::ok);
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let wanted = format!("\0{word}\0");
    lines
        .filter(|line| line.ends_with(wanted.as_bytes()))
        .count()
}

pub(super) fn what_copies_itself_as_the_hosts_own_user_leaves_nothing(folder: &Path) {
    let is_root = rustix::process::geteuid().is_root();
    // The one that is stopped stays well below its limit: a busy machine may not count it before it passed that.
    for (case, processes, copies, ended_for) in [
        ("number", 60, "all", Some("processes")),
        ("stop", 4000, "60", None),
    ] {
        let folder = folder.join(case);
        let work = folder.join("work");
        fs::create_dir_all(&work).expect("made");
        let word = format!("copies-{case}-{}", folder.display());
        let run = prepare(&folder, "", limits());
        let mut launch = run.launch().expect("it was written");
        let most = sandbox::Limits {
            processes,
            ..sandbox::Limits::of_agent()
        };
        let confinement = Confinement {
            write: vec![work.clone()],
            passed: Some(folder.join("run").join(orch_agents::folder::PASSED)),
            profile: Profile::LandlockSameUser,
            ..Confinement::nothing(most)
        };
        let args = ["-c", COPIES, copies, &word].map(str::to_owned);
        let wrapped = confinement.wrap(&me(), Path::new("/usr/bin/python3"), &args);
        launch.program = wrapped.program;
        launch.args = wrapped.args;
        launch.env.push(wrapped.variable);
        launch.cwd = work;
        run.create(&launch, "go on").expect("written again");
        let mut supervisor = std::process::Command::new("setpriv");
        if is_root {
            for path in [folder.parent().expect("has one"), &folder] {
                let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                fs::set_permissions(path, open).expect("opened");
            }
            let own = std::process::Command::new("chown")
                .args(["-R", &format!("{NOBODY}:{NOBODY}")])
                .arg(&folder)
                .status();
            assert!(own.expect("started").success());
            let user = NOBODY.to_string();
            supervisor.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
        }
        let mut supervisor = supervisor
            .arg(me())
            .arg("supervise")
            .arg(run.path())
            .spawn()
            .expect("started");
        if ended_for.is_none() {
            until("it is up", || !run.tail(STDOUT, 10).is_empty());
            until("it copies itself", || lines_that_end_in(&word) > 20);
            run.request_stop(StopReason::Person).expect("asked");
        }
        assert!(supervisor.wait().expect("ended").success());
        let result = match run.state().expect("read") {
            RunState::Finished(result) => result,
            other => panic!("{other:?}"),
        };
        assert_eq!(lines_that_end_in(&word), 0, "{case}: {result:?}");
        assert_eq!(result.launch_error, None, "{case}");
        assert_eq!(result.killed.as_deref(), ended_for, "{case}: {result:?}");
        assert_eq!(
            (result.signal, result.survivors),
            (Some(9), 0),
            "{case}: whoever confined it ended it"
        );
    }
}
