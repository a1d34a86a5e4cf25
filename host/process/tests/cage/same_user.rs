//! A host that is no root and has no namespaces holds what it judges as its own user.

use std::process::Command;

use orch_process::sandbox::{Limits, Profile};

use crate::kit::{Host, hosts, said};
use crate::narrow::{lines_that_end_in, running};

/// A host that is nobody, which holds programs as its own user.
fn same_user() -> Host {
    let host = hosts().pop().unwrap();
    let inner = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(host.at(""), inner).unwrap();
    host.with(|confinement, _| confinement.profile = Profile::LandlockSameUser)
}

/// Makes each attempt in a shell of its own, all of them in one cage.
fn none_succeeds(host: &Host, attempts: &[&str], place: &str, with: &str) {
    let mut script = String::new();
    for attempt in attempts {
        let attempt = attempt.replace(place, with);
        let quoted = attempt.replace('\'', "'\\''");
        script.push_str(&format!(
            "( {attempt} ) >/dev/null 2>&1 </dev/null && echo '{quoted}'\n"
        ));
    }
    script.push_str("echo all were made");
    assert_eq!(host.works(&script), "all were made", "{}", host.who());
}

#[test]
fn nothing_of_the_hosts_own_user_is_opened_or_changed_by_a_program_of_that_user() {
    let host = same_user();
    let at = |name: &str| host.at(name).display().to_string();
    let times = |name: &str| {
        std::fs::metadata(host.at(name))
            .unwrap()
            .modified()
            .unwrap()
    };
    for path in [
        "data/token",
        "data/orch.db",
        "data/other/tree/file",
        "orch.yaml",
        "home/key",
    ] {
        let before = (std::fs::metadata(host.at(path)).unwrap(), times(path));
        let path_text = at(path);
        let attempts = [
            "cat FILE",
            "echo x >> FILE",
            "chmod 777 FILE",
            "chmod -R 777 $(dirname FILE)",
            "chmod 4755 FILE",
            "touch -c -d 2001-01-01 FILE",
            "touch -c -h -d 2001-01-01 FILE",
            "mv FILE stolen",
            "rm FILE",
            "ln FILE hard",
            "truncate -s 0 FILE",
            "ln -sfn FILE soft; chmod 777 soft",
            "ln -sfn FILE soft; touch -c -d 2001-01-01 soft",
            "cd $(dirname FILE) && chmod 777 $(basename FILE)",
            "/usr/bin/python3 -c 'import os; os.setxattr(\"FILE\", \"user.x\", b\"y\")'",
            "/usr/bin/python3 -c 'import os; os.utime(\"FILE\", (1, 1))'",
            "/usr/bin/python3 -c 'import os; f = os.open(\"FILE\", os.O_PATH); os.chmod(\"/proc/self/fd/%d\" % f, 0o777)'",
            "/usr/bin/python3 -c 'import os; d = os.open(os.path.dirname(\"FILE\"), os.O_PATH); os.chmod(os.path.basename(\"FILE\"), 0o777, dir_fd=d)'",
        ];
        none_succeeds(&host, &attempts, "FILE", &path_text);
        let meta = std::fs::metadata(host.at(path)).unwrap();
        let mode =
            |meta: &std::fs::Metadata| std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
        assert_eq!(mode(&meta), mode(&before.0), "{path}");
        assert_eq!(times(path), before.1, "{path}");
    }
    // What it may read it may not change either, though it is its user's own and open to be read.
    std::fs::create_dir_all(host.at("tools")).unwrap();
    std::fs::write(host.at("tools/tool"), "a tool").unwrap();
    host.own_everything();
    let host = host.with(|confinement, host| confinement.read.push(host.at("tools")));
    let tool = host.at("tools/tool").display().to_string();
    assert_eq!(host.works(&format!("cat {tool}")), "a tool");
    let attempts = [
        "chmod 666 TOOL",
        "/usr/bin/python3 -c 'import os; f = os.open(\"TOOL\", os.O_RDONLY); os.fchmod(f, 0o666)'",
        "/usr/bin/python3 -c 'import os; f = os.open(\"TOOL\", os.O_RDONLY); os.utime(f, (1, 1))'",
        "/usr/bin/python3 -c 'import fcntl, os; fcntl.fcntl(os.open(\"TOOL\", os.O_RDONLY), 1024, 0)'",
    ];
    none_succeeds(&host, &attempts, "TOOL", &tool);
}

