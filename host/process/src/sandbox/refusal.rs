//! How is it said that a program was not started?

use std::path::Path;

use super::NOT_CONFINED;

/// Says it where the program's output goes, and in a file of the host's, if there is one; answers the exit code.
pub(super) fn refuse(file: Option<&Path>, why: &str) -> i32 {
    if let Some(file) = file {
        // Whoever finds no file sees the exit code.
        std::fs::write(file, why).ok();
    }
    eprintln!("sandbox: {why}");
    NOT_CONFINED
}

/// What only a fault of this program can be the cause of.
pub(super) fn defect(e: std::io::Error) -> String {
    format!("the sandbox could not be prepared: {e}; this is a defect")
}
