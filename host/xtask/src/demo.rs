//! `cargo xtask demo`, `bench` and `torture`: build what is needed, then run it.

use std::process::{Command, Stdio};

use crate::shell::{self, cargo, root, target_dir};

pub(crate) fn build_host(quiet: bool) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["build", "-p", "orch"]);
    if quiet {
        command.arg("--quiet").stdout(Stdio::null());
    }
    shell::run(&mut command)
}

/// Builds gates and host and runs `orch demo`.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let quiet = args.iter().any(|a| a == "--json");
    crate::gates::build(quiet)?;
    build_host(quiet)?;
    let orch = target_dir()?.join("debug/orch");
    let mut command = Command::new(orch);
    command
        .current_dir(root())
        .args(["demo", "--gates"])
        .arg(root().join("gates"))
        .args(args);
    shell::run(&mut command)
}

/// Kills the host at every crash point and at random, and demands that nothing differs afterwards.
pub(crate) fn torture(args: &[String]) -> anyhow::Result<()> {
    crate::gates::build(false)?;
    // As the tests are built, so that nothing is compiled twice.
    shell::run(cargo().args(["build", "--workspace", "--all-targets"]))?;
    shell::run(
        Command::new(target_dir()?.join("debug/orch-torture"))
            .current_dir(root())
            .args(args),
    )
}

/// Other queues and bare SQLite, beside which the queue is measured.
const PEERS: [&str; 4] = ["floor", "effectum", "apalis", "azums"];

/// Runs the benchmarks, which write their page themselves.
pub(crate) fn bench(args: &[String]) -> anyhow::Result<()> {
    crate::gates::build(false)?;
    // One build for both: built one by one they would compile their common dependencies twice.
    shell::run(cargo().args(["build", "--release", "-p", "orch", "-p", "orch-bench"]))?;
    let target = target_dir()?;
    for peer in PEERS {
        let home = root().join("host/bench/peers").join(peer);
        shell::run(
            cargo()
                .args(["build", "--release", "--locked", "--manifest-path"])
                .arg(home.join("Cargo.toml"))
                .arg("--target-dir")
                .arg(target.join("peers").join(peer)),
        )?;
    }
    shell::run(
        Command::new(target.join("release/orch-bench"))
            .current_dir(root())
            .args(args),
    )
}