#[test]
fn rights_and_times_of_its_own_are_changed_as_builds_do() {
    let host = same_user();
    host.works("echo x > f && chmod 750 f && test $(stat -c %a f) = 750 && touch -d 2001-02-03 f && test $(stat -c %Y f) = $(date -d 2001-02-03 +%s)");
    host.works("cp -p f g && test $(stat -c %a g) = 750 && test $(stat -c %Y g) = $(stat -c %Y f)");
    host.works(
        "ln -s f l && touch -h -d 2002-01-01 l && test $(stat -c %Y l) = $(date -d 2002-01-01 +%s)",
    );
    host.works("mkdir -p d/e && (cd d && chmod 700 e) && test $(stat -c %a d/e) = 700 && install -m 755 f d/h && test -x d/h");
    host.works("tar -cf t.tar f d && mkdir out && tar -xpf t.tar -C out && test $(stat -c %a out/d/e) = 700");
    host.works("chown $(id -u):$(id -g) f");
    // Nobody becomes the host's user by what it leaves.
    host.works("chmod 6755 f; test $(stat -c %a f) = 755");
    host.works("touch f && test $(stat -c %Y f) -gt 1700000000");
    host.works("/usr/bin/python3 -c 'import os; f = os.open(\"f\", os.O_RDWR); os.fchmod(f, 0o640); os.utime(f, (1, 2)); assert os.fstat(f).st_mtime == 2; os.utime(f)'");
    host.works("git init -q r && cd r && git config user.name A && git config user.email a@b.invalid && echo 1 > f && chmod +x f && git add f && git commit -qm one && git ls-files -s | grep -q ^100755");
    host.works("/usr/bin/python3 -c 'import os, shutil; os.mkdir(\"m\"); shutil.copystat(\"f\", \"m\"); shutil.copytree(\"d\", \"n\")'");
    let text = host.works("cat $ORCH_SANDBOX");
    assert!(
        text.contains("\"profile\": \"landlock-same-user\""),
        "{text}"
    );
    host.refuses("chmod 700 not-there");
}

#[test]
fn processes_of_the_hosts_own_user_are_not_touched() {
    let host = same_user();
    let mut command = Command::new("sleep");
    command.arg("600");
    if host.is_of_nobody() {
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        std::os::unix::process::CommandExt::gid(&mut command, 65534);
    }
    let mut outside = command.spawn().unwrap();
    let pid = outside.id();
    let attempts = [
        "kill -0 PID",
        "kill -STOP PID",
        "cat /proc/PID/environ",
        "ls /proc/PID/fd /proc/PID/root/ /proc/PID/cwd/",
        "head -c 1 /proc/PID/mem",
        "echo 900 > /proc/PID/oom_score_adj",
        "/usr/bin/prlimit --pid PID --nofile=7",
        "renice -n 19 -p PID",
        "renice -n 19 -u $(id -u)",
        "taskset -p 1 PID",
        "ionice -c 3 -p PID",
        "/usr/bin/python3 -c 'import os; os.sched_setscheduler(PID, os.SCHED_BATCH, os.sched_param(0))'",
    ];
    none_succeeds(&host, &attempts, "PID", &pid.to_string());
    host.holds(&["trace", &pid.to_string()]);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert!(
        stat.contains(") S "),
        "it was neither ended nor stopped: {stat}"
    );
    let limits = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    assert_ne!(limits.trim(), "900");
    outside.kill().unwrap();
    outside.wait().unwrap();
    // Its own it may limit and slow.
    host.works("ulimit -n 100 && nice -n 5 true && /usr/bin/prlimit --nofile=90 true");
}

