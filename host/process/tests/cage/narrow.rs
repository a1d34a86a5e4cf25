//! Where there are no namespaces, a cage without them holds, or nothing is started.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use orch_process::sandbox::{Limits, Network, Profile};

use crate::kit::{Host, hosts, said};

/// The host, if it is root, without namespaces.
fn narrow() -> Option<Host> {
    let host = hosts().remove(0);
    let is_root = rustix::process::geteuid().is_root();
    let passing = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(host.at(""), passing).unwrap();
    is_root.then(|| host.with(|confinement, _| confinement.profile = Profile::Landlock))
}

#[test]
fn nothing_that_is_not_listed_can_be_opened_without_namespaces() {
    let Some(host) = narrow() else { return };
    let at = |name: &str| host.at(name).display().to_string();
    for path in [
        "data/token",
        "data/orch.db",
        "data/other/tree/file",
        "orch.yaml",
        "home/key",
    ] {
        host.refuses(&format!("cat {}", at(path)));
        host.refuses(&format!("echo x >> {}", at(path)));
        host.refuses(&format!("chmod 777 {}", at(path)));
        host.refuses(&format!("mv {} stolen", at(path)));
        host.refuses(&format!("ln {} hard", at(path)));
        host.refuses(&format!("ln -sfn {} soft; cat soft", at(path)));
    }
    host.refuses("cat /etc/shadow");
    host.refuses("echo x > /tmp/planted");
    host.refuses("ls /home /root /boot");
    host.works(
        "echo x > $TMPDIR/own && echo x > own && mkdir a b && touch a/f && mv a/f b/ && cat b/f",
    );
    host.works("test -r /etc/passwd && ls /usr/bin > /dev/null");
}

#[test]
fn what_lies_hidden_below_a_grant_stays_hidden_without_namespaces() {
    let Some(host) = narrow() else { return };
    std::fs::create_dir_all(host.at("tools/bin")).unwrap();
    std::fs::write(host.at("tools/credentials.toml"), "the credential").unwrap();
    std::fs::write(host.at("tools/bin/x"), "a tool").unwrap();
    std::os::unix::fs::symlink(host.at("home/key"), host.at("tools/bin/link")).unwrap();
    open_to_all(&host);
    let host = host.with(|confinement, host| confinement.read.push(host.at("tools")));
    let at = |name: &str| host.at(name).display().to_string();
    host.refuses(&format!("cat {}", at("tools/credentials.toml")));
    host.refuses(&format!("cat {}", at("tools/bin/link")));
    assert_eq!(host.works(&format!("cat {}", at("tools/bin/x"))), "a tool");
}

/// Lets Landlock alone stand between the program and what it may not see.
fn open_to_all(host: &Host) {
    let done = Command::new("chmod")
        .arg("-R")
        .arg("a+rX")
        .arg(host.at(""))
        .status();
    assert!(done.unwrap().success());
}

#[test]
fn landlock_alone_holds_where_rights_would_let_through() {
    let Some(host) = narrow() else { return };
    open_to_all(&host);
    for path in ["data/token", "orch.yaml", "home/key"] {
        host.refuses(&format!("cat {}", host.at(path).display()));
    }
}

#[test]
fn no_socket_of_the_machine_is_reached_without_namespaces() {
    let Some(host) = narrow() else { return };
    std::fs::create_dir(host.at("served")).unwrap();
    let _listener = UnixListener::bind(host.at("served/socket")).unwrap();
    let _abstract = {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("cage-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        UnixListener::bind_addr(&address).unwrap()
    };
    open_to_all(&host);
    let host = host.with(|confinement, host| confinement.read.push(host.at("served")));
    let connect = |kind: &str, path: &str| {
        format!(
            "/usr/bin/python3 -c 'import socket; s = socket.socket(socket.AF_UNIX, socket.{kind}); s.connect({path})'"
        )
    };
    let socket = format!("\"{}\"", host.at("served/socket").display());
    let hidden = format!("\"\\0cage-{}\"", std::process::id());
    for kind in ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"] {
        host.refuses(&connect(kind, &socket));
        host.refuses(&connect(kind, &hidden));
    }
    // Each end of such a pair could send to any path.
    host.refuses(
        "/usr/bin/python3 -c 'import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)'",
    );
    host.works("/usr/bin/python3 -c 'import socket; socket.socketpair()'");
}

