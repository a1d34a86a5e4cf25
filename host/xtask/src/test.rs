//! `cargo xtask test`: everything that has to hold before a change lands, within half an hour on two processors.

mod ordinary_user;
mod slowest;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::shell::{cargo, output, root, run};
use crate::{gates, mutants, tidy, tools};

/// One step. Its budget is what it may take on a bare machine with two processors, where everything has to be
/// compiled; one that takes longer is named at the end and fails nothing.
struct Step {
    name: &'static str,
    budget_s: u64,
    run: fn() -> anyhow::Result<()>,
}

const fn step(name: &'static str, budget_s: u64, run: fn() -> anyhow::Result<()>) -> Step {
    Step {
        name,
        budget_s,
        run,
    }
}

const STEPS: [Step; 9] = [
    step("tools", 60, tools::install),
    step("formatting", 5, formatting),
    step("tidy", 5, tidy::run),
    step("gates", 80, || gates::build(false)),
    step("build and lints", 400, build),
    step("tests", 600, tests),
    step("tests as an ordinary user", 40, ordinary_user::run),
    step("documentation tests", 30, doc_tests),
    step("mutants", 150, || mutants::run(&mutants::SAMPLE)),
];

/// A step that was taken.
struct Taken {
    name: &'static str,
    budget_s: u64,
    time: Duration,
}

/// Runs every step until one fails, and says what each took.
pub(crate) fn run_all() -> anyhow::Result<()> {
    let mut taken = Vec::new();
    let done = STEPS.iter().try_for_each(|step| {
        eprintln!("== {}: {} s at most", step.name, step.budget_s);
        let begun = Instant::now();
        let done = (step.run)();
        taken.push(Taken {
            name: step.name,
            budget_s: step.budget_s,
            time: begun.elapsed(),
        });
        done.map_err(|error| error.context(format!("step `{}`", step.name)))
    });
    eprint!("{}", times(&taken));
    done?;
    println!("everything passed");
    Ok(())
}

/// A line for each step, and one for all of them.
fn times(taken: &[Taken]) -> String {
    let line = |name: &str, time: Duration, budget_s: u64| {
        let over = match time > Duration::from_secs(budget_s) {
            true => "  OVER BUDGET",
            false => "",
        };
        format!(
            "{name:<26} {:>6.0} s of {budget_s:>5} s{over}\n",
            time.as_secs_f64()
        )
    };
    let steps = taken.iter().map(|t| line(t.name, t.time, t.budget_s));
    let all = line(
        "all",
        taken.iter().map(|t| t.time).sum(),
        taken.iter().map(|t| t.budget_s).sum(),
    );
    steps.chain([all]).collect()
}

/// Budget 5 s: nothing is compiled.
fn formatting() -> anyhow::Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

/// One build of everything with the features that the tests have, so that nothing is compiled twice. Clippy is the
/// compiler of our own crates in it: by itself it would check all dependencies once more, which shares nothing with
/// their build. Budget 400 s: nearly all of it compiles dependencies, and a third of that Cranelift.
fn build() -> anyhow::Result<()> {
    run(linted(cargo())
        .args(["build", "--workspace", "--all-targets"])
        .args(lints()?))
}

/// What of cargo's configuration has Clippy compile our own crates; every step that uses what `build` built needs it.
fn lints() -> anyhow::Result<[String; 2]> {
    let sysroot = output(
        Command::new("rustc")
            .args(["--print", "sysroot"])
            .current_dir(root()),
    );
    let sysroot = sysroot.context("`rustc --print sysroot` says nothing")?;
    let clippy = Path::new(&sysroot).join("bin/clippy-driver");
    ensure!(
        clippy.is_file(),
        "`{}` is not there: `rustup component add clippy` installs it",
        clippy.display()
    );
    Ok([
        "--config".to_owned(),
        format!(
            "build.rustc-workspace-wrapper={:?}",
            clippy.display().to_string()
        ),
    ])
}

/// With the arguments that `cargo clippy -- -D warnings` would hand over.
fn linted(mut command: Command) -> Command {
    command.env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
    command
}

/// Budget 600 s: most of it are tests of a running host. Sweeps are sampled here, `cargo xtask torture` does all.
fn tests() -> anyhow::Result<()> {
    let done = run(&mut nextest()?);
    // What was slow is of interest even if something failed.
    if let Err(error) = slowest::print(&root().join("target/nextest/default/junit.xml")) {
        eprintln!("{error:#}");
    }
    done
}

/// The test runner on everything that `build` built.
fn nextest() -> anyhow::Result<Command> {
    nextest_verb("run")
}

/// nextest about the tests of all crates.
fn nextest_verb(verb: &str) -> anyhow::Result<Command> {
    let mut command = nextest_in(verb);
    command.arg("--workspace").args(lints()?);
    Ok(command)
}

/// nextest, with what tests need to know.
fn nextest_in(verb: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", tools::bin().display());
    let mut command = linted(cargo());
    command
        .args(["nextest", verb])
        .env("PATH", path)
        .env("ORCH_TEST_CLAUDE", tools::claude())
        .env("ORCH_TEST_BROWSER", tools::browser())
        .env("ORCH_TEST_ROOT", root());
    command
}

/// Budget 30 s: with the features of the whole workspace, so that only the tests themselves are compiled.
fn doc_tests() -> anyhow::Result<()> {
    run(linted(cargo())
        .args(["test", "--doc", "--workspace", "--quiet"])
        .args(lints()?))
}

/// Checks bans, licences and sources of the dependencies.
pub(crate) fn deny() -> anyhow::Result<()> {
    if output(cargo().args(["deny", "--version"])).is_none() {
        run(cargo().args(["install", "cargo-deny", "--version", "0.20.2", "--locked"]))?;
    }
    run(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Taken, times};

    #[test]
    fn step_over_its_budget_is_named_and_the_sum_is_said() {
        let taken = |name, seconds| Taken {
            name,
            budget_s: 10,
            time: Duration::from_secs(seconds),
        };
        let text = times(&[taken("quick", 3), taken("slow", 12)]);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert!(lines[0].starts_with("quick") && lines[0].ends_with("3 s of    10 s"));
        assert!(lines[1].starts_with("slow") && lines[1].ends_with("OVER BUDGET"));
        assert!(lines[2].starts_with("all") && lines[2].ends_with("15 s of    20 s"));
    }
}
