//! The command line: verbs, their arguments, and what each is for.

pub(crate) mod args;
pub(crate) mod drill;
pub(crate) mod edges;
pub(crate) mod gate;
pub(crate) mod task;
pub(crate) mod token;
pub(crate) mod tracker;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use orch_domain::pipeline::Preset;
use orch_views::costs::CostsBy;
use orch_views::status::StatusState;

use self::args::Part;
use self::drill::Drill;
use self::edges::{Forge, Project, Webhook};
use self::gate::Gate;
use self::task::Task;
use self::token::Token;
use self::tracker::Tracker;

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
    /// Set a host up for a project: look at it, write orch.yaml beside a data folder, propose its .orch.yaml.
    Init(Init),
    /// Run the host: queue, agents, gates, HTTP.
    Serve,
    /// Begin tasks, look at them, approve, resume and stop them.
    #[command(subcommand)]
    Task(Task),
    /// List what waits for a person, the most pressing first, with what can be done.
    Inbox(Part),
    /// Show the queue: what is at work and what comes next.
    Queue(Part),
    /// List what people have to see, newest first, or acknowledge it.
    #[command(args_conflicts_with_subcommands = true)]
    Alerts {
        /// What was acknowledged too.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        part: Part,
        #[command(subcommand)]
        verb: Option<Alerts>,
    },
    /// Hold a lane or repository back: nothing of it begins, what is under way goes on.
    Pause {
        /// `lane:agents`, `lane:gates`, `lane:effects`, `repo:REPOSITORY`, or `lane:agents@REPOSITORY`.
        scope: String,
        /// For how long, such as 30m, 2h or 3d; without it until `orch unpause`.
        #[arg(long = "for")]
        period: Option<String>,
        /// Why; shown to everyone who asks what a task waits for.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let a lane or repository go on.
    Unpause {
        /// As it was paused.
        scope: String,
        /// Why; must be said of `deploy:REPOSITORY`.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Look at leases and free them by force.
    #[command(subcommand)]
    Lease(Lease),
    /// Show what agents' runs cost and used.
    Costs {
        /// Added up by day, stage, task or agent.
        #[arg(long, default_value = "day", value_parser = costs_by)]
        by: CostsBy,
        /// How many days back, today counted, in UTC.
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// One work item only.
        #[arg(long)]
        task: Option<String>,
        #[command(flatten)]
        part: Part,
    },
    /// Say how checks of commits stand that others run.
    #[command(subcommand)]
    Status(Status),
    /// Look at the local tracker's issues and move them.
    #[command(subcommand)]
    Issue(Issue),
    /// Set up trackers beyond this machine.
    #[command(subcommand)]
    Tracker(Tracker),
    /// Set up Gitea and Forgejo servers.
    #[command(subcommand)]
    Forge(Forge),
    /// Take repositories of forges on, with their webhooks and issues.
    #[command(subcommand)]
    Project(Project),
    /// Register webhooks at forges, and look at them.
    #[command(subcommand)]
    Webhook(Webhook),
    /// Give persons tokens of their own, and take them back.
    #[command(subcommand)]
    Token(Token),
    /// Say as whom the host knows you, and what you may do.
    Whoami,
    /// Print a link that logs you in at the host's pages, once.
    Open,
    /// Look at gates and try them.
    #[command(subcommand)]
    Gate(Gate),
    /// Try the gates of a repository with changes that are known to be bad, and say what they let through.
    ///
    /// Each change is a task of its own that is judged by every gate and never lands. No agent works on it.
    /// Exit codes: 0 every change that could be made was caught, 1 some were not.
    Drill(Drill),
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
    /// List, check, add and remove repositories; a running host follows.
    #[command(subcommand)]
    Repo(Repo),
    /// Test commits of tasks again.
    #[command(subcommand)]
    Ci(Ci),
    /// Write an orch.yaml from the environment file of the reference system, and say what could not be carried over.
    MigrateEnv {
        /// The environment file.
        env: PathBuf,
        /// Folder for credentials, from the folder of the configuration.
        #[arg(long, default_value = "secrets")]
        secrets: PathBuf,
    },
    /// Copy everything that a host needs to go on into a new folder, while it runs.
    Backup {
        /// A folder that is not there yet.
        folder: PathBuf,
    },
    /// Take a backup up as the data folder of this configuration, which must not have one yet.
    Restore {
        /// Folder that `orch backup` made.
        folder: PathBuf,
    },
    /// Watch the board in the terminal: tasks, what their agents do now, and what waits for a person.
    Watch,
    /// Let a model look at the host: a server of the Model Context Protocol on standard input and output.
    Mcp {
        /// Only this task, and only to look.
        #[arg(long)]
        task: Option<String>,
    },
    /// Carry a small real task through every stage, in a temporary folder.
    Demo(Demo),
    /// Prove on this machine that tools and tests are confined.
    Doctor {
        /// Test the base of this repository as well, as a task would begin with it.
        #[arg(long)]
        repo: Option<String>,
    },
    /// Run one program confined (started by the host).
    #[command(hide = true)]
    SandboxExec {
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
pub(crate) enum Alerts {
    /// Note that they are seen; one that comes again afterwards is a new one.
    Ack {
        /// Numbers, as `orch alerts` prints them.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Status {
    /// Set a status, as the machine does that runs the check.
    Set {
        /// Work item, whose present commit is meant, or the whole id of a commit.
        of: String,
        /// Name of the check, as `required_contexts` has it; none of the host's own, which begin with orch/.
        context: String,
        /// success, failure or pending.
        #[arg(value_parser = status_state)]
        state: StatusState,
        /// One line for people.
        #[arg(long, default_value = "")]
        description: String,
        /// Where to read more.
        #[arg(long)]
        url: Option<String>,
        /// Repository of the commit; needed only if several have it.
        #[arg(long)]
        repo: Option<String>,
    },
}

fn status_state(text: &str) -> Result<StatusState, String> {
    let known = StatusState::ALL
        .into_iter()
        .find(|state| state.as_str() == text);
    known.ok_or_else(|| {
        let names = StatusState::ALL.map(StatusState::as_str).join(", ");
        format!("no state `{text}`; use {names}")
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Lease {
    /// List who holds what: merges of repositories, transitions of tasks.
    List(Part),
    /// Free a lease by force. Its holder writes nothing more; a task's job begins again.
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
        #[command(flatten)]
        part: Part,
    },
    /// Move an issue: to stop asks for a stop, to approved approves, to in-progress resumes a blocked task.
    Move {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// Where to: stop, approved or in-progress.
        state: String,
    },
}

fn costs_by(text: &str) -> Result<CostsBy, String> {
    let known = CostsBy::ALL.into_iter().find(|by| by.as_str() == text);
    known.ok_or_else(|| {
        let names = CostsBy::ALL.map(CostsBy::as_str).join(", ");
        format!("cannot add up costs by `{text}`; use {names}")
    })
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
        /// The pipeline of this repository as it is in force, step by step, with where each line comes from.
        #[arg(long, value_name = "REPOSITORY", conflicts_with = "sources")]
        repo: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Repo {
    /// List repositories with how their bases stood when they were tested last.
    List(Part),
    /// Test the base of a repository now, in the sandbox that branches get.
    Check {
        /// The repository.
        name: String,
    },
    /// Add a project to the configuration: as `orch init`, for a host that is there.
    Add(RepoAdd),
    /// Take a repository out of the configuration; nothing of it is deleted.
    Remove {
        /// The repository.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RepoAdd {
    /// A git work tree, a bare repository, or an address that git can clone and push to.
    pub(crate) project: String,
    /// What the repository is called here.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Branch to begin from and to land on; the default branch if not given.
    #[arg(long)]
    pub(crate) base: Option<String>,
    /// Command that prepares a checkout, instead of the one that is found.
    #[arg(long)]
    pub(crate) setup: Option<String>,
    /// Command that tests it, instead of the one that is found.
    #[arg(long)]
    pub(crate) test: Option<String>,
    /// Commit the proposed .orch.yaml to the base instead of a branch.
    #[arg(long)]
    pub(crate) commit: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ci {
    /// Test a task's commit again, whatever came of it before.
    Rerun {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it; or the commit.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// A git work tree, a bare repository, or an address that git can clone and push to.
    #[arg(default_value = ".")]
    pub(crate) project: String,
    /// Folder for orch.yaml, the data and the bare clone; NAME-orch beside the project if not given.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// What the repository is called here.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Branch to begin from and to land on; the default branch if not given.
    #[arg(long)]
    pub(crate) base: Option<String>,
    /// Agent: claude, codex, gemini, opencode, or command:PATH for a program of your own; those that are
    /// installed if not given. The first one works.
    #[arg(long)]
    pub(crate) agent: Vec<String>,
    /// Pipeline: full, no-deploy, review-only or solo.
    #[arg(long, value_parser = preset)]
    pub(crate) preset: Option<Preset>,
    /// Command that prepares a checkout, instead of the one that is found.
    #[arg(long)]
    pub(crate) setup: Option<String>,
    /// Command that tests it, instead of the one that is found.
    #[arg(long)]
    pub(crate) test: Option<String>,
    /// Commit the proposed .orch.yaml to the base instead of a branch.
    #[arg(long)]
    pub(crate) commit: bool,
    /// Try neither the machine nor the base afterwards, as `orch doctor --repo` does.
    #[arg(long)]
    pub(crate) no_check: bool,
}

fn preset(text: &str) -> Result<Preset, String> {
    Preset::parse(text).ok_or_else(|| {
        let names = Preset::ALL.map(Preset::as_str).join(", ");
        format!("there is no preset `{text}`; use {names}")
    })
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
    /// Leave the host running with its pages, and print the link that logs in; ends with Ctrl-C.
    #[arg(long, conflicts_with_all = ["crash", "json"])]
    pub(crate) serve: bool,
    /// A project of somebody's instead of the demo's own: a path or an address. A script works on it, in a clone.
    #[arg(long, value_name = "PATH|URL", conflicts_with = "crash")]
    pub(crate) repo: Option<String>,
}
