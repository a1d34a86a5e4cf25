//! What is not granted is not there.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use super::kit::{Host, hosts, hosts_in};

fn reads(host: &Host, path: &std::path::Path) {
    let path = path.display();
    host.refuses(&format!("cat {path}"));
    host.refuses(&format!("test -e {path}"));
    host.refuses(&format!("cat /proc/self/root{path}"));
    host.refuses(&format!("cat /proc/1/root{path}"));
}

#[test]
fn caged_program_cannot_read_the_access_token() {
    for host in hosts() {
        reads(&host, &host.at("data/token"));
    }
}

#[test]
fn caged_program_cannot_read_the_database() {
    for host in hosts() {
        reads(&host, &host.at("data/orch.db"));
    }
}

#[test]
fn caged_program_cannot_read_the_configuration() {
    for host in hosts() {
        reads(&host, &host.at("orch.yaml"));
    }
}

#[test]
fn caged_program_cannot_read_another_tasks_workspace() {
    for host in hosts() {
        reads(&host, &host.at("data/other/tree/file"));
    }
}

#[test]
fn caged_program_cannot_read_a_key_in_a_home() {
    for host in hosts() {
        reads(&host, &host.at("home/key"));
    }
}

#[test]
fn what_is_the_hosts_stays_hidden_below_a_grant_of_the_folder_above() {
    for host in hosts() {
        let host = host.with(|confinement, host| {
            confinement.read.push(host.at(""));
            confinement.lent.push(host.at(""));
        });
        // A folder that the program's user may not enter is no grant.
        std::fs::set_permissions(host.at(""), Permissions::from_mode(0o755)).unwrap();
        reads(&host, &host.at("data/token"));
        reads(&host, &host.at("data/other/tree/file"));
        host.refuses(&format!(
            "grep configuration {}",
            host.at("orch.yaml").display()
        ));
        host.refuses(&format!("echo x > {}", host.at("orch.yaml").display()));
        host.refuses(&format!(
            "mv {} {}",
            host.at("data").display(),
            host.at("moved").display()
        ));
        host.works("touch here");
        assert!(host.at("data/ws/tree/here").exists());
        assert_eq!(
            std::fs::read_to_string(host.at("orch.yaml")).unwrap(),
            "the configuration"
        );
    }
}

#[test]
fn workspace_home_and_temporary_folders_are_written_and_nothing_else() {
    for host in hosts() {
        host.works("echo a > file && echo b > ~/file && echo c > /tmp/file && echo d > /dev/shm/file && echo e > /run/file");
        for name in ["tree/file", "home/file", "tmp/file"] {
            assert!(host.at("data/ws").join(name).exists(), "{name}");
        }
        for path in [
            "/",
            "/usr",
            "/etc",
            "/usr/bin",
            "/var",
            "/dev",
            "/orch",
            "/sys/devices/system/cpu",
        ] {
            host.refuses(&format!("echo x > {path}/planted"));
        }
        host.refuses(&format!(
            "echo x > {}/planted",
            host.at("data/ws").display()
        ));
    }
}

#[test]
fn secrets_of_the_system_are_empty() {
    for host in hosts() {
        host.works("test ! -s /etc/shadow && test -r /etc/passwd");
        host.works("for f in shadow gshadow sudoers ssl/private; do test -z \"$(cat /etc/$f 2>/dev/null; ls -A /etc/$f 2>/dev/null | grep -v ^/etc)\" || exit 1; done");
        assert_eq!(
            // Some folders of a system are closed to everybody, which `find` counts as a failure.
            host.works("find /etc -name 'ssh_host_*_key' -size +0 2>/dev/null || true"),
            ""
        );
    }
}

#[test]
fn credentials_in_a_granted_toolchain_are_empty_and_its_programs_run() {
    for host in hosts() {
        std::fs::create_dir_all(host.at("home/.cargo/bin")).unwrap();
        std::fs::write(host.at("home/.cargo/credentials.toml"), "secret").unwrap();
        std::fs::copy("/bin/true", host.at("home/.cargo/bin/tool")).unwrap();
        host.own_everything();
        let host = host.with(|confinement, host| confinement.read.push(host.at("home/.cargo")));
        host.works(&host.at("home/.cargo/bin/tool").display().to_string());
        let secret = host.at("home/.cargo/credentials.toml");
        assert_eq!(host.works(&format!("cat {}", secret.display())), "");
    }
}

#[test]
fn link_of_the_tree_leads_to_nothing_of_the_hosts() {
    for host in hosts() {
        symlink(host.at("data"), host.at("data/ws/tree/x")).unwrap();
        symlink(host.at("data/token"), host.at("data/ws/home/t")).unwrap();
        host.own_everything();
        host.refuses("cat x/token");
        host.refuses("cat ~/t");
        host.works("ln -s /etc/shadow s; test ! -s s");
        // A second run mounts nothing through what the first one left.
        host.refuses("cat x/token");
    }
}

