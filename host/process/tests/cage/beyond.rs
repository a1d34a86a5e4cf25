//! What is counted for the host's user, or belongs to the machine, is neither used up nor changed from inside.

use std::process::{Child, Command, Stdio};

use orch_process::sandbox::{Profile, Trial, canary};

use super::kit::{Host, example, hosts, said};

/// A number that the machine has in a file.
fn of_machine(path: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn watches_that_the_host_needs_are_not_used_up() {
    let most = of_machine("/proc/sys/fs/inotify/max_user_instances");
    for host in hosts() {
        let done = host.hostile(&["watches"]);
        let text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        let count: u64 = text.parse().unwrap();
        assert!(
            count > 0 && count <= most / 4,
            "{} {count} of {most}: {}",
            host.who(),
            said(&done)
        );
    }
}

#[test]
fn signals_that_wait_are_few() {
    for host in hosts() {
        let done = host.hostile(&["queue-signals"]);
        let text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        let count: u64 = text.parse().unwrap();
        assert!((1..=4096).contains(&count), "{} {count}", host.who());
    }
}

#[test]
fn no_namespace_has_room_inside_even_without_the_filter_of_calls() {
    for host in hosts() {
        for kind in ["user", "mnt", "net", "pid", "ipc", "uts", "cgroup"] {
            let file = format!("/proc/sys/user/max_{kind}_namespaces");
            assert_eq!(host.works(&format!("cat {file}")), "0", "{}", host.who());
            host.refuses(&format!("echo 9 > {file}"));
        }
        host.refuses("echo 9999 > /proc/sys/user/max_inotify_instances");
    }
}

#[test]
fn file_systems_in_memory_hold_a_bounded_number_of_files() {
    for host in hosts() {
        for folder in ["/dev/shm", "/run"] {
            let files = host.works(&format!("stat -f -c %c {folder}"));
            let files: u64 = files.parse().unwrap();
            assert!((64..=262_144).contains(&files), "{folder}: {files}");
        }
    }
}

/// A process of the host's user outside of every cage.
fn bystander(host: &Host) -> Child {
    let mut command = if host.is_of_nobody() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg("sleep");
        command
    } else {
        Command::new("sleep")
    };
    command.arg("600").stdin(Stdio::null()).spawn().unwrap()
}

/// How kind a process is to others, as the kernel shows it.
fn kindness(pid: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit_once(") ").unwrap().1;
    rest.split(' ').nth(16).unwrap().to_owned()
}

#[test]
fn process_of_the_same_user_outside_is_neither_ended_nor_slowed_by_words_for_all() {
    for host in hosts() {
        let mut outside = bystander(&host);
        let before = kindness(outside.id());
        host.shell("kill -9 -1");
        host.shell("kill -STOP -1");
        host.shell("renice -n 19 -u $(id -u)");
        host.shell("renice -n 19 -g 0");
        host.shell("command -v ionice && ionice -c 3 -u $(id -u)");
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", outside.id())).unwrap();
        assert!(!stat.contains(") T ") && !stat.contains(") Z "), "{stat}");
        assert_eq!(kindness(outside.id()), before, "{}", host.who());
        assert!(outside.try_wait().unwrap().is_none(), "{}", host.who());
        outside.kill().unwrap();
        outside.wait().unwrap();
    }
}

#[test]
fn process_that_takes_in_orphans_and_hears_no_signal_ends_with_the_program() {
    for host in hosts() {
        let done = host.hostile(&["adopt"]);
        assert!(done.status.success(), "{}", said(&done));
        let left = std::fs::read_dir("/proc").unwrap().filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            // One that ends meanwhile is none that is left.
            let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
            name.trim() == "left-behind"
        });
        assert_eq!(left.count(), 0, "{}", host.who());
    }
}

#[test]
fn groups_that_the_kernel_counts_by_are_not_changed() {
    for host in hosts() {
        host.refuses("for f in $(find /sys/fs/cgroup -name cgroup.procs 2>/dev/null); do echo $$ > $f && exit 0; done; exit 1");
        host.refuses("for f in $(find /sys/fs/cgroup -maxdepth 2 -type d 2>/dev/null); do mkdir $f/planted && exit 0; done; exit 1");
    }
}

#[test]
fn program_with_rights_of_its_owner_gives_none() {
    for host in hosts() {
        // Left in a folder that others may enter, it would be the host's user for whoever starts it.
        host.works(
            "cp /usr/bin/id own-id && chmod 6755 own-id && test \"$(./own-id -u)\" = \"$(id -u)\"",
        );
        host.refuses("echo x | timeout 5 su -c id root");
    }
}

#[tokio::test]
async fn trials_hold_whatever_the_program_is_called() {
    let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
    let orch = example("caged");
    let tried = canary(&orch, scratch.path(), Profile::Namespaces, &[]).await;
    let tried = tried.unwrap();
    assert!(tried.len() > 30, "{tried:#?}");
    for check in &tried {
        assert_ne!(check.trial, Trial::DoesNotHold, "{check:#?}");
    }
}
