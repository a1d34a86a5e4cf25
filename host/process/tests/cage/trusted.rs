//! What is the operator's own sees the machine, and nothing of what is the host's.

use std::path::Path;
use std::process::{Command, Output};

use orch_process::sandbox::Inaccessible;

use crate::kit::{Host, example, hosts, said};

/// Runs a shell command as a trusted one, in the workspace.
fn trusted(host: &Host, command: &str) -> Output {
    let what = Inaccessible {
        paths: ["data", "orch.yaml", "link", "nowhere"]
            .map(|name| host.at(name))
            .to_vec(),
        kept: vec![host.at("data/ws")],
        is_required: true,
    };
    let args = ["-c".to_owned(), command.to_owned()];
    let wrapped = what.wrap(&example("caged"), Path::new("/bin/sh"), &args);
    host.outside(wrapped).output().unwrap()
}

fn works(host: &Host, command: &str) -> String {
    let done = trusted(host, command);
    assert!(done.status.success(), "{command}: {}", said(&done));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

fn refuses(host: &Host, command: &str) {
    let done = trusted(host, command);
    assert!(!done.status.success(), "{command}: {}", said(&done));
}

#[test]
fn nothing_of_the_hosts_is_there_for_a_trusted_command() {
    for host in hosts() {
        std::os::unix::fs::symlink(host.at("home/key"), host.at("link")).unwrap();
        let at = |name: &str| host.at(name).display().to_string();
        for path in ["data/token", "data/orch.db", "data/other/tree/file"] {
            refuses(&host, &format!("cat {}", at(path)));
            refuses(&host, &format!("echo x > {}", at(path)));
        }
        // A file that was named by a link is empty by its own name as well.
        for path in ["orch.yaml", "link", "home/key"] {
            assert_eq!(works(&host, &format!("cat {}", at(path))), "", "{path}");
            refuses(&host, &format!("echo x > {}", at(path)));
        }
        assert_eq!(works(&host, &format!("ls {}", at("data"))), "ws");
        refuses(&host, &format!("echo x > {}/planted", at("data")));
        let kept = std::fs::read_to_string(host.at("data/token")).unwrap();
        assert_eq!(kept, "the token", "and it is there for the host");
    }
}

#[test]
fn trusted_command_works_in_its_folder_and_in_all_of_the_machine() {
    for host in hosts() {
        let at = |name: &str| host.at(name).display().to_string();
        works(
            &host,
            "echo here > file && mkdir a && mv file a/ && test -z \"$ORCH_INACCESSIBLE\"",
        );
        let made = std::fs::read_to_string(host.at("data/ws/tree/a/file")).unwrap();
        assert_eq!(made, "here\n");
        assert_eq!(works(&host, "pwd"), at("data/ws/tree"));
        works(&host, &format!("echo deployed > {}", at("home/live")));
        let live = std::fs::read_to_string(host.at("home/live")).unwrap();
        assert_eq!(live, "deployed\n");
        let uid = if host.is_of_nobody() {
            65534
        } else {
            rustix::process::geteuid().as_raw()
        };
        assert_eq!(works(&host, "id -u"), uid.to_string(), "it stays who it is");
        assert_eq!(trusted(&host, "exit 7").status.code(), Some(7));
    }
}

#[test]
fn what_cannot_be_hidden_is_not_started_if_that_is_demanded_and_sees_everything_if_not() {
    let host = hosts().remove(0);
    let started = |is_required: bool| {
        let what = Inaccessible {
            paths: vec![host.at("data")],
            kept: Vec::new(),
            is_required,
        };
        let cat = [
            "-c".to_owned(),
            format!("cat {}", host.at("data/token").display()),
        ];
        let wrapped = what.wrap(&example("caged"), Path::new("/bin/sh"), &cat);
        let outside = host.outside(wrapped);
        let close = "echo 0 > /proc/sys/user/max_mnt_namespaces && exec \"$@\"";
        Command::new("unshare")
            .args(["--map-root-user", "/bin/sh", "-c", close, "sh"])
            .arg(outside.get_program())
            .args(outside.get_args())
            .env_clear()
            .envs(outside.get_envs().map(|(k, v)| (k, v.unwrap_or_default())))
            .current_dir(host.at("data/ws/tree"))
            .output()
            .unwrap()
    };
    let refused = started(true);
    assert_eq!(refused.status.code(), Some(125), "{}", said(&refused));
    assert!(
        said(&refused).contains("sandbox: {trusted: open}"),
        "{}",
        said(&refused)
    );
    assert!(said(&started(false)).contains("the token"));
}
