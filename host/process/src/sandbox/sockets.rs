//! On which paths does a service of this machine listen? A mount that is only read does not keep anybody from
//! connecting.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Entries of a folder that are looked at to tell whether it holds nothing but sockets.
const ENTRIES_MAX: usize = 64;

/// Paths of the sockets that are bound now, as the kernel lists them for this network namespace.
pub(super) fn bound() -> Vec<PathBuf> {
    let list = std::fs::read("/proc/net/unix").unwrap_or_default();
    listed(&list)
}

fn listed(list: &[u8]) -> Vec<PathBuf> {
    let path = |line: &[u8]| {
        let at = line.iter().position(|b| *b == b'/')?;
        Some(PathBuf::from(OsStr::from_bytes(&line[at..])))
    };
    let mut paths: Vec<PathBuf> = list.split(|b| *b == b'\n').filter_map(path).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// What is covered so that nobody reaches `socket`: its folder if that holds nothing else, for a service that starts
/// anew makes another socket there; else the socket alone. `mount` is the mount that it lies below.
pub(super) fn cover(socket: &Path, mount: &Path) -> PathBuf {
    let folder = socket.parent().filter(|folder| *folder != mount);
    folder
        .filter(|folder| holds_sockets_only(folder))
        .unwrap_or(socket)
        .to_owned()
}

fn holds_sockets_only(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let mut seen = 0;
    for entry in entries {
        seen += 1;
        let is_socket = entry
            .and_then(|e| e.file_type())
            .is_ok_and(|kind| kind.is_socket());
        if !is_socket || seen > ENTRIES_MAX {
            return false;
        }
    }
    seen > 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn sockets_with_a_path_are_listed_and_abstract_ones_are_not() {
        let list = b"Num RefCount\n00: 2 0 1 0001 01 99 /run/a b.sock\n00: 2 0 1 0001 01 98\n00: 2 0 1 0001 01 97 @name\n";
        assert_eq!(listed(list), [PathBuf::from("/run/a b.sock")]);
    }

    #[test]
    fn folder_of_sockets_alone_is_covered_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (top, own) = (folder.path(), folder.path().join("own"));
        std::fs::create_dir(&own).unwrap();
        let socket = own.join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert!(bound().contains(&socket), "the kernel lists it");
        assert_eq!(cover(&socket, top), own);
        assert_eq!(cover(&socket, &own), socket, "the mount itself stays");
        std::fs::write(own.join("file"), "").unwrap();
        assert_eq!(cover(&socket, top), socket);
    }
}
