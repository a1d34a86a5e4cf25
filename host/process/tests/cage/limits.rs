//! What runs away is ended for what it used, all of its processes together, and nobody else notices.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use orch_process::sandbox::Limits;

use crate::kit::{Host, hosts, said};

const MIB: u64 = 1 << 20;

/// Hosts whose caged programs may use little.
fn frugal(limits: Limits) -> Vec<Host> {
    let given = hosts().into_iter();
    let given = given.map(|host| {
        host.with(|confinement, host| {
            confinement.limits = limits;
            confinement.passed = Some(host.at("data/passed"));
        })
    });
    given.collect()
}

/// A program that ran away was ended, and this limit is told as data and to people.
fn assert_ended(host: &Host, done: &Output, limit: &str) {
    let text = said(done);
    assert_eq!(done.status.signal(), Some(9), "{} {text}", host.who());
    let told = std::fs::read_to_string(host.at("data/passed")).unwrap();
    assert_eq!(told, limit, "{} {text}", host.who());
    assert!(text.contains(&format!("ended for `{limit}`")), "{text}");
}

#[test]
fn fork_bomb_is_ended_while_the_host_and_the_neighbour_go_on() {
    let limits = Limits {
        processes: 300,
        ..Limits::default()
    };
    for (host, neighbour) in frugal(limits).into_iter().zip(frugal(limits)) {
        let mut busy = neighbour.command(
            "/bin/bash",
            &[
                "-c",
                "for i in {1..100}; do /bin/true || exit 1; sleep 0.01; done; echo undisturbed",
            ],
        );
        busy.stdout(std::process::Stdio::piped());
        let busy = busy.spawn().unwrap();
        let bomb = std::thread::scope(|scope| {
            let bomb = scope.spawn(|| host.hostile(&["bomb"]));
            let git = Command::new("git").arg("--version").output().unwrap();
            assert!(git.status.success(), "the host starts git meanwhile");
            bomb.join().unwrap()
        });
        assert_ended(&host, &bomb, "processes");
        let busy = busy.wait_with_output().unwrap();
        assert!(said(&busy).contains("undisturbed"), "{}", said(&busy));
        assert!(!neighbour.at("data/passed").exists());
    }
}

#[test]
fn threads_count_as_processes_do() {
    let limits = Limits {
        processes: 200,
        ..Limits::default()
    };
    for host in frugal(limits) {
        let done = host.hostile(&["threads"]);
        assert_ended(&host, &done, "processes");
    }
}

#[test]
fn memory_that_many_processes_hold_is_counted_together() {
    let limits = Limits {
        memory_bytes: 200 * MIB,
        ..Limits::default()
    };
    for host in frugal(limits) {
        // Each of the ten holds less than the whole may.
        let done = host.hostile(&["hold", "40"]);
        assert_ended(&host, &done, "memory");
    }
}

#[test]
fn memory_that_processes_share_is_counted_once() {
    let limits = Limits {
        memory_bytes: 200 * MIB,
        ..Limits::default()
    };
    for host in frugal(limits) {
        let done = host.hostile(&["share", "100"]);
        assert!(done.status.success(), "{} {}", host.who(), said(&done));
        assert!(!host.at("data/passed").exists());
    }
}

#[test]
fn memory_in_files_without_a_name_is_counted() {
    let limits = Limits {
        memory_bytes: 200 * MIB,
        ..Limits::default()
    };
    for host in frugal(limits) {
        let done = host.hostile(&["unnamed", "400"]);
        assert_ended(&host, &done, "memory");
    }
}

#[test]
fn time_of_children_that_have_ended_is_counted() {
    let limits = Limits {
        cpu_whole_s: 1,
        ..Limits::default()
    };
    for host in frugal(limits) {
        let done = host.hostile(&["spin"]);
        assert_ended(&host, &done, "cpu");
    }
}

#[test]
fn disk_that_many_files_take_is_counted_together() {
    let limits = Limits {
        disk_bytes: 20 * MIB,
        ..Limits::default()
    };
    for host in frugal(limits) {
        let fill = "i=0; while :; do head -c 1000000 /dev/zero > file$i; i=$((i+1)); done";
        let done = host.shell(fill);
        assert_ended(&host, &done, "disk");
    }
}

#[test]
fn kernel_without_memory_chooses_what_is_judged_before_the_host() {
    for host in hosts() {
        let adjusted: i32 = host.works("cat /proc/self/oom_score_adj").parse().unwrap();
        assert!(adjusted >= 500, "{} {adjusted}", host.who());
    }
}

#[test]
fn files_that_hold_nothing_are_counted() {
    let limits = Limits {
        // As many files go with it as everybody may have.
        disk_bytes: 1024 * MIB,
        ..Limits::default()
    };
    let host = frugal(limits).remove(0);
    let done = host.hostile(&["files"]);
    assert_ended(&host, &done, "disk");
}

#[test]
fn memory_in_segments_that_nobody_maps_is_counted() {
    let limits = Limits {
        memory_bytes: 200 * MIB,
        ..Limits::default()
    };
    for host in frugal(limits) {
        let done = host.hostile(&["segments", "400"]);
        assert_ended(&host, &done, "memory");
    }
}

#[test]
fn shell_that_gives_up_at_a_refused_process_is_told_to_have_passed_their_number() {
    let limits = Limits {
        processes: 64,
        ..Limits::default()
    };
    for host in frugal(limits) {
        // It ends by itself, with a code of its own, as soon as it is refused one.
        let done = host.shell("exec /bin/sh -c 'while :; do sleep 600 & done'");
        assert_ended(&host, &done, "processes");
        let failed = host.shell("exit 7");
        assert_eq!(failed.status.code(), Some(7), "{}", said(&failed));
    }
}
