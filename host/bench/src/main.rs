//! The benchmarks: each prints what it measured, and the page is written from that, by the run itself.
//!
//! `orch-bench [PAGE] [--only SECTION,…]`, from the top of the workspace and with `orch` built beside it.
//! `orch-bench --help` names the sections. A benchmark that finds work lost or done twice ends the run with
//! an error, and no page is written. SIGINT and SIGTERM end it in order: what it had started ends with it.

mod cage;
mod claims;
mod gates;
mod host;
mod landing;
mod page;
mod pickup;
mod queue;
mod recovery;
mod site;
mod store;
mod tasks;
mod times;
mod webhooks;

use std::path::{Path, PathBuf};

use page::Table;
use tokio::signal::unix::{SignalKind, signal};

/// The page of the documentation, which holds every section.
const PAGE: &str = "docs/reference/benchmarks.md";

const HELP: &str = "\
Measures and writes a page.

Usage: orch-bench [PAGE] [--only SECTION,...]

PAGE is docs/reference/benchmarks.md if not given. With --only it has to be given, so that the page of the
documentation is never written in part.

Sections, in the order of the page:
  gates      evaluating, loading and swapping gates
  queue      enqueues, claims and completions per second, beside bare SQLite and other queues
  claims     claims on a store with 1,100,000 jobs and on an empty one
  pickup     from enqueue to claim under a steady load
  host       start, idle CPU and memory of a host
  reattach   a killed host's runs until the next host has them again
  stop       `orch task stop` until nothing of the agent is left
  tasks      10, 100 and 1,000 tasks at once through every stage, and a list of 10,000
  landing    tasks that wait for one base, simulated
  webhooks   10,000 signed deliveries, and 100,000 forged ones
  cage       starts in the cage, bytes through its proxy, answers through the model gateway
";

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Gates,
    Queue,
    Claims,
    Pickup,
    Host,
    Reattach,
    Stop,
    Tasks,
    Landing,
    Webhooks,
    Cage,
}

impl Section {
    /// All of them, in the order of the page.
    const ALL: [Self; 11] = [
        Self::Gates,
        Self::Queue,
        Self::Claims,
        Self::Pickup,
        Self::Host,
        Self::Reattach,
        Self::Stop,
        Self::Tasks,
        Self::Landing,
        Self::Webhooks,
        Self::Cage,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Gates => "gates",
            Self::Queue => "queue",
            Self::Claims => "claims",
            Self::Pickup => "pickup",
            Self::Host => "host",
            Self::Reattach => "reattach",
            Self::Stop => "stop",
            Self::Tasks => "tasks",
            Self::Landing => "landing",
            Self::Webhooks => "webhooks",
            Self::Cage => "cage",
        }
    }

    fn parse(name: &str) -> anyhow::Result<Self> {
        let known = Self::ALL.into_iter().find(|s| s.as_str() == name);
        known.ok_or_else(|| anyhow::anyhow!("no section `{name}`; `--help` names them"))
    }

    async fn run(self, orch: &Path) -> anyhow::Result<Vec<Table>> {
        Ok(match self {
            Self::Gates => gates::run(orch).await?,
            Self::Queue => queue::run().await?,
            Self::Claims => vec![claims::run().await?],
            Self::Pickup => vec![pickup::run().await?],
            Self::Host => vec![host::run(orch).await?],
            Self::Reattach => vec![recovery::reattach::run(orch).await?],
            Self::Stop => vec![recovery::stop::run(orch).await?],
            Self::Tasks => tasks::run(orch).await?,
            Self::Landing => vec![landing::run()?],
            Self::Webhooks => vec![webhooks::run(orch).await?],
            Self::Cage => cage::run(orch).await?,
        })
    }
}

/// What is asked for on the command line.
struct Asked {
    page: PathBuf,
    sections: Vec<Section>,
}

/// Reads the arguments; none if only help is asked for.
fn asked(mut args: impl Iterator<Item = String>) -> anyhow::Result<Option<Asked>> {
    let (mut page, mut sections) = (None, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(None),
            "--only" => {
                let names = args.next().unwrap_or_default();
                let list: anyhow::Result<Vec<_>> = names.split(',').map(Section::parse).collect();
                sections = Some(list?);
            }
            _ if arg.starts_with('-') || page.is_some() => {
                anyhow::bail!("`{arg}` is not understood; see `--help`")
            }
            _ => page = Some(PathBuf::from(arg)),
        }
    }
    anyhow::ensure!(
        page.is_some() || sections.is_none(),
        "`--only` needs a page to write to: `orch-bench PAGE --only …`"
    );
    Ok(Some(Asked {
        page: page.unwrap_or_else(|| PathBuf::from(PAGE)),
        sections: sections.unwrap_or_else(|| Section::ALL.to_vec()),
    }))
}

async fn measure(sections: &[Section]) -> anyhow::Result<Vec<Table>> {
    let orch = host::program()?;
    let mut tables = Vec::new();
    for section in Section::ALL {
        if sections.contains(&section) {
            eprintln!("measuring: {}", section.as_str());
            tables.extend(section.run(&orch).await?);
        }
    }
    Ok(tables)
}

fn main() -> anyhow::Result<()> {
    let Some(asked) = asked(std::env::args().skip(1))? else {
        print!("{HELP}");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let tables = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        tokio::select! {
            tables = measure(&asked.sections) => tables,
            _ = interrupt.recv() => anyhow::bail!("interrupted before the page was written"),
            _ = terminate.recv() => anyhow::bail!("told to end before the page was written"),
        }
    })?;
    let text = page::markdown(&tables);
    std::fs::write(&asked.page, &text)?;
    println!("{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> anyhow::Result<Option<Asked>> {
        asked(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_goes_to_the_page_of_the_documentation_by_itself() {
        let all = read("").unwrap().unwrap();
        assert_eq!(all.page, Path::new(PAGE));
        assert_eq!(all.sections, Section::ALL);
    }

    #[test]
    fn some_sections_go_to_a_page_that_is_named_and_to_no_other() {
        let some = read("page.md --only stop,claims").unwrap().unwrap();
        assert_eq!(some.page, Path::new("page.md"));
        assert_eq!(some.sections, [Section::Stop, Section::Claims]);
        assert!(read("--only stop").is_err());
        assert!(read("page.md --only nothing").is_err());
        assert!(read("page.md other.md").is_err());
    }
}
