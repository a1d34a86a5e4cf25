//! What does the root look like that a program sees? Thought out on the outside, where everything can be looked at;
//! nothing is mounted here.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::places::Place;
use super::resolve::resolve;
use super::{Confinement, Network, bridge, secrets, sockets};

/// What every program needs to start at all; what is not there is left out.
const SYSTEM: [&str; 14] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/var/cache/fontconfig",
    "/var/lib/texmf",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];
/// Devices that hold nothing.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];
/// Links that programs expect.
const LINKS: [(&str, &str); 7] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/var/run", "/run"),
    ("/var/lock", "/run/lock"),
    ("/var/tmp", "/tmp"),
];
/// Folders in memory, with their sizes: an agent's own, which end with it.
const MEMORY: [(&str, u64); 2] = [("/dev/shm", 1 << 30), ("/run", 16 << 20)];
/// Size of a `/tmp` in memory.
const TMP_BYTES_MAX: u64 = 1 << 30;

/// The root that a program sees, place by place; what lies deeper comes later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) places: BTreeMap<PathBuf, Place>,
    /// Links on the way to what is mounted, unless what is mounted brings them along.
    pub(super) links: BTreeMap<PathBuf, PathBuf>,
}

impl Plan {
    /// What `confinement` lets a program see on this machine, now.
    ///
    /// # Errors
    /// The path that the program has to write to and that is not there.
    pub(super) fn of(confinement: &Confinement) -> Result<Self, PathBuf> {
        let mut plan = Self {
            places: BTreeMap::new(),
            links: BTreeMap::new(),
        };
        let system = SYSTEM.map(PathBuf::from);
        for path in system
            .iter()
            .chain(&confinement.read)
            .chain(&confinement.sockets)
            .chain(&confinement.proxy)
        {
            plan.read(path);
        }
        plan.links_of_etc();
        for path in confinement.write.iter().chain(&confinement.lent) {
            plan.write(path)?;
        }
        plan.without_repetitions(&confinement.hide);
        plan.cover(confinement);
        if confinement.network == Network::Proxied {
            plan.name_servers();
        }
        plan.own(confinement)?;
        Ok(plan)
    }

    /// The nearest place at or above a path.
    fn nearest(&self, path: &Path) -> Option<(&PathBuf, &Place)> {
        path.ancestors()
            .find_map(|at| self.places.get_key_value(at))
    }

    fn read(&mut self, path: &Path) {
        // What is not there cannot be read, and is no reason not to begin.
        let Some(seen) = resolve(path) else { return };
        self.links.extend(seen.links);
        self.places.entry(seen.path).or_insert(Place::Read);
    }

    fn write(&mut self, path: &Path) -> Result<(), PathBuf> {
        let seen = resolve(path).ok_or_else(|| path.to_owned())?;
        self.links.extend(seen.links);
        self.places
            .insert(seen.path.clone(), Place::Write(seen.path));
        Ok(())
    }

