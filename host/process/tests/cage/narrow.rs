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
pub(crate) fn running(what: &str) -> usize {
    lines_that_end_in(&format!("sleep\0{what}\0"))
}

pub(crate) fn lines_that_end_in(wanted: &str) -> usize {
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