#[test]
fn link_that_a_run_left_where_something_is_mounted_is_not_followed() {
    // Worlds below `/tmp`: the first of their mount points is made in the run's own temporary folder.
    for host in hosts_in("/tmp".as_ref()) {
        let name = host.at("").file_name().unwrap().to_owned();
        symlink(host.at("home"), host.at("data/ws/tmp").join(name)).unwrap();
        host.own_everything();
        let done = host.shell("cat ../../../home/key || ls -la /tmp/");
        let text = super::kit::said(&done);
        assert_eq!(done.status.code(), Some(125), "it is not begun: {text}");
        assert!(!text.contains("the key"), "{text}");
        assert!(
            !host.at("home/data").exists(),
            "nothing was made behind the link"
        );
    }
}

#[test]
fn socket_below_a_granted_folder_is_covered_and_a_granted_one_is_reached() {
    for host in hosts() {
        std::fs::create_dir_all(host.at("home/daemon")).unwrap();
        let socket = host.at("home/daemon/socket");
        let listener = UnixListener::bind(&socket).unwrap();
        std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
        host.own_everything();
        let path = socket.display().to_string();
        let connect = format!(
            "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{path}\")'"
        );
        let host = host.with(|confinement, host| confinement.read.push(host.at("home")));
        host.refuses(&connect);
        host.refuses(&format!("test -S {path}"));
        let host = host.with(|confinement, host| {
            confinement.sockets.push(host.at("home/daemon/socket"));
        });
        host.works(&connect);
        drop(listener);
    }
}

#[test]
fn hard_link_and_rename_out_of_the_workspace_are_refused() {
    for host in hosts() {
        host.works("echo own > file");
        host.refuses("ln /etc/passwd here");
        host.refuses("mv file /usr/file");
        host.refuses("mv ../tree ../elsewhere");
        host.refuses("cat ../../token ../../../orch.yaml");
    }
}

#[test]
fn working_folder_and_root_lead_nowhere_else() {
    for host in hosts() {
        let top = host.works("ls /proc/self/root/");
        for name in ["boot", "media", "mnt", "srv"] {
            assert!(!top.lines().any(|line| line == name), "{top}");
        }
        host.refuses(&format!(
            "ls /proc/self/cwd/../../../home {}",
            host.at("home").display()
        ));
        host.refuses("for n in 3 4 5 6 7 8 9; do ls /proc/self/fd/$n/ && exit 0; done; exit 1");
    }
}

#[test]
fn program_is_told_what_it_may_do() {
    for host in hosts() {
        let text = host.works("cat $ORCH_SANDBOX");
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let tree = host.at("data/ws/tree").display().to_string();
        assert!(
            told["write"]
                .as_array()
                .unwrap()
                .iter()
                .any(|at| *at == tree),
            "{text}"
        );
        assert_eq!(told["network"], "none");
        host.refuses("echo x > $ORCH_SANDBOX");
        let seen = host.works("env");
        assert!(!seen.contains("ORCH_CONFINEMENT"), "{seen}");
    }
}

#[test]
fn handing_the_workspace_over_follows_no_link_and_touches_no_second_name() {
    use std::os::unix::fs::MetadataExt;
    for host in hosts() {
        let (key, token) = (host.at("home/key"), host.at("data/token"));
        symlink(&key, host.at("data/ws/tree/link")).unwrap();
        symlink(host.at("home"), host.at("data/ws/home/folder")).unwrap();
        std::fs::hard_link(&token, host.at("data/ws/tree/second-name")).unwrap();
        let owner = |path: &std::path::Path| std::fs::symlink_metadata(path).unwrap().uid();
        let before = [owner(&key), owner(&token), owner(&host.at("home"))];
        host.works("touch begun");
        assert_eq!(
            [owner(&key), owner(&token), owner(&host.at("home"))],
            before,
            "{}",
            host.who()
        );
        assert_eq!(
            owner(&host.at("data/ws/tree")),
            owner(&host.at("data/ws/tree/begun"))
        );
    }
}

#[test]
fn nothing_is_planted_beside_what_is_mounted_below_the_temporary_folder() {
    for host in hosts_in("/tmp".as_ref()) {
        host.works("echo x > /tmp/own && echo x > here");
        for name in ["", "data/", "data/ws/"] {
            host.refuses(&format!("echo x > {}/planted", host.at(name).display()));
        }
        for left in std::fs::read_dir(host.at("data/ws/tmp")).unwrap() {
            let left = left.unwrap().path();
            let is_empty = || std::fs::read_dir(&left).unwrap().count() == 0;
            assert!(left.ends_with("own") || is_empty(), "{}", left.display());
        }
    }
}
