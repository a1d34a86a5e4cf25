//! Is the program there, and does it answer `--version`?

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orch_process::{Spec, resolve_program, run};

use super::{Failure, Subject};

/// Bytes kept of what the program prints; a version is one line.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Characters kept of a line for people.
const LINE_CHARS_MAX: usize = 200;

/// Absolute path of `program`; a name is looked for in `path` (as in `PATH`). Blocks on the file system.
pub(super) fn find(program: &Path, path: &str) -> Result<PathBuf, Failure> {
    let missing = |searched: &str| Failure::ProgramMissing {
        program: program.to_owned(),
        searched: searched.to_owned(),
    };
    if program.components().count() == 1 && !program.is_absolute() {
        return resolve_program(program, path).map_err(|_| missing(path));
    }
    if !program.is_absolute() {
        return Err(Failure::ProgramRelative {
            program: program.to_owned(),
        });
    }
    match std::fs::metadata(program) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => {
            Ok(program.to_owned())
        }
        Ok(_) => Err(Failure::ProgramNotExecutable {
            program: program.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing("the path itself")),
        Err(error) => Err(Failure::Unexpected {
            reason: format!("`{}` cannot be looked at: {error}", program.display()),
        }),
    }
}

/// First line of what `program --version` prints, run as the agent would be.
///
/// The working folder is the root: the run's own does not exist yet, and a version depends on none.
pub(super) async fn version(
    program: &Path,
    subject: &Subject,
    timeout_ms: u32,
) -> Result<String, Failure> {
    let home = subject.effective_home();
    let mut spec = Spec::new(program, "/");
    spec.args = vec!["--version".to_owned()];
    spec.env.clone_from(&subject.env);
    if subject.variable("HOME").is_none() {
        spec = spec.env("HOME", home.display().to_string());
    }
    spec.timeout = Duration::from_millis(u64::from(timeout_ms));
    spec.output_bytes_max = OUTPUT_BYTES_MAX;
    if let Some((orch, confinement)) = &subject.confinement {
        spec = spec.confined(orch, confinement);
    }
    let done = run(&spec)
        .await
        .map_err(|error| Failure::VersionNotStarted {
            program: program.to_owned(),
            reason: std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string),
        })?;
    if done.timed_out {
        return Err(Failure::VersionTimedOut {
            program: program.to_owned(),
            home,
            timeout_ms,
        });
    }
    if !done.success() {
        let tail = done.tail(LINE_CHARS_MAX);
        let last = tail.lines().rev().find(|line| !line.trim().is_empty());
        return Err(Failure::VersionFailed {
            program: program.to_owned(),
            code: done.exit.code(),
            said: last.map_or_else(|| "it said nothing".to_owned(), for_people),
        });
    }
    Ok(for_people(done.stdout.text().lines().next().unwrap_or("")))
}

/// `line` without control characters, which could rewrite a terminal, and cut.
fn for_people(line: &str) -> String {
    line.trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(LINE_CHARS_MAX)
        .collect()
}
