//! Makes the root that a program sees: on an empty file system in memory, place by place, by descriptors.
//!
//! What is mounted is opened first, with the rights of the host; what is made is made after these were given up. No
//! path is followed over a link: what an earlier run left where something is mounted leads nowhere else.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, Result};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
    mount_change, move_mount, open_tree, unmount,
};

use super::places::Place;
use super::plan::Plan;
use super::raw;

/// Size of the file system that holds nothing but folders to mount on and some small files.
const ROOT_BYTES_MAX: u64 = 64 << 20;
/// Where it is attached until it is the root; one of them is everywhere.
const BEGIN: [&str; 4] = ["/tmp", "/mnt", "/proc", "/usr"];
/// What of `/proc` changes the machine and not the program.
const PROC_READ_ONLY: [&str; 6] = [
    "proc/sys",
    "proc/irq",
    "proc/bus",
    "proc/fs",
    "proc/acpi",
    "proc/sysrq-trigger",
];
/// What of `/proc` tells of the machine's inside.
const PROC_COVERED: [&str; 7] = [
    "proc/kcore",
    "proc/key-users",
    "proc/keys",
    "proc/timer_list",
    "proc/sched_debug",
    "proc/kallsyms",
    "proc/kmsg",
];

/// Namespaces that nobody makes inside: what the filter of calls refuses has no room either.
const NONE_OF: [&str; 8] = [
    "max_cgroup_namespaces",
    "max_ipc_namespaces",
    "max_mnt_namespaces",
    "max_net_namespaces",
    "max_pid_namespaces",
    "max_time_namespaces",
    "max_user_namespaces",
    "max_uts_namespaces",
];
/// What the kernel counts for the host's user although it is used inside: its limit inside, and where the machine's
/// stands.
const SHARED_WITH_HOST: [(&str, &str); 2] = [
    (
        "max_inotify_instances",
        "proc/sys/fs/inotify/max_user_instances",
    ),
    (
        "max_inotify_watches",
        "proc/sys/fs/inotify/max_user_watches",
    ),
];
/// Part of the machine's limit that one program may use of it: the host and other runs watch files as well.
const SHARED_PART: u64 = 4;
/// Bytes of a file system in memory for each of its files: the files themselves take memory that nobody counts.
const BYTES_OF_FILE: u64 = 4096;

/// Why a root could not be made: at which place, and what the kernel says.
#[derive(Debug)]
pub(super) struct Unmade {
    pub(super) path: PathBuf,
    pub(super) error: Errno,
}

fn at(path: impl AsRef<Path>) -> impl FnOnce(Errno) -> Unmade {
    let path = path.as_ref().to_owned();
    move |error| Unmade { path, error }
}

/// What is mounted, opened.
#[derive(Debug)]
pub(super) struct Sources(BTreeMap<PathBuf, OwnedFd>);

impl Sources {
    /// Opens everything that the plan takes from the host.
    pub(super) fn open(plan: &Plan) -> std::result::Result<Self, Unmade> {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).map_err(at("/"))?;
        let mut sources = BTreeMap::new();
        for (path, place) in &plan.places {
            let source = match place {
                Place::Read => {
                    let safe = raw::READ_ONLY | raw::NO_SUID | raw::NO_DEVICES;
                    match copy_of(path, safe) {
                        // Gone since it was looked at, or not this user's to see.
                        Err(Errno::NOENT | Errno::ACCESS) => continue,
                        other => other,
                    }
                }
                Place::Write(from) => copy_of(from, raw::NO_SUID | raw::NO_DEVICES),
                Place::Device => copy_of(path, raw::NO_SUID),
                Place::EmptyFolder
                | Place::EmptyFile
                | Place::Memory { .. }
                | Place::File(_)
                | Place::Link(_) => continue,
            };
            sources.insert(path.clone(), source.map_err(at(path))?);
        }
        Ok(Self(sources))
    }
}

/// A copy of what is mounted at a path and below it, attached nowhere.
fn copy_of(path: &Path, attributes: u64) -> Result<OwnedFd> {
    let opened = openat2(
        CWD,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS,
    )?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let copy = open_tree(&opened, "", flags)?;
    raw::set_attributes(copy.as_fd(), attributes, true)?;
    Ok(copy)
}