#[test]
fn same_user_ends_with_its_program_and_is_counted_and_has_no_sockets() {
    let host = same_user();
    host.works("for i in 1 2; do setsid --fork setsid --fork sleep 4545.5; done; until pgrep -f 'sleep 4545.5' >/dev/null; do :; done");
    assert_eq!(running("4545.5"), 0);
    for family in ["AF_UNIX", "AF_INET", "AF_NETLINK"] {
        let made = format!(
            "/usr/bin/python3 -c 'import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM)'"
        );
        match family {
            "AF_NETLINK" => drop(host.shell(&made)),
            _ => drop(host.refuses(&made)),
        }
    }
    host.refuses("/usr/bin/python3 -c 'import ctypes; l = ctypes.CDLL(None); f = l.inotify_init(); exit(l.inotify_add_watch(f, b\"/etc\", 2) < 0)'");
    let few = host.with(|confinement, host| {
        confinement.limits = Limits {
            processes: 100,
            ..Limits::default()
        };
        confinement.passed = Some(host.at("data/passed"));
    });
    let done = few.shell("for i in $(seq 200); do sleep 4646.5 & done; wait");
    let told = std::fs::read_to_string(few.at("data/passed")).unwrap_or_default();
    assert_eq!(told, "processes", "{}", said(&done));
    assert_eq!(running("4646.5"), 0);
}

#[test]
fn bomb_of_the_same_user_is_ended_for_its_number_and_leaves_nothing_running() {
    let host = same_user().with(|confinement, host| {
        confinement.limits = Limits {
            processes: 100,
            ..Limits::default()
        };
        confinement.passed = Some(host.at("data/passed"));
    });
    let done = host.hostile(&["bomb", "same-user"]);
    let told = std::fs::read_to_string(host.at("data/passed")).unwrap_or_default();
    assert_eq!(told, "processes", "{}", said(&done));
    assert_eq!(lines_that_end_in("hostile\0bomb\0same-user\0"), 0);
}

#[test]
fn nobody_of_the_same_user_is_reached_by_the_end_of_a_program() {
    let (host, neighbour) = (same_user(), same_user());
    let mut busy = neighbour.command("/bin/bash", &["-c", "echo up; read -r _; echo undisturbed"]);
    busy.stdin(std::process::Stdio::piped());
    busy.stdout(std::process::Stdio::piped());
    let mut busy = busy.spawn().unwrap();
    let mut up = [0; 3];
    std::io::Read::read_exact(busy.stdout.as_mut().unwrap(), &mut up).unwrap();
    let mut outside = match host.is_of_nobody() {
        true => Command::new("setpriv"),
        false => Command::new("env"),
    };
    if host.is_of_nobody() {
        outside.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    }
    let mut outside = outside.args(["sleep", "600"]).spawn().unwrap();
    host.works("true");
    // It ends whoever ends it no sooner than with itself.
    host.refuses("kill -9 -1; pkill -9 caged; kill -9 $PPID");
    host.works("setsid --fork sleep 4747.5; until pgrep -f 'sleep 4747.5' >/dev/null; do :; done");
    assert_eq!(running("4747.5"), 0);
    assert!(outside.try_wait().unwrap().is_none(), "it goes on");
    outside.kill().unwrap();
    outside.wait().unwrap();
    std::io::Write::write_all(busy.stdin.as_mut().unwrap(), b"go\n").unwrap();
    let busy = busy.wait_with_output().unwrap();
    assert!(said(&busy).contains("undisturbed"), "{}", said(&busy));
}

#[test]
fn root_is_never_the_same_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let host = hosts().remove(0);
    let host = host.with(|confinement, _| confinement.profile = Profile::LandlockSameUser);
    let done = host.shell("touch started");
    let text = said(&done);
    assert_eq!(done.status.code(), Some(125), "{text}");
    assert!(
        text.contains("is ever root") && !host.at("data/ws/tree/started").exists(),
        "{text}"
    );
}
