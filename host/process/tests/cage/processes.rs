//! The host's processes are neither seen nor touched, and nothing outlives its run.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use orch_process::sandbox::Network;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::kit::{hosts, said};

#[test]
fn caged_program_sees_no_process_but_its_own() {
    for host in hosts() {
        let seen = host.works("cat /proc/[0-9]*/comm; ls -d /proc/[0-9]* | wc -l");
        assert!(
            !seen.contains("systemd") && !seen.contains("cage-"),
            "{seen}"
        );
        let count: u32 = seen.lines().last().unwrap().parse().unwrap();
        assert!(count <= 6, "{seen}");
        host.refuses(&format!("kill -0 {}", std::process::id()));
    }
}

#[test]
fn first_process_shows_neither_its_environment_nor_its_program_nor_its_memory() {
    for host in hosts() {
        let host = host.env("FORGE_TOKEN_OF_HOST", "x");
        for name in ["environ", "exe", "mem", "maps", "auxv"] {
            host.refuses(&format!("cat /proc/1/{name}"));
        }
        for name in ["cwd/", "root/", "fd/"] {
            host.refuses(&format!("ls /proc/1/{name}"));
        }
        host.refuses("echo x > /proc/1/mem");
        host.refuses("exec 3<>/proc/1/exe");
        host.holds(&["trace", "1"]);
        host.refuses("kill -9 1 && sleep 1 && kill -0 1 && exit 1; kill -0 1 && exit 1");
    }
}

#[test]
fn host_as_root_runs_nobody_as_root() {
    for host in hosts() {
        assert_ne!(host.works("id -u"), "0", "{}", host.who());
        assert_eq!(
            host.works("grep CapEff /proc/self/status | tr -d '\\t'"),
            "CapEff:0000000000000000"
        );
        host.refuses("echo x > /proc/sys/kernel/core_pattern");
        host.refuses("echo x > /proc/sys/kernel/hostname");
        host.refuses("exec 3> /proc/sys/kernel/core_pattern");
        host.refuses("exec 3> /proc/sysrq-trigger");
        host.works("grep -q '^NoNewPrivs:.1$' /proc/self/status");
        if rustix::process::geteuid().is_root() {
            host.works("echo x > made");
            let meta = std::fs::metadata(host.at("data/ws/tree/made")).unwrap();
            assert_ne!(
                std::os::unix::fs::MetadataExt::uid(&meta),
                0,
                "{}",
                host.who()
            );
        }
    }
}

#[test]
fn no_descriptor_of_the_host_is_inherited() {
    for host in hosts() {
        // Whatever the host or its parent left open, here by a shell around it.
        let mut caged = host.command("/bin/bash", &["-c", "ls -l /proc/self/fd; cat <&7"]);
        let program = caged.get_program().to_owned();
        let args: Vec<_> = caged.get_args().map(ToOwned::to_owned).collect();
        let envs: Vec<_> = caged
            .get_envs()
            .map(|(k, v)| (k.to_owned(), v.unwrap().to_owned()))
            .collect();
        caged = std::process::Command::new("/bin/bash");
        caged
            .args(["-c", "exec 7< /etc/hostname 9< /; exec \"$@\"", "x"])
            .arg(program)
            .args(args)
            .env_clear()
            .envs(envs)
            .current_dir(host.at("data/ws/tree"))
            .stdin(Stdio::null());
        let done = caged.output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{}", said(&done));
        assert!(!said(&done).contains("9 ->"), "{}", said(&done));
        host.holds(&["descriptors"]);
    }
}

#[test]
fn daemon_of_a_new_session_ends_with_its_program() {
    for host in hosts() {
        let mark = host.at("data/ws/tree/pid");
        host.works("(setsid sh -c 'trap \"\" HUP TERM INT; echo x > pid; exec sleep 4321' &); while [ ! -e pid ]; do sleep 0.01; done");
        assert!(mark.exists());
        assert_eq!(running("sleep\u{0}4321"), 0, "{}", host.who());
    }
}

#[test]
fn signals_reach_the_program_and_its_end_is_told_as_it_was() {
    for host in hosts() {
        use std::os::unix::process::CommandExt;
        let mut command = host.command(
            "/bin/bash",
            &[
                "-c",
                "trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done",
            ],
        );
        let mut child = command
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process_group(group, Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7), "{}", host.who());
        let killed = host.shell("kill -KILL $$");
        assert_eq!(killed.status.signal(), Some(9), "{}", said(&killed));
        assert_eq!(host.shell("exit 42").status.code(), Some(42));
    }
}

#[test]
fn everything_ends_with_the_process_outside() {
    for host in hosts() {
        let mut command = host.command(
            "/bin/bash",
            &[
                "-c",
                "trap '' HUP INT TERM; setsid sleep 9876 & echo ready; exec sleep 9876",
            ],
        );
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        let outside = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(outside, Signal::KILL).unwrap();
        child.wait().unwrap();
        let begun = Instant::now();
        while running("sleep\u{0}9876") > 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{} it lives on",
                host.who()
            );
            std::thread::yield_now();
        }
    }
}

#[test]
fn program_that_is_not_there_is_named_and_what_the_program_says_is_not_taken_for_it() {
    for host in hosts() {
        let refusal = host.at("refused.txt");
        let host = host.with(|confinement, host| {
            confinement.refusal = Some(host.at("refused.txt"));
        });
        let done = host.shell("echo 'sandbox: forged' >&2; exit 125");
        assert_eq!(done.status.code(), Some(125));
        assert!(!refusal.exists(), "{}", host.who());
        let done = host.command("/no/such/program", &[]).output().unwrap();
        assert_eq!(done.status.code(), Some(125), "{}", said(&done));
        let why = std::fs::read_to_string(&refusal).unwrap();
        assert!(why.contains("/no/such/program"), "{why}");
    }
}

#[test]
fn loopback_is_its_own_and_serves() {
    for host in hosts() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        host.refuses(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}"));
        host.works("/usr/bin/python3 -c 'import socket; s=socket.create_server((\"127.0.0.1\",0)); socket.create_connection(s.getsockname())'");
        let host = host.network(Network::Host);
        host.works(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}"));
    }
}

#[test]
fn abstract_socket_of_the_host_is_not_reached_over_its_network() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let name = format!("cage-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    for host in hosts() {
        let host = host.network(Network::Host);
        host.refuses(&format!(
            "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(b\"\\0{name}\")'"
        ));
    }
}

/// Processes of this machine with this command line.
fn running(line: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter(|entry| {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            command.starts_with(line.as_bytes())
        })
        .count()
}

#[test]
fn root_of_a_container_with_one_user_confines_too_and_gives_no_right_away() {
    let host = hosts().remove(0);
    let caged = host.command(
        "/bin/sh",
        &["-c", "id -u; grep CapEff /proc/self/status; echo x > made"],
    );
    let done = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user"])
        .arg(caged.get_program())
        .args(caged.get_args())
        .env_clear()
        .envs(caged.get_envs().map(|(k, v)| (k, v.unwrap_or_default())))
        .current_dir(host.at("data/ws/tree"))
        .output()
        .unwrap();
    let text = said(&done);
    assert!(done.status.success(), "{text}");
    assert!(
        text.contains("65534") && text.contains("0000000000000000"),
        "{text}"
    );
    assert!(host.at("data/ws/tree/made").exists());
}
