//! A cage of the operator's own is believed as far as it holds.

use std::os::unix::fs::PermissionsExt;

use orch_process::sandbox::{Limits, Network, Profile};

use crate::kit::{Host, hosts, said};

/// A host whose operator brings the cage: a script with this body, which gets the program as its arguments.
fn with_cage(host: Host, body: &str) -> Host {
    let script = host.at("home/cage.sh");
    std::fs::write(&script, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Its folders are the caged program's own, whoever that is.
    for name in ["data/ws/tree", "data/ws/home", "data/ws/tmp"] {
        std::fs::set_permissions(host.at(name), std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    host.with(|confinement, _| {
        confinement.profile = Profile::External;
        confinement.external = vec![script.display().to_string()];
    })
}

/// What a cage that holds does: a root of its own with what it is told of, other users, other processes, no network.
/// It only holds for a host that may make namespaces.
fn one_that_holds(host: Host) -> Host {
    let tree = host.at("data/ws");
    let body = format!(
        "exec unshare --user --map-root-user --mount --net --pid --fork --kill-child --mount-proc /bin/sh -c '\n\
         set -e\n\
         keep=$(mktemp -d /tmp/keep-XXXXXX)\n\
         mount --bind {tree} $keep\n\
         mount -t tmpfs none {top}\n\
         mkdir -p {tree}\n\
         mount --bind $keep {tree}\n\
         cd {tree}/tree\n\
         exec unshare --user --map-user=1000 --map-group=1000 \"$@\"' sh \"$@\"",
        tree = tree.display(),
        top = host.at("").display(),
    );
    with_cage(host, &body)
}

fn refused(host: &Host, why: &str) {
    let done = host.shell("touch started");
    let text = said(&done);
    assert_eq!(done.status.code(), Some(125), "{} {text}", host.who());
    assert!(
        text.contains("does not hold") && text.contains(why),
        "{text}"
    );
    assert!(!host.at("data/ws/tree/started").exists(), "{text}");
    let left = host.at("data/ws/tree/.orch-trial");
    assert!(!left.exists(), "the trial leaves nothing");
}

#[test]
fn cage_that_confines_nothing_is_not_believed() {
    for host in hosts() {
        refused(&with_cage(host, "exec \"$@\""), "it reads");
    }
}

#[test]
fn cage_that_says_it_tried_and_did_not_is_found_out_by_what_it_left() {
    for host in hosts() {
        refused(&with_cage(host, "echo tried everything"), "cannot write to");
    }
}

#[test]
fn cage_that_ends_early_or_is_not_there_is_named_with_its_words() {
    for host in hosts() {
        refused(
            &with_cage(host, "echo no engine here >&2; exit 3"),
            "no engine here",
        );
    }
    for host in hosts() {
        let host = with_cage(host, "");
        let host = host.with(|confinement, _| confinement.external = vec!["/no/such/cage".into()]);
        let done = host.shell("true");
        assert!(said(&done).contains("/no/such/cage"), "{}", said(&done));
        let host = host.with(|confinement, _| confinement.external.clear());
        refused(&host, "sandbox.external");
    }
}

#[test]
fn program_is_started_in_a_cage_that_holds_and_is_told_so() {
    // The same user as the host's outside: files that it leaves have to be somebody's who is not root.
    let host = one_that_holds(hosts().pop().unwrap());
    if rustix::process::geteuid().is_root() {
        let host = host.with(|confinement, host| confinement.held_by = Some(host.at("held-by")));
        let done = host.shell("cat $ORCH_SANDBOX; ls /; echo x > made; exit 7");
        let text = said(&done);
        assert_eq!(done.status.code(), Some(7), "{text}");
        assert!(text.contains("\"profile\": \"external\""), "{text}");
        assert!(host.at("data/ws/tree/made").exists());
        assert!(!host.at("data/ws/tree/.orch-trial").exists());
        let by = std::fs::read_to_string(host.at("held-by")).unwrap();
        assert_eq!(by, "external");
    }
}

#[test]
fn network_that_only_the_hosts_own_cage_has_is_refused() {
    for host in hosts() {
        let host = with_cage(host, "exec \"$@\"").network(Network::Proxied);
        refused(&host, "proxied");
    }
}

#[test]
fn what_is_seen_of_it_is_counted() {
    let host = one_that_holds(hosts().pop().unwrap());
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let host = host.with(|confinement, host| {
        confinement.limits = Limits {
            processes: 60,
            ..Limits::default()
        };
        confinement.passed = Some(host.at("passed"));
    });
    let done = host.shell("for i in $(seq 100); do sleep 600 & done; wait");
    let told = std::fs::read_to_string(host.at("passed")).unwrap_or_default();
    assert_eq!(told, "processes", "{}", said(&done));
}