/// Makes the root and enters it; nothing of the old one can be reached afterwards.
pub(super) fn enter(plan: &Plan, sources: Sources) -> std::result::Result<(), Unmade> {
    let root = memory(ROOT_BYTES_MAX, "755").map_err(at("/"))?;
    let attached = BEGIN
        .iter()
        .find(|to| attach(&root, CWD.as_fd(), to.as_ref()).is_ok());
    attached.ok_or(Errno::NOENT).map_err(at("/"))?;
    let mut builder = Builder {
        root,
        sources: sources.0,
        still: Vec::new(),
    };
    builder.proc_folder().map_err(at("/proc"))?;
    for (path, place) in &plan.places {
        builder.place(path, place).map_err(at(path))?;
    }
    for (path, target) in &plan.links {
        builder.link(path, target).map_err(at(path))?;
    }
    let quotas = builder.quotas();
    builder.guard_proc().map_err(at("/proc"))?;
    builder.pseudo_terminals();
    for made in &builder.still {
        raw::set_attributes(made.as_fd(), raw::READ_ONLY, false).map_err(at("/"))?;
    }
    raw::set_attributes(builder.root.as_fd(), raw::READ_ONLY, false).map_err(at("/"))?;
    pivot(&builder.root).map_err(at("/"))?;
    // Now that everything is mounted: a mount that is not yet in its place is a namespace to the kernel.
    for (file, most) in quotas {
        rustix::io::write(file, most.to_string().as_bytes()).ok();
    }
    Ok(())
}

