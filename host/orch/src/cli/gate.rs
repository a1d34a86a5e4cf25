//! Verbs about gates: of operators, and of gate authors on their own machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::Part;

#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    /// List the gates of the host.
    List(Part),
    /// Show what gates decided lately, how fast, and whether one that only watches should be enforced.
    Stats(Part),
    /// Show what a gate file says of itself and what it may do.
    Inspect {
        /// The gate file.
        file: PathBuf,
    },
    #[command(flatten)]
    Order(Order),
    #[command(flatten)]
    Author(Author),
    /// Make an evaluation of the past again, from what the host answered then.
    ///
    /// Exit codes: 0 the very same verdict, 1 another one.
    Replay {
        /// Number of the evaluation, as `orch task show` prints it.
        evaluation: i64,
        /// Gate file; the version that judged then if not given.
        #[arg(long)]
        gate: Option<PathBuf>,
    },
    /// Say which verdicts of the past another gate file would change.
    ///
    /// Exit codes: 0 none, 1 some.
    Backtest {
        /// The candidate.
        file: PathBuf,
        /// How many evaluations to look at, the latest first.
        #[arg(long, default_value_t = 50)]
        last: u32,
        /// Gate whose evaluations are looked at; the file's stem if not given.
        #[arg(long)]
        gate: Option<String>,
    },
    /// Judge a plain git repository with one gate, without a host.
    ///
    /// Exit codes: 0 pass or not applicable, 1 fail, 2 inconclusive, 3 wait, 64 usage.
    Run(GateRun),
}

/// What is ordered of a host.
#[derive(Debug, Subcommand)]
pub(crate) enum Order {
    /// Have a gate judge at the end of a stage's gates; writes the line to the configuration.
    Enable {
        /// Gate, as its file is named.
        name: String,
        /// Stage.
        #[arg(long)]
        stage: String,
        /// Repository; every one if not given.
        #[arg(long)]
        repo: Option<String>,
        /// enforce, advise, observe or off.
        #[arg(long, default_value = "advise")]
        mode: String,
        /// Settings of the gate as JSON.
        #[arg(long, default_value = "{}")]
        settings: String,
    },
    /// Go back to a version of a gate that served before.
    Rollback {
        /// Gate.
        name: String,
        /// Digest or its beginning.
        digest: String,
    },
    /// Lift the quarantine of a gate.
    Release {
        /// Gate.
        name: String,
    },
    /// Pin every gate to the file that lies in the gates folder now.
    Lock,
}

/// What gate authors do on their own machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Author {
    /// Begin a gate project.
    New {
        /// Name of the gate: a-z, 0-9 and `-`.
        name: String,
        /// rust, javascript or python.
        #[arg(long, default_value = "rust")]
        lang: String,
        /// Folder of the project; the gate's name if not given.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Build the project's component.
    Build {
        /// Folder of the project.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Say whether a host would take a gate file, what it may do, and what an operator would stumble over.
    ///
    /// Exit codes: 0 nothing wrong, 1 an error.
    Check {
        /// The gate file.
        file: PathBuf,
    },
    /// Run a project's cases on its component, under the limits of production.
    ///
    /// Exit codes: 0 every case holds, 1 some do not, 64 usage.
    Test(Cases),
    /// Measure a gate on its cases, as a host runs it.
    Bench {
        #[command(flatten)]
        cases: Cases,
        /// Evaluations of each case.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        times: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Cases {
    /// The gate file, or the folder of a built project.
    #[arg(default_value = ".")]
    pub(crate) gate: PathBuf,
    /// The cases; `gate-tests.yaml` beside the gate file if not given.
    #[arg(long)]
    pub(crate) cases: Option<PathBuf>,
    /// text, json, junit or sarif.
    #[arg(long, default_value = "text")]
    pub(crate) format: String,
}

#[derive(Debug, Args)]
pub(crate) struct GateRun {
    /// The gate file.
    pub(crate) file: PathBuf,
    /// The repository: a work tree or a bare one.
    #[arg(long)]
    pub(crate) repo: PathBuf,
    /// Work item whose folder is judged.
    #[arg(long)]
    pub(crate) work_item: String,
    /// Branch or commit to judge; the checked-out one if not given.
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Base branch.
    #[arg(long, default_value = "main")]
    pub(crate) base: String,
    /// Stage to tell the gate.
    #[arg(long, default_value = "review")]
    pub(crate) stage: String,
    /// Settings of the gate as JSON.
    #[arg(long, default_value = "{}")]
    pub(crate) settings: String,
    /// Take ROLE (or `host`) for the author of FILE.
    #[arg(long, value_name = "FILE=ROLE")]
    pub(crate) assume_role: Vec<String>,
    /// Let the gate run tools and look up advisories as the configuration grants; without, it only reads.
    #[arg(long)]
    pub(crate) tools: bool,
    /// Take nobody for the author of a file without --assume-role.
    #[arg(long)]
    pub(crate) strict: bool,
    /// text (the artefact), json, junit or sarif.
    #[arg(long, default_value = "text")]
    pub(crate) format: String,
}
