//! Runs a program of the operator's on the machine as it is, less what is the host's own. This is no cage: the program is
//! trusted, and only what it reaches for by mistake, or by files that it was handed, is not there.
//!
//! The host starts `orch sandbox-exec -- PROGRAM …` ([`Inaccessible::wrap`]). That process gets mounts of its own, covers
//! what is the host's, and becomes the program: who waits for it, signals it or reads its output notices nothing.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountPropagationFlags, mount_change};
use serde::{Deserialize, Serialize};

use super::cover::{Empty, cover, put_back, taken};
use super::refusal::{defect, refuse};
use super::{Wrapped, raw, root};

/// Variable by which the host hands over what is not there; the program does not get it.
pub(super) const VARIABLE: &str = "ORCH_INACCESSIBLE";

const REMEDY: &str = "allow user namespaces (kernel.unprivileged_userns_clone, user.max_user_namespaces, \
                      kernel.apparmor_restrict_unprivileged_userns), or set `sandbox: {trusted: open}` in orch.yaml";

/// What of the machine is not there for a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inaccessible {
    /// Files and folders that are empty.
    pub paths: Vec<PathBuf>,
    /// Folders below one of them that are there all the same.
    pub kept: Vec<PathBuf>,
    /// Whether the program is not started where this cannot be had; it runs with all of the machine otherwise.
    pub is_required: bool,
}

impl Inaccessible {
    /// The command line that runs `program` without them: `orch` is the program that ends in [`super::exec`].
    pub fn wrap(&self, orch: &Path, program: &Path, args: &[String]) -> Wrapped {
        // Neither part of it can fail to be written; a description that is none is refused by `exec`.
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut line = vec!["sandbox-exec".to_owned(), "--".to_owned()];
        line.push(program.display().to_string());
        line.extend(args.iter().cloned());
        Wrapped {
            program: orch.to_owned(),
            args: line,
            variable: (VARIABLE.to_owned(), text),
        }
    }
}

/// Becomes the program, as `text` says; answers an exit code if that cannot be. Only while the process has one thread.
pub(super) fn exec(text: &str, program: &Path, args: &[OsString]) -> i32 {
    let what = match serde_json::from_str::<Inaccessible>(text) {
        Ok(what) => what,
        Err(error) => return refuse(None, &format!("its description cannot be read: {error}")),
    };
    let hidden = match obstacle() {
        None => hide(&what).map_err(defect),
        Some(why) if what.is_required => Err(format!(
            "what is the host's own cannot be hidden ({why}): {REMEDY}"
        )),
        Some(_) => Ok(()),
    };
    if let Err(why) = hidden {
        return refuse(None, &why);
    }
    let error = std::process::Command::new(program)
        .args(args)
        .env_remove(VARIABLE)
        .exec();
    refuse(
        None,
        &format!("{} cannot be started: {error}", program.display()),
    )
}

/// What stands against mounts of one's own, tried in a copy of this process: half of it would leave the program in
/// namespaces without rights.
fn obstacle() -> Option<String> {
    let tried = raw::fork(|| {
        let is_had = own_mounts().is_ok() && root::can_mount();
        i32::from(!is_had)
    });
    let ended = tried
        .map_err(std::io::Error::from)
        .and_then(|pid| nix::sys::wait::waitpid(pid, None).map_err(Into::into));
    match ended {
        Ok(nix::sys::wait::WaitStatus::Exited(_, 0)) => None,
        Ok(_) => Some("this user may not mount in namespaces of its own".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Mounts of this process's own. A root has the right to them; anybody else by a namespace in which it stays who it is
/// and gains no rights.
fn own_mounts() -> std::io::Result<()> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    if uid.is_root() {
        return Ok(unshare(CloneFlags::CLONE_NEWNS)?);
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    let (uid, gid) = (uid.as_raw(), gid.as_raw());
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

fn hide(what: &Inaccessible) -> std::io::Result<()> {
    let cwd = std::env::current_dir()?;
    let places = outermost(&what.paths);
    let kept: Vec<PathBuf> = what
        .kept
        .iter()
        .filter_map(|p| p.canonicalize().ok())
        .collect();
    own_mounts()?;
    // What the machine mounts later comes in; nothing goes out.
    mount_change(
        "/",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )?;
    let kept: Vec<(PathBuf, OwnedFd)> = kept
        .into_iter()
        .filter(|path| places.iter().any(|place| path.starts_with(place)))
        .map(|path| Ok((path.clone(), taken(&path)?)))
        .collect::<std::io::Result<_>>()?;
    let empty = Empty::make()?;
    for place in &places {
        let below = kept.iter().filter(|(path, _)| path.starts_with(place));
        let below: Vec<&Path> = below.map(|(path, _)| path.as_path()).collect();
        cover(&empty, place, &below)?;
    }
    for (path, mount) in &kept {
        put_back(mount, path)?;
    }
    // The folder from before lies under what covers it.
    std::env::set_current_dir(cwd)
}

/// What is there of them, by its true names, without what lies below another one.
fn outermost(paths: &[PathBuf]) -> Vec<PathBuf> {
    let there: BTreeSet<PathBuf> = paths.iter().filter_map(|p| p.canonicalize().ok()).collect();
    let mut outermost: Vec<PathBuf> = Vec::new();
    for path in there {
        // In their order a folder comes before all that lies in it.
        if !outermost.iter().any(|above| path.starts_with(above)) {
            outermost.push(path);
        }
    }
    outermost
}