fn pivot(root: &OwnedFd) -> Result<()> {
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

struct Builder {
    root: OwnedFd,
    sources: BTreeMap<PathBuf, OwnedFd>,
    /// What nobody writes to once everything is in its place.
    still: Vec<OwnedFd>,
}

impl Builder {
    fn place(&mut self, path: &Path, place: &Place) -> Result<()> {
        match place {
            Place::Read | Place::Write(_) | Place::Device => match self.sources.remove(path) {
                Some(source) => {
                    let is_folder = is_folder(&source)?;
                    self.mount(&source, path, is_folder)
                }
                None => Ok(()),
            },
            Place::EmptyFolder => {
                let empty = memory(1 << 20, "755")?;
                self.mount(&empty, path, true)?;
                self.still.push(empty);
                Ok(())
            }
            Place::EmptyFile => self.cover_file(path),
            Place::Memory { bytes_max } => {
                let own = memory(*bytes_max, "1777")?;
                self.mount(&own, path, true)
            }
            Place::File(content) => self.file(path, content),
            Place::Link(target) => self.link(path, target),
        }
    }

    fn mount(&self, source: &OwnedFd, path: &Path, is_folder: bool) -> Result<()> {
        let (folder, name) = self.folder_of(path)?;
        let target = self.target(&folder, name, is_folder)?;
        let flags =
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(source, "", &target, "", flags)
    }

    /// Something to mount on: what is there, or an empty file or folder.
    fn target(&self, folder: &OwnedFd, name: &OsStr, is_folder: bool) -> Result<OwnedFd> {
        match beneath(folder, name, OFlags::PATH) {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        if is_folder {
            rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755))?;
        } else {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o644))?;
        }
        beneath(folder, name, OFlags::PATH)
    }

    /// The folder that a path lies in, made part by part, and the path's last name.
    fn folder_of<'a>(&self, path: &'a Path) -> Result<(OwnedFd, &'a OsStr)> {
        let name = path.file_name().ok_or(Errno::INVAL)?;
        let mut folder = beneath(
            &self.root,
            OsStr::new("."),
            OFlags::PATH | OFlags::DIRECTORY,
        )?;
        for part in path.parent().into_iter().flat_map(Path::components) {
            let std::path::Component::Normal(part) = part else {
                continue;
            };
            folder = match beneath(&folder, part, OFlags::PATH | OFlags::DIRECTORY) {
                Err(Errno::NOENT) => {
                    rustix::fs::mkdirat(&folder, part, Mode::from_raw_mode(0o755))?;
                    beneath(&folder, part, OFlags::PATH | OFlags::DIRECTORY)?
                }
                found => found?,
            };
        }
        Ok((folder, name))
    }

    fn link(&self, path: &Path, target: &Path) -> Result<()> {
        match self.folder_of(path) {
            Ok((folder, name)) => match rustix::fs::symlinkat(target, &folder, name) {
                // What is mounted has brought it along.
                Ok(()) | Err(Errno::EXIST | Errno::ROFS) => Ok(()),
                Err(error) => Err(error),
            },
            // The link lies behind another link that was made before: there it is what the host has there.
            Err(Errno::LOOP | Errno::NOTDIR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn file(&self, path: &Path, content: &[u8]) -> Result<()> {
        // Written where nothing else is, so that it can be put over a file of the host's.
        let folder = self.folder_of(Path::new("/orch/files/x"))?.0;
        let name = path
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .fold(0_u64, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
            });
        let name = name.to_string();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, &name, flags, Mode::from_raw_mode(0o644))?;
        let mut left = content;
        while !left.is_empty() {
            let written = rustix::io::write(&file, left)?;
            left = &left[written..];
        }
        self.mount_of_root(&folder, OsStr::new(&name), path)
    }

    fn cover_file(&self, path: &Path) -> Result<()> {
        let (folder, name) = self.folder_of(Path::new("/orch/empty"))?;
        drop(self.target(&folder, name, false)?);
        self.mount_of_root(&folder, name, path)
    }

    /// Mounts a file of the root's own over another, to be read.
    fn mount_of_root(&self, folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<()> {
        let file = beneath(folder, name, OFlags::PATH)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH;
        let copy = open_tree(&file, "", flags)?;
        raw::set_attributes(copy.as_fd(), raw::READ_ONLY | raw::NO_SUID, false)?;
        self.mount(&copy, path, false)
    }

    fn proc_folder(&self) -> Result<()> {
        let system = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&system)?;
        let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let mounted = fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
        self.mount(&mounted, Path::new("/proc"), true)
    }

    /// What is counted for the user of the host, with its limits, opened before nobody can write there any more. A kernel
    /// that has not all of it has less to be used up.
    fn quotas(&self) -> Vec<(OwnedFd, u64)> {
        let file = |name: &str, flags: OFlags| beneath(&self.root, OsStr::new(name), flags).ok();
        let own = |name: &str| file(&format!("proc/sys/user/{name}"), OFlags::WRONLY);
        let of_machine = |name: &str| {
            let mut text = [0; 32];
            let count = rustix::io::read(file(name, OFlags::RDONLY)?, &mut text).ok()?;
            let text = String::from_utf8_lossy(&text[..count]);
            text.trim().parse::<u64>().ok()
        };
        let none = NONE_OF.iter().filter_map(|name| Some((own(name)?, 0)));
        let shared = SHARED_WITH_HOST.iter().filter_map(|(name, machine)| {
            let most = of_machine(machine)? / SHARED_PART;
            Some((own(name)?, most.max(1)))
        });
        none.chain(shared).collect()
    }

    fn guard_proc(&self) -> Result<()> {
        for name in PROC_READ_ONLY {
            let Some(found) = self.of_proc(name)? else {
                continue;
            };
            let flags = OpenTreeFlags::OPEN_TREE_CLONE
                | OpenTreeFlags::OPEN_TREE_CLOEXEC
                | OpenTreeFlags::AT_EMPTY_PATH
                | OpenTreeFlags::AT_RECURSIVE;
            let copy = open_tree(&found, "", flags)?;
            raw::set_attributes(copy.as_fd(), raw::READ_ONLY, true)?;
            let onto =
                MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            move_mount(&copy, "", &found, "", onto)?;
        }
        for name in PROC_COVERED {
            if self.of_proc(name)?.is_some() {
                self.cover_file(&Path::new("/").join(name))?;
            }
        }
        Ok(())
    }

    fn of_proc(&self, name: &str) -> Result<Option<OwnedFd>> {
        match beneath(&self.root, OsStr::new(name), OFlags::PATH) {
            Ok(found) => Ok(Some(found)),
            // Not every kernel has all of them.
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Terminals of its own. Only to be had where a root is mapped; without them a program has none, as a service.
    fn pseudo_terminals(&self) {
        let made = || -> Result<()> {
            let system = fsopen("devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
            for (key, value) in [("mode", "0620"), ("ptmxmode", "0666")] {
                fsconfig_set_string(&system, key, value)?;
            }
            fsconfig_create(&system)?;
            let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
            let mounted = fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
            self.mount(&mounted, Path::new("/dev/pts"), true)?;
            self.link(Path::new("/dev/ptmx"), Path::new("pts/ptmx"))
        };
        made().ok();
    }
}

/// Whether this process may mount in its own namespaces: tried, for a machine may give them without the right.
pub(super) fn can_mount() -> bool {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).is_ok() && memory(1 << 20, "755").is_ok()
}

/// A folder in memory, attached nowhere.
pub(super) fn memory(bytes_max: u64, mode: &str) -> Result<OwnedFd> {
    let system = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&system, "size", bytes_max.to_string())?;
    let files = (bytes_max / BYTES_OF_FILE).max(64);
    fsconfig_set_string(&system, "nr_inodes", files.to_string())?;
    fsconfig_set_string(&system, "mode", mode)?;
    fsconfig_create(&system)?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

fn attach(mount: &OwnedFd, folder: impl AsFd, to: &Path) -> Result<()> {
    move_mount(
        mount,
        "",
        folder,
        to,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
}

/// Opens a name below a folder; neither a link nor a way out is followed.
fn beneath(folder: &OwnedFd, name: &OsStr, flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    openat2(
        folder,
        name,
        flags | OFlags::CLOEXEC,
        Mode::empty(),
        resolve,
    )
}

fn is_folder(file: &OwnedFd) -> Result<bool> {
    let meta = rustix::fs::statat(file, "", AtFlags::EMPTY_PATH)?;
    Ok(rustix::fs::FileType::from_raw_mode(meta.st_mode).is_dir())
}
