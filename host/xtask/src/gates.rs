//! Builds the first-party gates and lays the components into `gates/`.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::shell::{cargo, output, root, run, target_dir};

/// Gate crates are named so; the rest of the name is the file's.
const PREFIX: &str = "gate-";
const TARGET: &str = "wasm32-wasip2";

/// Builds every gate crate; `quiet` keeps standard output free.
pub(crate) fn build(quiet: bool) -> anyhow::Result<()> {
    ensure_target()?;
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()?;
    let crates: Vec<String> = metadata
        .packages
        .iter()
        .map(|p| p.name.to_string())
        .filter(|name| name.starts_with(PREFIX))
        .collect();
    if crates.is_empty() {
        bail!("no gate crates in the workspace");
    }
    let mut command = cargo();
    command.args(["build", "--profile", "gate", "--target", TARGET]);
    for name in &crates {
        command.args(["-p", name]);
    }
    if quiet {
        command.arg("--quiet").stdout(Stdio::null());
    }
    run(&mut command).context("the gates do not build")?;
    let built = target_dir()?.join(TARGET).join("gate");
    let gates = root().join("gates");
    for name in &crates {
        let file = format!("{}.wasm", name.replace('-', "_"));
        let stem = name.trim_start_matches(PREFIX);
        // Renamed into place: a host that watches the folder never sees half a file.
        let new = gates.join(format!(".{stem}.wasm.new"));
        let to = gates.join(format!("{stem}.wasm"));
        let content = fs::read(built.join(&file));
        let content = content.with_context(|| format!("`{file}` was not built"))?;
        // The program carries the gates: one that is the same must not have it built again.
        if fs::read(&to).is_ok_and(|present| present == content) {
            continue;
        }
        fs::write(&new, content)?;
        fs::rename(&new, to)?;
    }
    if !quiet {
        println!("{} gates in {}", crates.len(), gates.display());
    }
    Ok(())
}

fn ensure_target() -> anyhow::Result<()> {
    let listed = output(
        Command::new("rustup")
            .args(["target", "list", "--installed"])
            .current_dir(root()),
    );
    if listed.is_some_and(|list| list.lines().any(|line| line == TARGET)) {
        return Ok(());
    }
    eprintln!("adding the target {TARGET}");
    run(Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(root())
        .stdout(Stdio::null()))
    .with_context(|| {
        format!(
            "target {TARGET} is needed to build gates; add it with `rustup target add {TARGET}`"
        )
    })
}
