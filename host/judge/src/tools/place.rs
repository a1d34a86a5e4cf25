//! Where does a run find its files, and what may it leave?

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use orch_domain::imports::ToolError;

/// Bytes of all files that a gate may hand to a run, and of each that it gets back.
pub(super) const FILES_BYTES_MAX: u64 = 4 * 1024 * 1024;

pub(super) fn failed(error: impl std::fmt::Display) -> ToolError {
    ToolError::Failed(error.to_string())
}

/// The folders of one run.
#[derive(Debug)]
pub(super) struct Place {
    /// What the run is given and leaves.
    pub(super) scratch: PathBuf,
    pub(super) home: PathBuf,
    pub(super) tmp: PathBuf,
    /// What it sees of the repository.
    pub(super) tree: PathBuf,
}

impl Place {
    pub(super) fn make(root: &Path) -> std::io::Result<Self> {
        let place = Self {
            scratch: root.join("scratch"),
            home: root.join("home"),
            tmp: root.join("tmp"),
            tree: root.join("tree"),
        };
        for folder in [&place.scratch, &place.home, &place.tmp, &place.tree] {
            std::fs::create_dir(folder)?;
        }
        Ok(place)
    }
}

/// A path below `root`; one that leads out is refused.
pub(super) fn inside(root: &Path, name: impl AsRef<[u8]>) -> Result<PathBuf, ToolError> {
    let path = Path::new(OsStr::from_bytes(name.as_ref()));
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if path.as_os_str().is_empty() || !plain {
        return Err(failed(format!(
            "`{}` is not a path below the scratch folder",
            path.display()
        )));
    }
    Ok(root.join(path))
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

/// A file that the run left, opened; none if it did not. Links are not followed: the run made them.
pub(super) fn open_output(scratch: &Path, name: &str) -> Result<Option<std::fs::File>, ToolError> {
    let path = inside(scratch, name)?;
    let no_follow = i32::try_from(
        rustix::fs::OFlags::NOFOLLOW
            .union(rustix::fs::OFlags::NONBLOCK)
            .bits(),
    );
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(no_follow.unwrap_or(0));
    let file = match options.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("output `{name}`: {error}"))),
    };
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(Some(file)),
        false => Err(failed(format!("output `{name}` is not a file"))),
    }
}

/// The text of a file that the run left; none if it did not.
pub(super) fn read_output(
    scratch: &Path,
    name: &str,
) -> Result<Option<(String, String)>, ToolError> {
    let Some(file) = open_output(scratch, name)? else {
        return Ok(None);
    };
    if file.metadata().map_err(failed)?.len() > FILES_BYTES_MAX {
        return Err(failed(format!(
            "output `{name}` has more than {FILES_BYTES_MAX} bytes"
        )));
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, FILES_BYTES_MAX), &mut bytes)
        .map_err(failed)?;
    Ok(Some((
        name.to_owned(),
        String::from_utf8_lossy(&bytes).into_owned(),
    )))
}
