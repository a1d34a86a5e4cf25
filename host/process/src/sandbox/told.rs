//! What is a program told of its own cage? A file that says what it may read, write and reach, and names of users.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::places::Place;
use super::plan::Plan;
use super::{Confinement, Network, Profile};

/// Where the file lies inside.
pub(super) const TOLD: &str = "/orch/sandbox.json";

#[derive(Serialize)]
struct Told<'a> {
    read: Vec<&'a PathBuf>,
    write: Vec<&'a PathBuf>,
    sockets: &'a [PathBuf],
    network: Network,
    /// By what it is held.
    profile: &'static str,
    notes: &'static [&'static str],
}

/// What holds where there are no namespaces.
const NARROW_NOTES: [&str; 4] = [
    "what is not listed cannot be opened; a grant is the operator's, in orch.yaml: `sandbox`, or `sandbox` of the agent",
    "held without namespaces: no sockets with a path, no shared memory by name, and without a network no loopback either",
    "temporary files belong into TMPDIR; `/tmp` and `/dev/shm` of the machine cannot be used",
    "everything ends with the program: a daemon does not outlive it",
];
/// What holds where the operator brings the cage.
const EXTERNAL_NOTES: [&str; 2] = [
    "held by a cage of the operator's own, which may show less or more than is listed here",
    "temporary files belong into TMPDIR",
];
const NOTES: [&str; 6] = [
    "what is not listed is not there; a grant is the operator's, in orch.yaml: `sandbox`, or `sandbox` of the agent",
    "a browser's own sandbox cannot work inside of this one: start Chromium with --no-sandbox",
    "own descendants may be traced; namespaces, mounts, io_uring, bpf and keys are refused",
    "a network that is `proxied` is reached by the proxy in HTTPS_PROXY; what the operator does not list is refused with the rule",
    "the same address speaks SOCKS 5 (`socks5h://`); names are found if they are listed, and TLS to port 443 works without a proxy",
    "everything ends with the program: a daemon does not outlive it",
];

/// Adds what the program is told.
pub(super) fn tell(plan: &mut Plan, confinement: &Confinement, user: u32, group: u32) {
    let of = |wanted: fn(&Place) -> bool| {
        let places = plan.places.iter().filter(|(_, place)| wanted(place));
        places.map(|(path, _)| path).collect()
    };
    let told = Told {
        read: of(|place| matches!(place, Place::Read)),
        write: of(|place| matches!(place, Place::Write(_) | Place::Memory { .. })),
        sockets: &confinement.sockets,
        network: confinement.network,
        profile: match confinement.profile {
            Profile::Auto => Profile::Namespaces.as_str(),
            profile => profile.as_str(),
        },
        notes: match confinement.profile {
            Profile::Auto | Profile::Namespaces => &NOTES,
            Profile::Landlock | Profile::LandlockSameUser => &NARROW_NOTES,
            Profile::External => &EXTERNAL_NOTES,
        },
    };
    let text = serde_json::to_vec_pretty(&told).unwrap_or_default();
    plan.places.insert(TOLD.into(), Place::File(text));
    // A user without a name is one that many programs refuse to work for.
    let names = [
        (
            "/etc/passwd",
            format!("agent:x:{user}:{group}::/:/bin/sh\n"),
        ),
        ("/etc/group", format!("agent:x:{group}:\n")),
    ];
    for ((path, line), id) in names.into_iter().zip([user, group]) {
        let Ok(mut text) = std::fs::read_to_string(path) else {
            continue;
        };
        if Path::new(path).is_symlink() || has_id(&text, id) {
            continue;
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line);
        plan.places
            .insert(path.into(), Place::File(text.into_bytes()));
    }
}

/// Whether a list of users or groups has a name for this number.
fn has_id(list: &str, id: u32) -> bool {
    let id = id.to_string();
    list.lines().any(|line| line.split(':').nth(2) == Some(&id))
}