    /// A file of `/etc` may be a link to where a service keeps it, such as the name servers' below `/run`.
    fn links_of_etc(&mut self) {
        let entries = std::fs::read_dir("/etc").into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let leads_to_file = |path: &Path| {
                // `/etc/mtab` leads to the program's own `/proc`.
                path.is_file() && !path.starts_with("/proc")
            };
            if is_link && resolve(&entry.path()).is_some_and(|seen| leads_to_file(&seen.path)) {
                self.read(&entry.path());
            }
        }
    }

    /// Names are asked of the bridge. Where the machine names no servers, programs ask on loopback by themselves.
    fn name_servers(&mut self) {
        let file = Path::new("/etc/resolv.conf");
        let place = match (resolve(file), std::fs::read_link(file)) {
            (Some(seen), _) => seen.path,
            // It leads to what a service of the host would write.
            (None, Ok(target)) => Path::new("/etc").join(target),
            (None, Err(_)) => return,
        };
        let mut lexical = PathBuf::new();
        for part in place.components() {
            match part {
                std::path::Component::ParentDir => drop(lexical.pop()),
                part => lexical.push(part),
            }
        }
        self.places
            .insert(lexical, Place::File(bridge::name_servers()));
    }

    /// Takes out what a place above shows already, with the same rights or more, unless something between the two is
    /// hidden.
    fn without_repetitions(&mut self, hidden: &[PathBuf]) {
        let hidden: Vec<PathBuf> = hidden
            .iter()
            .filter_map(|at| Some(resolve(at)?.path))
            .collect();
        let places = self.places.clone();
        self.places.retain(|path, place| {
            let mut above = path.ancestors().skip(1);
            let above = above.find_map(|at| places.get_key_value(at));
            let Some((above, shown)) = above else {
                return true;
            };
            let is_cut_off = hidden
                .iter()
                .any(|at| path.starts_with(at) && at.starts_with(above));
            let is_shown = matches!(
                (shown, place),
                (Place::Read | Place::Write(_), Place::Read) | (Place::Write(_), Place::Write(_))
            );
            is_cut_off || !is_shown
        });
    }

    /// Covers what is Orch's, secrets, and sockets that are not granted.
    fn cover(&mut self, confinement: &Confinement) {
        let mut covered: Vec<PathBuf> = confinement.hide.clone();
        covered.extend(secrets::of_system());
        covered.extend(confinement.secrets.iter().cloned());
        let is_asked = |at: &Path| !SYSTEM.iter().any(|of_system| at == Path::new(of_system));
        let read = self.places.iter();
        let read = read.filter(|(at, place)| **place == Place::Read && is_asked(at));
        covered.extend(read.flat_map(|(at, _)| secrets::at_top(at)));
        let granted: Vec<PathBuf> = confinement
            .read
            .iter()
            .chain(&confinement.sockets)
            .filter_map(|path| Some(resolve(path)?.path))
            .collect();
        for path in covered {
            // A grant that names the very file is meant so; one of a folder above is not.
            let is_meant = granted.contains(&path) && !confinement.hide.contains(&path);
            if !is_meant {
                self.cover_one(&path);
            }
        }
        let proxy = confinement.proxy.as_deref();
        let proxy = proxy.and_then(|at| Some(resolve(at)?.path));
        let is_proxy = |at: &Path| proxy.as_deref().is_some_and(|proxy| at.starts_with(proxy));
        for socket in sockets::bound() {
            let Some(seen) = resolve(&socket) else {
                continue;
            };
            let is_socket = std::fs::symlink_metadata(&seen.path)
                .is_ok_and(|meta| meta.file_type().is_socket());
            if !is_socket || granted.contains(&seen.path) || is_proxy(&seen.path) {
                continue;
            }
            if let Some((mount, place)) = self.nearest(&seen.path)
                && place.is_of_host()
            {
                let path = sockets::cover(&seen.path, mount);
                self.cover_one(&path);
            }
        }
    }

    fn cover_one(&mut self, path: &Path) {
        let Some(seen) = resolve(path) else { return };
        let is_shown = self
            .nearest(&seen.path)
            .is_some_and(|(_, place)| place.is_of_host());
        if is_shown {
            let cover = if seen.path.is_dir() {
                Place::EmptyFolder
            } else {
                Place::EmptyFile
            };
            self.places.insert(seen.path, cover);
        }
    }

    /// What is mounted somewhere below a folder of the program's own lies in a folder to which nobody writes: it is not
    /// made of what an earlier run left there, and the program plants nothing beside it.
    fn lead_through_own_folders(&mut self) {
        let own = MEMORY
            .iter()
            .map(|(at, _)| Path::new(at))
            .chain([Path::new("/tmp")]);
        let tops: Vec<PathBuf> = own
            .flat_map(|own| {
                let below = self
                    .places
                    .keys()
                    .filter_map(move |path| path.strip_prefix(own).ok());
                below.filter_map(move |rest| Some(own.join(rest.components().next()?)))
            })
            .collect();
        for top in tops {
            self.places.entry(top).or_insert(Place::EmptyFolder);
        }
    }

    /// What belongs to the program alone.
    fn own(&mut self, confinement: &Confinement) -> Result<(), PathBuf> {
        for device in DEVICES {
            self.places.insert(device.into(), Place::Device);
        }
        for (at, bytes_max) in MEMORY {
            self.places.insert(at.into(), Place::Memory { bytes_max });
        }
        let tmp = match &confinement.temporary {
            Some(path) => Place::Write(resolve(path).ok_or_else(|| path.clone())?.path),
            None => Place::Memory {
                bytes_max: TMP_BYTES_MAX,
            },
        };
        self.places.insert("/tmp".into(), tmp);
        self.lead_through_own_folders();
        for (at, to) in LINKS {
            // A folder is made instead where something is mounted below it.
            if !self.places.keys().any(|path| path.starts_with(at)) {
                self.places.insert(at.into(), Place::Link(to.into()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    fn world() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let top = std::fs::canonicalize(folder.path()).unwrap();
        for name in ["data/ws/tree", "data/other", "tools/bin"] {
            std::fs::create_dir_all(top.join(name)).unwrap();
        }
        for name in ["data/token", "tools/credentials.toml"] {
            std::fs::write(top.join(name), "secret").unwrap();
        }
        (folder, top)
    }

    #[test]
    fn what_is_hidden_stays_hidden_below_a_grant_and_the_workspace_shows_through() {
        let (_folder, top) = world();
        let confinement = Confinement {
            read: vec![top.clone()],
            write: vec![top.join("data/ws/tree")],
            hide: vec![top.join("data")],
            ..Confinement::nothing(Limits::default())
        };
        let plan = Plan::of(&confinement).unwrap();
        assert_eq!(plan.places[&top], Place::Read);
        assert_eq!(plan.places[&top.join("data")], Place::EmptyFolder);
        let tree = top.join("data/ws/tree");
        assert_eq!(plan.places[&tree], Place::Write(tree.clone()));
    }

    #[test]
    fn credentials_are_covered_by_name_unless_the_file_itself_is_granted() {
        let (_folder, top) = world();
        let secret = top.join("tools/credentials.toml");
        let mut confinement = Confinement {
            read: vec![top.join("tools")],
            ..Confinement::nothing(Limits::default())
        };
        let plan = Plan::of(&confinement).unwrap();
        assert_eq!(plan.places[&secret], Place::EmptyFile);
        confinement.read.push(secret.clone());
        let plan = Plan::of(&confinement).unwrap();
        assert!(!plan.places.contains_key(&secret), "{plan:#?}");
    }

    #[test]
    fn place_that_has_to_be_written_and_is_not_there_is_named() {
        let confinement = Confinement {
            write: vec!["/nowhere/at/all".into()],
            ..Confinement::nothing(Limits::default())
        };
        assert_eq!(
            Plan::of(&confinement).unwrap_err(),
            Path::new("/nowhere/at/all")
        );
    }
}
