//! Runs what works with files and processes once more as an ordinary user, if the other tests ran as root.
//!
//! For root no mode of a file is ever in the way, so tests of refusals and of recovery from them would say nothing.
//! Nothing is built for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::shell::{output, root, target_dir};

/// What works with files and processes itself.
const TESTS: &str = "package(orch-process) + package(orch-store) + package(orch-agents)";
/// The user that owns nothing, by the convention of every Linux system.
const NOBODY: u32 = 65534;

pub(super) fn run() -> anyhow::Result<()> {
    if output(Command::new("id").arg("-u")).as_deref() != Some("0") {
        eprintln!("the tests ran as an ordinary user");
        return Ok(());
    }
    for folder in [root(), target_dir()?] {
        if output(as_nobody().args(["test", "-r"]).arg(&folder)).is_none() {
            eprintln!(
                "NOT RUN: `{}` or a folder above it is closed to other users, so no tests can be run as one; \
                 open it (chmod o+rx), or run everything as an ordinary user",
                folder.display()
            );
            return Ok(());
        }
    }
    let home = std::env::temp_dir().join(format!("orch-ordinary-user-{}", std::process::id()));
    fs::create_dir(&home).with_context(|| format!("`{}`", home.display()))?;
    let done = in_home(&home);
    fs::remove_dir_all(&home).with_context(|| format!("`{}`", home.display()))?;
    done
}

fn in_home(home: &Path) -> anyhow::Result<()> {
    std::os::unix::fs::chown(home, Some(NOBODY), Some(NOBODY))?;
    fs::set_permissions(home, fs::Permissions::from_mode(0o700))?;
    let told = output(Command::new("rustc").arg("-vV")).context("`rustc -vV` says nothing")?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    let runner = format!(
        "CARGO_TARGET_{}_RUNNER",
        host.to_uppercase().replace('-', "_")
    );
    // Cargo keeps the home of who called it; only what is run gets the other one.
    let mut test = as_nobody();
    test.arg("env").arg(format!("HOME={}", home.display()));
    crate::shell::run(
        super::nextest()
            .args(["--profile", "ordinary-user", "-E", TESTS])
            .env(runner, words(&test))
            .env("TMPDIR", home),
    )
}

fn as_nobody() -> Command {
    let mut command = Command::new("setpriv");
    let id = NOBODY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
    command
}

fn words(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    let program = command.get_program().to_string_lossy();
    let all: Vec<_> = std::iter::once(program).chain(args).collect();
    all.join(" ")
}