#[test]
fn without_namespaces_a_program_has_no_network_at_all_or_the_hosts() {
    let Some(host) = narrow() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    host.refuses(&connect);
    for family in ["AF_INET", "AF_INET6"] {
        for kind in ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW"] {
            host.refuses(&format!(
                "/usr/bin/python3 -c 'import socket; socket.socket(socket.{family}, socket.{kind})'"
            ));
        }
    }
    host.network(Network::Host).works(&connect);
}

#[test]
fn processes_of_the_machine_are_not_touched_without_namespaces() {
    let Some(host) = narrow() else { return };
    let me = std::process::id();
    host.refuses(&format!("kill -0 {me}"));
    host.refuses(&format!("cat /proc/{me}/environ"));
    host.refuses(&format!("ls /proc/{me}/fd /proc/{me}/root/"));
    host.refuses(&format!("/usr/bin/prlimit --pid {me} --nofile=7"));
    host.refuses("cat /proc/$PPID/environ");
    host.holds(&["trace", &me.to_string()]);
    for call in [libc_unshare(), libc_clone()] {
        host.holds(&call);
    }
    let status = host.works("grep -E '^(CapEff|NoNewPrivs)' /proc/self/status");
    assert!(status.contains("0000000000000000"), "{status}");
    assert!(host.works("id -u").parse::<u32>().unwrap() >= 1_900_000_000);
}

fn libc_unshare() -> [&'static str; 2] {
    // A user namespace.
    ["unshare", "268435456"]
}

fn libc_clone() -> [&'static str; 2] {
    ["clone", "268435456"]
}

#[test]
fn everything_ends_with_the_program_and_with_the_process_outside_without_namespaces() {
    let Some(host) = narrow() else { return };
    let daemon = "for i in 1 2 3; do setsid --fork setsid --fork sleep 4242.5; done; until pgrep -f 'sleep 4242.5' >/dev/null; do :; done";
    host.works(daemon);
    assert_eq!(running("4242.5"), 0);
    let stay = "setsid --fork sleep 4343.5; touch here; exec sleep 4343.5";
    let mut outside = host.command("/bin/bash", &["-c", stay]).spawn().unwrap();
    wait_until(|| host.at("data/ws/tree/here").exists() && running("4343.5") == 2);
    outside.kill().unwrap();
    outside.wait().unwrap();
    wait_until(|| running("4343.5") == 0);
}

fn wait_until(holds: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed().as_secs() < 30, "in time");
        // A pause between looks; the loop ends on the condition.
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
}

/// Processes with this in their command line, other than shells that name it.
fn running(what: &str) -> usize {
    lines_that_end_in(&format!("sleep\0{what}\0"))
}

fn lines_that_end_in(wanted: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| line.ends_with(wanted.as_bytes()))
        .count()
}

