//! The task runner: `cargo xtask <verb>`. It depends on no other crate of the workspace.

mod browser;
mod demo;
mod gates;
mod mutants;
mod python;
mod scanners;
mod shell;
mod test;
mod tidy;
mod tools;

use clap::{Parser, Subcommand};

/// Builds, tests and shows Orch.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build the gates and the host, and carry a real task through every stage.
    Demo {
        /// Passed on to `orch demo`: --keep, --crash, --serve, --json.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Install what the tests need and run everything.
    Test,
    /// Build the first-party gates into gates/.
    Gates,
    /// Install the tools that tests use.
    Tools,
    /// Look for what the house style forbids.
    Tidy,
    /// Run the benchmarks and write docs/reference/benchmarks.md; `PAGE --only SECTION,…` measures some of them.
    Bench {
        /// Passed on; the page of the documentation if nothing is said.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill everything at every crash point and at random, and compare: `--points N --rounds N --seed S`; `--mover N` walks N times among other people.
    Torture {
        /// Passed on: all points and 10,000 rounds from seed 1 if nothing is said.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Take each guard of the claim protocol out of a copy of the code, and demand that a test notices.
    Mutants {
        /// Try this one only; may be given several times.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
    },
    /// Check bans, licences and sources of the dependencies.
    Deny,
}

fn main() -> std::process::ExitCode {
    let done = match Cli::parse().verb {
        Verb::Demo { args } => demo::run(&args),
        Verb::Test => test::run_all(),
        Verb::Gates => gates::build(false),
        Verb::Tools => tools::install(),
        Verb::Tidy => tidy::run(),
        Verb::Bench { args } => demo::bench(&args),
        Verb::Torture { args } => demo::torture(&args),
        Verb::Mutants { only } => mutants::run(&only),
        Verb::Deny => test::deny(),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
