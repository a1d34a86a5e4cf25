//! Verbs about tasks.

use std::path::PathBuf;

use clap::Subcommand;
use orch_views::run::LogSource;

use super::args::{Part, Seen};

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
        /// A file with the request in full; `-` reads standard input.
        #[arg(long, conflicts_with = "body")]
        body_file: Option<PathBuf>,
        /// A work item that has to be done before this one begins; may be given several times.
        #[arg(long)]
        after: Vec<String>,
        /// How urgent it is, 1 (first) to 9.
        #[arg(long)]
        priority: Option<i64>,
        /// Work item id, such as SHOP-12; the next number of the repository if not given.
        #[arg(long)]
        id: Option<String>,
    },
    /// List tasks that are under way.
    List {
        /// Ended ones too.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        part: Part,
    },
    /// Show a task with its verdicts and runs.
    Show {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
    },
    /// Say what a task waits for, since when, and what would move it.
    Why {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
    },
    /// Show the log of a task's run: what its agent does, or its output.
    Log {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// Go on with what comes until the run ends.
        #[arg(long, short)]
        follow: bool,
        /// Number of the run, as `orch task show` prints it; the last one if not given.
        #[arg(long)]
        run: Option<i64>,
        /// What to read: log, stdout, stderr, or prompt, what the agent was told.
        #[arg(long, default_value = "log", value_parser = log_source)]
        source: LogSource,
        /// From this line on, instead of the last 1,000 lines.
        #[arg(long)]
        line: Option<u64>,
        /// Only lines that hold this, in letters of either case, with their numbers.
        #[arg(long, conflicts_with = "follow")]
        search: Option<String>,
    },
    /// Show what a task changed, against the base on which it was judged.
    Diff {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// What one round of work changed.
        #[arg(long)]
        round: Option<u32>,
    },
    /// List what the roles and the host wrote down of a task.
    Artefacts {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
    },
    /// Show one artefact of a task.
    Artefact {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// Its name, as `orch task artefacts` prints it.
        name: String,
    },
    /// Say something of a file or line of what a task changed; the next run that makes something reads it.
    Remark {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// File, as `orch task diff` prints it.
        #[arg(long)]
        path: String,
        /// Line in it; the file as a whole if not given.
        #[arg(long)]
        line: Option<u32>,
        /// The line is counted in what was there before the change.
        #[arg(long, requires = "line")]
        old: bool,
        /// What is to change; reaches the agent verbatim.
        #[arg(long)]
        comment: String,
        /// In the difference of one round.
        #[arg(long)]
        round: Option<u32>,
        /// Commit that you looked at, as `orch task diff` prints it; refused if it is another by now.
        #[arg(long)]
        seen: Option<String>,
    },
    /// Approve what the task waits for: its analysis or its deploy.
    Approve {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// Reject what the task waits for.
    Reject {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// What to change; reaches the agent verbatim.
        #[arg(long)]
        comment: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// Say what you think of the code that waits for a review. Other code is reviewed anew.
    #[command(group = clap::ArgGroup::new("verdict").required(true))]
    Review {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// It is good.
        #[arg(long, group = "verdict")]
        approve: bool,
        /// It has to change as the comment says.
        #[arg(long, group = "verdict", requires = "comment")]
        request_changes: bool,
        /// What to change; reaches the agent verbatim.
        #[arg(long)]
        comment: Option<String>,
        #[command(flatten)]
        seen: Seen,
    },
    /// Take a task out of a block.
    Resume {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// Stage to go on at; not after the one it has reached.
        #[arg(long)]
        stage: Option<String>,
        /// Rework rounds to add.
        #[arg(long, default_value_t = 0)]
        rounds: u32,
        /// Move its own commits onto the base, which was rewritten, as `git rebase --onto` does: what was taken out of
        /// the base does not come along. Everything judges them anew.
        #[arg(long, conflicts_with = "stage")]
        rebase: bool,
    },
    /// Say how urgent a task is; a task that waits long rises by itself.
    Priority {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
        /// 1 (first) to 9; the default of a task is 5.
        priority: i64,
    },
    /// Stop a task; its work is kept.
    Stop {
        /// Work item, such as SHOP-12, or shop:SHOP-12 where several repositories have it.
        id: String,
    },
}

fn log_source(text: &str) -> Result<LogSource, String> {
    let known = LogSource::ALL
        .into_iter()
        .find(|source| source.as_str() == text);
    known.ok_or_else(|| {
        let names = LogSource::ALL.map(LogSource::as_str).join(", ");
        format!("no log `{text}`; use {names}")
    })
}
