//! Installs the tools that tests use, pinned, into `.tools/`. A part that cannot be had is named, and fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::scanners;
use crate::shell::{cargo, output, root, run};

/// The agent command line that the end-to-end test drives.
const CLAUDE: &str = "@anthropic-ai/claude-code@2.1.329";
/// The test runner.
const NEXTEST: &str = "0.9.143";

fn folder() -> PathBuf {
    root().join(".tools")
}

/// Folder of programs that are installed here.
pub(crate) fn bin() -> PathBuf {
    folder().join("bin")
}

/// The agent command line.
pub(crate) fn claude() -> PathBuf {
    folder().join("npm/node_modules/.bin/claude")
}

/// Installs everything that is missing.
pub(crate) fn install() -> anyhow::Result<()> {
    fs::create_dir_all(folder())?;
    if output(Command::new("git").arg("--version")).is_none() {
        debian(&["git"], "git")?;
    }
    nextest()?;
    scanners::install(&folder(), &bin())?;
    claude_code()
}

fn nextest() -> anyhow::Result<()> {
    if output(cargo().args(["nextest", "--version"])).is_some()
        || bin().join("cargo-nextest").exists()
    {
        return Ok(());
    }
    eprintln!("installing cargo-nextest {NEXTEST}");
    run(cargo()
        .args([
            "install",
            "cargo-nextest",
            "--locked",
            "--version",
            NEXTEST,
            "--root",
        ])
        .arg(folder()))
    .context("cargo-nextest is needed to run the tests")
}

fn claude_code() -> anyhow::Result<()> {
    let stamp = folder().join("npm/installed");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == CLAUDE) && works(&claude()) {
        return Ok(());
    }
    if output(Command::new("npm").arg("--version")).is_none() {
        debian(&["nodejs", "npm"], "npm")?;
    }
    eprintln!("installing {CLAUDE}");
    let npm = folder().join("npm");
    fs::create_dir_all(&npm)?;
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&npm)
        .arg(CLAUDE);
    run(command.stdout(Stdio::null()))
        .context("the agent command line is needed for its end-to-end test")?;
    // The one script it needs puts its program, which came as a package of its own, into place.
    let script = npm.join("node_modules/@anthropic-ai/claude-code/install.cjs");
    run(Command::new("node").arg(script).stdout(Stdio::null()))?;
    if !works(&claude()) {
        bail!("`{}` was installed and does not start", claude().display());
    }
    fs::write(stamp, CLAUDE)?;
    Ok(())
}

pub(crate) fn works(program: &Path) -> bool {
    output(Command::new(program).arg("--version")).is_some()
}

/// Installs Debian packages where that is possible.
pub(crate) fn debian(packages: &[&str], what: &str) -> anyhow::Result<()> {
    let root_user = output(Command::new("id").arg("-u")).as_deref() == Some("0");
    if !root_user || output(Command::new("apt-get").arg("--version")).is_none() {
        bail!(
            "{what} is needed; install it (Debian: apt-get install {})",
            packages.join(" ")
        );
    }
    run(Command::new("apt-get")
        .args(["update", "-qq"])
        .stdout(Stdio::null()))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .stdout(Stdio::null()))
    .with_context(|| format!("{what} is needed and cannot be installed"))
}
