//! Runs programs, has the machine's own packages installed, and knows where things are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Top of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command and demands success.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = describe(command);
    let status = command
        .status()
        .with_context(|| format!("`{name}` cannot be started"))?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and answers what it printed; none if it is not there or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let done = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    done.status
        .success()
        .then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// Whether a program is there and starts.
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

/// Links `name` in the folder `bin` to a program.
pub(crate) fn link(target: &Path, bin: &Path, name: &str) -> anyhow::Result<()> {
    let link = bin.join(name);
    // It may point to what an earlier installation left.
    fs::remove_file(&link).ok();
    std::os::unix::fs::symlink(target, link)?;
    Ok(())
}

fn describe(command: &Command) -> String {
    let args = command.get_args().map(|a| a.to_string_lossy().into_owned());
    let name = command.get_program().to_string_lossy().into_owned();
    std::iter::once(name)
        .chain(args)
        .take(8)
        .collect::<Vec<_>>()
        .join(" ")
}
