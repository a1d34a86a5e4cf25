//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Orch carries work items from request to production, and lets nothing pass that no gate has judged.
#[derive(Debug, Parser)]
#[command(name = "orch", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The host's configuration.
    #[arg(long, global = true, default_value = "orch.yaml", env = "ORCH_CONFIG")]
    pub(crate) config: PathBuf,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the host: queue, agents, gates, HTTP.
    Serve,
    /// Begin tasks, look at them, approve, resume and stop them.
    #[command(subcommand)]
    Task(Task),
    /// Show the queue.
    Queue,
    /// Hold a lane or repository back: nothing of it begins, what is under way goes on.
    Pause {
        /// `lane:agents`, `lane:gates`, `lane:effects` or `repo:REPOSITORY`.
        scope: String,
        /// For how long, such as 30m, 2h or 3d; without it until `orch unpause`.
        #[arg(long = "for")]
        period: Option<String>,
        /// Why; shown to whoever asks what a task waits for.
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Let a lane or repository go on.
    Unpause {
        /// As it was paused.
        scope: String,
        #[command(flatten)]
        who: Who,
    },
    /// Look at leases and free them by force.
    #[command(subcommand)]
    Lease(Lease),
    /// Show what agents' runs cost and used.
    Costs {
        /// Put together by day, stage, task or agent.
        #[arg(long, default_value = "day")]
        by: String,
        /// How many days back, today counted, in UTC.
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// One work item only.
        #[arg(long)]
        task: Option<String>,
    },
    /// Look at the local tracker's issues and move them.
    #[command(subcommand)]
    Issue(Issue),
    /// Look at gates and try them.
    #[command(subcommand)]
    Gate(Gate),
    /// Remove what nobody needs any more: leftovers of ended tasks, old logs, the trash. Work is kept on a ref
    /// and folders go to the trash first.
    Gc {
        /// Only say what would go and why.
        #[arg(long)]
        dry_run: bool,
    },
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(Config),
    /// Carry a small real task through every stage, in a temporary folder.
    Demo(Demo),
    /// Prove on this machine that tools and tests are confined.
    Doctor,
    /// Run one program confined (started by the host).
    #[command(hide = true)]
    SandboxExec {
        /// What it may do.
        confinement: String,
        /// Program.
        program: PathBuf,
        /// Arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Compile one gate (started by the host).
    #[command(hide = true)]
    CompileGate {
        /// The component.
        from: PathBuf,
        /// Where the machine code goes.
        to: PathBuf,
    },
    /// Own one run (started by the host).
    #[command(hide = true)]
    Supervise {
        /// Run folder.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Begin a task.
    New {
        /// Repository, as named in the configuration.
        #[arg(long)]
        repo: String,
        /// The request in one line.
        #[arg(long)]
        title: String,
        /// The request in full, Markdown.
        #[arg(long, default_value = "")]
        body: String,
        /// A file with the request in full.
        #[arg(long, conflicts_with = "body")]
        body_file: Option<PathBuf>,
        /// A work item that has to be done before this one begins; may be given several times.
        #[arg(long)]
        after: Vec<String>,
        /// How urgent it is, 1 (first) to 9.
        #[arg(long)]
        priority: Option<i64>,
        /// Work item id, such as SHOP-12; made up if not given.
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// List tasks that are under way.
    List {
        /// Ended ones too.
        #[arg(long)]
        all: bool,
    },
    /// Show a task with its verdicts and runs.
    Show {
        /// Work item.
        id: String,
    },
    /// Say what a task waits for, since when, and what would move it.
    Why {
        /// Work item.
        id: String,
    },
    /// Approve what the task waits for: its analysis or its deploy.
    Approve {
        /// Work item.
        id: String,
        #[command(flatten)]
        who: Who,
    },
    /// Reject what the task waits for.
    Reject {
        /// Work item.
        id: String,
        /// What to change; reaches the agent verbatim.
        #[arg(long)]
        comment: String,
        #[command(flatten)]
        who: Who,
    },
    /// Take a task out of a block.
    Resume {
        /// Work item.
        id: String,
        /// Stage to go on at; not after the one it has reached.
        #[arg(long)]
        stage: Option<String>,
        /// Rework rounds to add.
        #[arg(long, default_value_t = 0)]
        rounds: u32,
        #[command(flatten)]
        who: Who,
    },
    /// Say how urgent a task is; whoever waits long rises by itself.
    Priority {
        /// Work item.
        id: String,
        /// 1 (first) to 9; 5 is what a task has that says nothing.
        priority: i64,
        #[command(flatten)]
        who: Who,
    },
    /// Stop a task; its work is kept.
    Stop {
        /// Work item.
        id: String,
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Lease {
    /// List who holds what: merges of repositories, transitions of tasks.
    List,
    /// Free a lease by force. Whoever works under it writes nothing more; a task's job begins anew.
    Release {
        /// `merge:REPOSITORY` or `task:WORK-ITEM`, as `orch lease list` prints it.
        resource: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Issue {
    /// List issues with where they are and who moved them there.
    List {
        /// Those of ended tasks too.
        #[arg(long)]
        all: bool,
    },
    /// Move an issue: to stop asks for a stop, to approved approves, to in-progress resumes a blocked task.
    Move {
        /// Work item.
        id: String,
        /// Where to: stop, approved or in-progress.
        state: String,
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Who asks; checked against `approvers`.
    #[arg(long = "by", env = "USER", default_value = "operator")]
    pub(crate) by: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    /// List the gates of the host.
    List,
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
        /// enforce, advise or off.
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

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the configuration, every repository's own, and the gates they name.
    Check,
    /// Show the configuration as it applies.
    Show {
        /// Say which values came from the environment.
        #[arg(long)]
        sources: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder with the gate files.
    #[arg(long, default_value = "gates")]
    pub(crate) gates: PathBuf,
    /// Leave the folder behind.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Kill the host in the middle of the developer's run and start it again.
    #[arg(long)]
    pub(crate) crash: bool,
}
