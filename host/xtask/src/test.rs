//! `cargo xtask test`: everything that has to hold before a change lands.

use std::time::Instant;

use crate::shell::{cargo, root, run};
use crate::{gates, mutants, tidy, tools};

type Step = (&'static str, fn() -> anyhow::Result<()>);

const STEPS: [Step; 9] = [
    ("tools", tools::install),
    ("formatting", formatting),
    ("tidy", tidy::run),
    ("gates", || gates::build(false)),
    ("build", build),
    ("lints", lints),
    ("tests", tests),
    ("documentation tests", doc_tests),
    ("mutants", || mutants::run(&mutants::SAMPLE)),
];

pub(crate) fn run_all() -> anyhow::Result<()> {
    for (name, step) in STEPS {
        let begun = Instant::now();
        eprintln!("== {name}");
        step().map_err(|error| error.context(format!("step `{name}`")))?;
        eprintln!("== {name}: {:.0} s", begun.elapsed().as_secs_f64());
    }
    println!("everything passed");
    Ok(())
}

fn formatting() -> anyhow::Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

/// One build of everything with the features that the tests have, so that nothing is compiled twice.
fn build() -> anyhow::Result<()> {
    run(cargo().args(["build", "--workspace", "--all-targets"]))
}

fn lints() -> anyhow::Result<()> {
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn tests() -> anyhow::Result<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", tools::bin().display());
    run(cargo()
        .args(["nextest", "run", "--workspace"])
        .env("PATH", path)
        .env("ORCH_TEST_CLAUDE", tools::claude())
        .env("ORCH_TEST_ROOT", root()))
}

fn doc_tests() -> anyhow::Result<()> {
    run(cargo().args(["test", "--doc", "-p", "orch-gate-sdk"]))
}

/// Checks bans, licences and sources of the dependencies.
pub(crate) fn deny() -> anyhow::Result<()> {
    if crate::shell::output(cargo().args(["deny", "--version"])).is_none() {
        run(cargo().args(["install", "cargo-deny", "--version", "0.20.2", "--locked"]))?;
    }
    run(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}
