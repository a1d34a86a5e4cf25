//! Which process is at the other end of the socket, and did the host start it?
//!
//! What is judged runs under the host's own user or below it, so the user alone says nothing.

use std::fs;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use orch_process::identity::{ancestors, parent};
use orch_process::mark::TOKEN_VARIABLE;
use tokio::net::UnixListener;

/// Process and user at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// None if the kernel does not say, or if it is in a namespace that is not below the host's.
    pub(crate) pid: Option<u32>,
    pub(crate) uid: u32,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let peer = stream.io().peer_cred().ok();
        let pid = peer.and_then(|c| c.pid());
        Self {
            pid: pid
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|pid| *pid > 0),
            // Nobody has this number.
            uid: peer.map_or(u32::MAX, |c| c.uid()),
        }
    }
}

/// Whether a process belongs to something that the host has started, or cannot be vouched for: by its parents, by the
/// mark in its environment, by its namespace, or by its control group.
pub fn was_started_by_host(pid: u32) -> bool {
    let host = std::process::id();
    if pid == host {
        return is_of_run(pid) || ancestors(pid).into_iter().any(is_of_run);
    }
    let chain = ancestors(pid);
    if chain.is_empty() && parent(pid).is_none() {
        // Gone already: nobody can be vouched for.
        return true;
    }
    let depth = namespaces_deep(pid);
    is_of_run(pid)
        || chain.into_iter().any(|up| up == host || is_of_run(up))
        || depth.is_none()
        || depth != namespaces_deep(host)
        || is_in_own_unit(pid)
}

/// Whether a process carries the mark of a run, or supervises one.
fn is_of_run(pid: u32) -> bool {
    let begins = format!("{TOKEN_VARIABLE}=");
    let is_marked = fs::read(format!("/proc/{pid}/environ")).is_ok_and(|env| {
        env.split(|b| *b == 0)
            .any(|v| v.starts_with(begins.as_bytes()))
    });
    let supervises = fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|b| *b == 0).nth(1) == Some(b"supervise".as_slice()));
    is_marked || supervises
}

/// In how many namespaces of processes a process is, from the host's own on: one more for each cage around it.
fn namespaces_deep(pid: u32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let ids = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    Some(ids.split_whitespace().count())
}

/// Whether a process is in the unit that the host is the first process of: then the host, or what it started, has
/// started it, whatever has become of its parents.
fn is_in_own_unit(pid: u32) -> bool {
    let host = std::process::id();
    let first = std::env::var("SYSTEMD_EXEC_PID").ok();
    if first.and_then(|first| first.parse().ok()) != Some(host) {
        return false;
    }
    let (Some(own), Some(group)) = (control_group(host), control_group(pid)) else {
        return true;
    };
    group == own || group.starts_with(&format!("{own}/"))
}

fn control_group(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(own.to_owned())
}
