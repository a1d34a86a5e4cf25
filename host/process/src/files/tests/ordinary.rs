//! Runs a test a second time as an ordinary user: root may read and remove what an ordinary user may not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The user that owns nothing.
const NOBODY: u32 = 65534;
/// Set in the second run; holds what it works on, if the first run made that.
const GIVEN: &str = "ORCH_TEST_AS_ORDINARY_USER";

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What the first run made for this one; none in the first run.
pub(crate) fn given() -> Option<PathBuf> {
    std::env::var_os(GIVEN).map(PathBuf::from)
}

/// Runs the test of this name as an ordinary user too, if the present one is root.
///
/// # Panics
/// When it fails there.
pub(crate) fn too(name: &str) {
    if is_root() {
        with(name, Path::new(""));
    }
}

/// Gives `path` to the ordinary user.
pub(crate) fn own(path: &Path) {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("root gives it away");
}

/// Runs the test of this name as an ordinary user, with what it is to work on.
///
/// # Panics
/// When it fails there, or did not run.
pub(crate) fn with(name: &str, given: &Path) {
    // The program lies in a folder that may be closed to others.
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("its own");
    let program = folder.path().join("tests");
    let me = std::env::current_exe().expect("a test has a path");
    fs::copy(me, &program).expect("a copy");
    let tmp = folder.path().join("tmp");
    fs::create_dir(&tmp).expect("a folder");
    own(&tmp);
    let done = Command::new(&program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env("TMPDIR", &tmp)
        .env(GIVEN, given)
        .current_dir(&tmp)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "as an ordinary user: {said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}