#[test]
fn signals_reach_the_program_without_namespaces() {
    let Some(host) = narrow() else { return };
    let mut asked = host
        .command(
            "/bin/bash",
            &[
                "-c",
                "trap 'exit 7' TERM; touch ready; while :; do sleep 0.05; done",
            ],
        )
        .spawn()
        .unwrap();
    wait_until(|| host.at("data/ws/tree/ready").exists());
    let pid = rustix::process::Pid::from_raw(i32::try_from(asked.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(asked.wait().unwrap().code(), Some(7));
}

#[test]
fn bomb_without_namespaces_is_ended_for_its_number_and_leaves_nothing_running() {
    let Some(host) = narrow() else { return };
    let host = host.with(|confinement, host| {
        confinement.limits = Limits {
            processes: 100,
            ..Limits::default()
        };
        confinement.passed = Some(host.at("data/passed"));
    });
    let done = host.hostile(&["bomb", "narrow"]);
    let told = std::fs::read_to_string(host.at("data/passed")).unwrap_or_default();
    assert_eq!(told, "processes", "{}", said(&done));
    assert_eq!(lines_that_end_in("hostile\0bomb\0narrow\0"), 0);
}

#[test]
fn what_cannot_be_held_without_namespaces_is_not_started() {
    let not_started = |host: Host, why: &str| {
        let host = host.with(|confinement, _| confinement.profile = Profile::Landlock);
        let done = host.shell("touch started");
        let text = said(&done);
        assert_eq!(done.status.code(), Some(125), "{} {text}", host.who());
        assert!(
            text.contains("does not hold") && text.contains(why),
            "{text}"
        );
        assert!(!host.at("data/ws/tree/started").exists());
    };
    let nobody = hosts().pop().unwrap();
    not_started(nobody, "its own user");
    let Some(host) = narrow() else { return };
    not_started(host.network(Network::Proxied), "a network of its own");
    let Some(host) = narrow() else { return };
    let socket = host.with(|confinement, host| confinement.sockets.push(host.at("data/x.sock")));
    not_started(socket, "`sockets`");
}

/// Runs a caged command on a machine that gives no namespaces to anybody.
fn without_namespaces(host: &Host, command: &str) -> Output {
    let caged = host.command("/bin/bash", &["-c", command]);
    // Only a program that is started once its users are known has the rights of the root among them.
    let close = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\" </dev/null";
    let line = format!("read go && exec /bin/sh -c '{close}' sh \"$@\"");
    let mut child = Command::new("unshare")
        .args(["--user", "/bin/sh", "-c", &line, "sh"])
        .arg(caged.get_program())
        .args(caged.get_args())
        .env_clear()
        .envs(caged.get_envs().map(|(k, v)| (k, v.unwrap_or_default())))
        .current_dir(host.at("data/ws/tree"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its users are those of the machine, as in a container that has all of them.
    let space = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/user")).unwrap();
    let pid = child.id().to_string();
    wait_until(|| space(&pid) != space("self"));
    for map in ["uid_map", "gid_map"] {
        std::fs::write(format!("/proc/{pid}/{map}"), "0 0 4294967294").unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn machine_without_namespaces_is_found_out_by_trying_and_the_program_is_told() {
    let Some(host) = narrow() else { return };
    let host = host.with(|confinement, _| confinement.profile = Profile::Auto);
    let done = without_namespaces(&host, "cat $ORCH_SANDBOX; touch started");
    let text = said(&done);
    assert!(done.status.success(), "{text}");
    assert!(text.contains("\"profile\": \"landlock\""), "{text}");
    assert!(host.at("data/ws/tree/started").exists());
    let text = host.works("cat $ORCH_SANDBOX");
    assert!(text.contains("\"profile\": \"namespaces\""), "{text}");
    // An operator who wants namespaces or nothing gets nothing.
    let host = host.with(|confinement, _| confinement.profile = Profile::Namespaces);
    let done = without_namespaces(&host, "touch again");
    assert_eq!(done.status.code(), Some(125), "{}", said(&done));
    assert!(!host.at("data/ws/tree/again").exists());
}

#[test]
fn way_that_is_closed_and_not_the_hosts_own_is_named() {
    let Some(host) = narrow() else { return };
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(host.at(""), closed).unwrap();
    let text = said(&host.shell("true"));
    assert!(
        text.contains("does not hold") && text.contains("chmod o+x"),
        "{text}"
    );
}

#[test]
fn defect_of_a_cage_with_namespaces_does_not_lead_to_a_lesser_one() {
    for host in hosts() {
        let host = host.with(|confinement, host| confinement.write.push(host.at("not-there")));
        let done = host.shell("touch started");
        let text = said(&done);
        assert_eq!(done.status.code(), Some(125), "{text}");
        assert!(
            text.contains("not-there") && !text.contains("does not hold"),
            "{text}"
        );
    }
}

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
