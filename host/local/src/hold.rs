//! Holds a branch of a bare repository against the pushes of others, until a time that stands in the hold itself.
//!
//! A hook does it, which git asks before it takes a push in. The host's own landing moves the ref and asks no hook. The
//! hold is an aid and no proof: a push that gets past it is found by the landing, which moves the base from where it
//! was tested or not at all.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What git runs before it takes a push in.
const HOOK: &str = include_str!("hold/pre-receive.sh");
/// What the hook reads: when it ends, which branch, and why.
const HELD: &str = "orch-hold";

/// Holds a branch until a Unix time in seconds; answers why not, if somebody else's hook is in the way.
pub(crate) fn hold(
    repository: &Path,
    branch: &str,
    until_s: i64,
    why: &str,
) -> io::Result<Option<String>> {
    let folder = repository.join("hooks");
    fs::create_dir_all(&folder)?;
    let hook = folder.join("pre-receive");
    match fs::read(&hook) {
        Ok(text) if text == HOOK.as_bytes() => {}
        Ok(_) => {
            let place = hook.display();
            return Ok(Some(format!(
                "`{place}` is another hook; have it refuse pushes to the branch that `{HELD}` beside it names"
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            orch_durable::replace(&hook, HOOK.as_bytes())?;
        }
        Err(error) => return Err(error),
    }
    fs::set_permissions(&hook, Permissions::from_mode(0o755))?;
    // One line each, whatever a work item is called.
    let why: String = why.chars().filter(|c| !c.is_control()).collect();
    let text = format!("{until_s} {branch}\n{why}\n");
    orch_durable::replace(&repository.join(HELD), text.as_bytes())?;
    Ok(None)
}

/// Lets the branch go, if it is held.
pub(crate) fn let_go(repository: &Path) -> io::Result<()> {
    match fs::remove_file(repository.join(HELD)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook_of_somebody_else_stays_and_there_is_no_hold() {
        let folder = tempfile::tempdir().expect("a folder");
        let hook = folder.path().join("hooks/pre-receive");
        fs::create_dir(folder.path().join("hooks")).expect("a folder");
        fs::write(&hook, "#!/bin/sh\nexit 0\n").expect("written");
        let why = hold(folder.path(), "main", 1, "S-1").expect("looked at");
        assert!(why.is_some_and(|why| why.contains("another hook")));
        assert_eq!(fs::read(&hook).expect("there"), b"#!/bin/sh\nexit 0\n");
        assert!(!folder.path().join(HELD).exists());
    }

    #[test]
    fn hold_says_its_end_and_reason_in_a_line_each_and_is_let_go_once_or_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        for end in [7, 9] {
            let why = hold(folder.path(), "main", end, "S-1\nrm -rf").expect("held");
            assert_eq!(why, None);
            let text = fs::read_to_string(folder.path().join(HELD)).expect("there");
            assert_eq!(text, format!("{end} main\nS-1rm -rf\n"));
        }
        let_go(folder.path()).expect("let go");
        let_go(folder.path()).expect("nothing is held");
    }
}
