//! Runs what works with files and processes once more as an ordinary user, if the other tests ran as root.
//!
//! For root no mode of a file is ever in the way, so tests of refusals and of recovery from them would say nothing.
//! Where the clone or what is built of it is closed to other users, the tests run from a copy that is not; what is
//! copied, and how it is found there, is in `ordinary_user/copy.rs`. Nothing is built for it.

mod copy;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::shell::{output, root, target_dir};

/// What works with files and processes itself. Builds inside of the sandbox need the toolchains of whoever called this,
/// and of a home that is closed to others an ordinary user sees none; the run before tried them as both users, where
/// both can see them.
const TESTS: &str = "(package(orch-process) - (binary(cage) & test(/^builds::/))) + package(orch-store) + package(orch-agents)";
/// The user that owns nothing, by the convention of every Linux system.
const NOBODY: u32 = 65534;

pub(super) fn run() -> anyhow::Result<()> {
    if output(Command::new("id").arg("-u")).as_deref() != Some("0") {
        eprintln!("the tests ran as an ordinary user");
        return Ok(());
    }
    let place = std::env::temp_dir().join(format!("orch-ordinary-user-{}", std::process::id()));
    fs::create_dir(&place).with_context(|| format!("`{}`", place.display()))?;
    let done = in_place(&place);
    fs::remove_dir_all(&place).with_context(|| format!("`{}`", place.display()))?;
    done
}

fn in_place(place: &Path) -> anyhow::Result<()> {
    fs::set_permissions(place, fs::Permissions::from_mode(0o755))?;
    let home = place.join("home");
    fs::create_dir(&home)?;
    std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY))?;
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
    ensure!(
        is_open(&home),
        "no tests can be run as an ordinary user: `{}` or a folder above it is closed to other users; open it \
         (chmod o+x), or set TMPDIR to a folder that is open",
        place.display()
    );
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
    let mut tests = if is_open(&root()) && is_open(&target_dir()?) {
        let mut tests = super::nextest()?;
        tests.args(["-E", TESTS]);
        tests
    } else {
        copy::tests(TESTS, &place.join("copy"))?
    };
    crate::shell::run(
        tests
            .args(["--profile", "ordinary-user"])
            .env(runner, words(&test))
            .env("TMPDIR", home),
    )
}

/// Whether the ordinary user can use the folder, and so those above it.
fn is_open(folder: &Path) -> bool {
    let usable = |flag| output(as_nobody().args(["test", flag]).arg(folder)).is_some();
    usable("-r") && usable("-x")
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
