//! Who uses a folder now, how much lies in it, and when it was last written.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use orch_process::files::used_bytes;
use orch_process::identity::all_pids;

/// What every process of this machine has open, at one moment.
#[derive(Debug)]
pub(super) struct Users(Vec<(u32, PathBuf)>);

impl Users {
    /// Looks at working folder, root, program and open files of every process that may be looked at: those of
    /// other users cannot be, and are none of ours.
    ///
    /// # Errors
    /// When no process can be seen at all; nothing is proved then.
    pub(super) fn look() -> anyhow::Result<Self> {
        let mut used = Vec::new();
        for pid in all_pids() {
            let folder = PathBuf::from(format!("/proc/{pid}"));
            for name in ["cwd", "root", "exe"] {
                used.extend(fs::read_link(folder.join(name)).ok().map(|to| (pid, to)));
            }
            let open = fs::read_dir(folder.join("fd")).into_iter().flatten();
            let files = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            used.extend(files.map(|to| (pid, to)));
        }
        let me = std::process::id();
        anyhow::ensure!(
            used.iter().any(|(pid, _)| *pid == me),
            "`/proc` does not show what processes use"
        );
        Ok(Self(used))
    }

    /// Processes that use something in `folder`.
    pub(super) fn of(&self, folder: &Path) -> Vec<u32> {
        // Links in /proc lead to where things are, not to the name they were opened by.
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let mut pids: Vec<u32> = self
            .0
            .iter()
            .filter(|(_, path)| path.starts_with(&folder))
            .map(|(pid, _)| *pid)
            .collect();
        pids.dedup();
        pids
    }
}

/// Bytes that a file or folder takes on the disk; links are not followed.
pub(super) fn bytes(path: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return 0;
    };
    let own = meta.blocks().saturating_mul(512);
    // Whoever made it may have made it as deep and wide as they liked.
    let below = if meta.is_dir() {
        used_bytes([path], u64::MAX)
    } else {
        0
    };
    own.saturating_add(below)
}

/// When a folder or something directly in it was last written, Unix milliseconds; 0 if it is gone.
pub(super) fn written_ms(folder: &Path) -> i64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let times = paths.chain([folder.to_owned()]).filter_map(|path| {
        let written = fs::symlink_metadata(path).ok()?.modified().ok()?;
        let since = written.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    });
    times.max().unwrap_or(0)
}

/// Folders in a folder that need not be there; links are none.
pub(super) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut paths: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Last part of a path as text.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_open_file_is_seen_and_measured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/file");
        fs::create_dir(folder.path().join("deep")).unwrap();
        assert_eq!(Users::look().unwrap().of(folder.path()), Vec::<u32>::new());
        let file = fs::File::create(&path).unwrap();
        fs::write(&path, vec![1; 10_000]).unwrap();
        let users = Users::look().unwrap();
        // A program that another test starts may hold it too, until it is itself.
        assert!(users.of(folder.path()).contains(&std::process::id()));
        assert!(bytes(folder.path()) >= 10_000);
        drop(file);
    }
}
