//! Runs from near: their logs and events by range, and what their agents do now.

use std::collections::BTreeMap;

use orch_agents::folder::RunFolder;
use orch_agents::log::{self, Begin, Source};
use orch_domain::confined::HeldBy;
use orch_domain::id::TaskId;
use orch_store::RunRow;
use orch_views::run::{
    ActivityView, EventView, EventsRequest, EventsView, FoundLine, LINES_DEFAULT, LINES_MAX,
    LogLine, LogRequest, LogSource, LogView, SEARCH_CHARS_MAX, SearchRequest, SearchView,
};

use crate::commands::{CommandError, named};
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;

/// Runs of a task among which one is looked for.
const RUNS_MAX: u32 = 500;
/// Runs whose agents are looked at for a list of tasks: more do not run at once.
const UNDER_WAY_MAX: u32 = 500;
/// What a run is called that began last.
const LATEST: &str = "latest";

/// Shows runs. Clones are the same.
#[derive(Debug, Clone)]
pub struct RunViews {
    pub(crate) ledger: Ledger,
}

/// Bytes that are read of a file at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file of a run on its way to somebody. What is written to it meanwhile is not part of it, so that it has an end.
#[derive(Debug)]
pub struct RawLog {
    /// What it is called where it is kept.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    left: u64,
    file: tokio::fs::File,
}

impl RawLog {
    /// The bytes that follow; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub async fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        use tokio::io::AsyncReadExt as _;
        let most = usize::try_from(self.left).unwrap_or(CHUNK_BYTES);
        let mut bytes = vec![0; most.min(CHUNK_BYTES)];
        let read = self.file.read(&mut bytes).await?;
        bytes.truncate(read);
        self.left = self.left.saturating_sub(read as u64);
        Ok((read > 0).then_some(bytes))
    }
}

impl RunViews {
    /// A range of a run's log.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a run that is not there, [`CommandError::Invalid`] for a range that makes no
    /// sense.
    pub async fn log(
        &self,
        item: &str,
        run: &str,
        request: LogRequest,
    ) -> Result<LogView, CommandError> {
        let begin = match (request.from, request.line, request.tail) {
            (None, None, false) => Begin::Byte(0),
            (Some(from), None, false) => Begin::Byte(from),
            (None, Some(line), false) if line > 0 => Begin::Line(line),
            (None, None, true) => Begin::Tail,
            _ => {
                return Err(CommandError::invalid(
                    "a range begins at `from`, at `line` (from 1 on) or so that it ends with the `tail`",
                )
                .with_remedy("name one of the three"));
            }
        };
        let lines = lines(request.lines)?;
        let run = self.find(item, run).await?;
        let source = file(request.source);
        let (folder, ended) = (RunFolder::at(&run.folder), run.finished_ms.is_some());
        let read = blocking(move || {
            let truncated = ended && folder.is_truncated();
            Ok((log::read(&folder, source, begin, lines, ended)?, truncated))
        });
        let (range, truncated) = read.await?;
        Ok(LogView {
            run: run.id.0,
            from: range.from,
            to: range.to,
            size: range.size,
            ended,
            first_line: range.first_line,
            total_lines: range.total_lines,
            truncated,
            lines: range.lines.into_iter().map(line).collect(),
        })
    }

    /// The lines of a run's log that hold a text.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a run that is not there, [`CommandError::Invalid`] for a text that nobody can
    /// look for.
    pub async fn search(
        &self,
        item: &str,
        run: &str,
        request: SearchRequest,
    ) -> Result<SearchView, CommandError> {
        let count = request.text.chars().count();
        if !(1..=SEARCH_CHARS_MAX).contains(&count) || request.text.contains(['\r', '\n']) {
            return Err(CommandError::invalid(format!(
                "`text` is what one line has to hold, 1 to {SEARCH_CHARS_MAX} characters"
            ))
            .with_remedy("look for a part of a line"));
        }
        let most = lines(request.lines)?;
        let run = self.find(item, run).await?;
        let (folder, ended) = (RunFolder::at(&run.folder), run.finished_ms.is_some());
        let (source, from) = (file(request.source), request.line.unwrap_or(1).max(1));
        let looked =
            blocking(move || log::search(&folder, source, &request.text, from, most, ended));
        let found = looked.await?;
        let view = |(number, of)| FoundLine {
            number,
            line: line(of),
        };
        Ok(SearchView {
            run: run.id.0,
            ended,
            lines: found.lines.into_iter().map(view).collect(),
            next_line: found.next_line,
        })
    }

    /// A range of what a run's agent did.
    ///
    /// # Errors
    /// As [`RunViews::log`].
    pub async fn events(
        &self,
        item: &str,
        run: &str,
        request: EventsRequest,
    ) -> Result<EventsView, CommandError> {
        let begin = match (request.from, request.tail) {
            (from, false) => Begin::Byte(from.unwrap_or(0)),
            (None, true) => Begin::Tail,
            (Some(_), true) => {
                return Err(CommandError::invalid(
                    "a range begins at `from` or so that it ends with the `tail`",
                )
                .with_remedy("name one of both"));
            }
        };
        let most = lines(request.lines)?;
        let run = self.find(item, run).await?;
        let (folder, ended) = (RunFolder::at(&run.folder), run.finished_ms.is_some());
        let range = blocking(move || log::events(&folder, begin, most)).await?;
        let view = |told: orch_domain::run_event::Told| EventView {
            at_ms: told.at_ms,
            event: told.event,
        };
        Ok(EventsView {
            run: run.id.0,
            from: range.from,
            to: range.to,
            size: range.size,
            ended,
            events: range.events.into_iter().map(view).collect(),
        })
    }

    /// One of the files of a run as it is, up to where it ends now.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a run or a file that is not there.
    pub async fn whole(
        &self,
        item: &str,
        run: &str,
        source: LogSource,
    ) -> Result<RawLog, CommandError> {
        let run = self.find(item, run).await?;
        let folder = RunFolder::at(&run.folder);
        let opened = blocking(move || log::whole(&folder, file(source))).await?;
        let Some((file, size)) = opened else {
            let text = format!("run {} has no `{}`", run.id, source.as_str());
            return Err(CommandError::not_found(text)
                .with_remedy("it has written nothing yet, or its folder was removed"));
        };
        let name: String = named(item)?
            .to_string()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        Ok(RawLog {
            name: format!("{name}-run-{}-{}.txt", run.id, source.as_str()),
            size,
            left: size,
            file: tokio::fs::File::from_std(file),
        })
    }

    async fn find(&self, item: &str, run: &str) -> Result<RunRow, CommandError> {
        let wanted = match run {
            LATEST => None,
            number => Some(number.parse::<i64>().map_err(|_| {
                CommandError::invalid(format!("`{number}` is no number of a run")).with_remedy(
                    format!("`orch task show {item}` prints them; `latest` is the last one"),
                )
            })?),
        };
        let item = named(item)?;
        let asked = item.to_string();
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let task = tx.task_of_item(&item).await?.task.id;
                Ok(tx.latest_runs(task, RUNS_MAX).await?.0)
            })
        });
        let runs = read.await?;
        let found = match wanted {
            None => runs.into_iter().last(),
            Some(wanted) => runs.into_iter().find(|run| run.id.0 == wanted),
        };
        found.ok_or_else(|| {
            let what = match wanted {
                None => format!("`{asked}` has had no run yet"),
                Some(run) => format!("`{asked}` has no run {run}"),
            };
            CommandError::not_found(what).with_remedy(format!(
                "`orch task show {asked}` lists the runs that there are"
            ))
        })
    }
}

fn file(source: LogSource) -> Source {
    match source {
        LogSource::Log => Source::Log,
        LogSource::Stdout => Source::Stdout,
        LogSource::Stderr => Source::Stderr,
        LogSource::Prompt => Source::Prompt,
    }
}

fn lines(asked: Option<u32>) -> Result<usize, CommandError> {
    let lines = asked.unwrap_or(LINES_DEFAULT);
    if !(1..=LINES_MAX).contains(&lines) {
        let text = format!("`lines` must be 1 to {LINES_MAX}, not {lines}");
        return Err(CommandError::invalid(text).with_remedy("ask for what follows with `from`"));
    }
    Ok(usize::try_from(lines).unwrap_or(usize::MAX))
}

fn line(line: log::Line) -> LogLine {
    LogLine {
        at: line.at,
        text: line.text,
        cut: line.cut,
    }
}

/// Reads files beside the runtime.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, CommandError> {
    let read = tokio::task::spawn_blocking(read).await;
    let failed = |error: String| {
        CommandError::host(format!("the run folder cannot be read: {error}"))
            .with_remedy("look at the disk of the host's data folder")
    };
    read.map_err(|e| failed(e.to_string()))?
        .map_err(|e| failed(e.to_string()))
}

/// What is seen of a run in its folder.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What its agent does or did last.
    pub(super) activity: Option<ActivityView>,
    /// Bytes of its log.
    pub(super) log_bytes: u64,
    pub(super) held_by: Option<HeldBy>,
}

/// What is seen of runs in their folders, by run.
pub(super) async fn look(runs: Vec<(i64, String)>) -> BTreeMap<i64, Seen> {
    let look = move || {
        let of = |(id, folder): (i64, String)| {
            let folder = RunFolder::at(folder);
            let activity = log::activity(&folder).map(|now| ActivityView {
                run: id,
                at_ms: now.at_ms,
                at: stamp(now.at_ms),
                kind: now.kind.to_owned(),
                text: now.text,
            });
            let seen = Seen {
                activity,
                log_bytes: log::size(&folder),
                held_by: folder.held_by(),
            };
            (id, seen)
        };
        runs.into_iter().map(of).collect()
    };
    // A view without it is better than none.
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// What is done now, by task.
pub(super) async fn activities(
    ledger: &Ledger,
) -> Result<BTreeMap<TaskId, ActivityView>, CommandError> {
    let read = ledger.read(|tx| Box::pin(async move { tx.runs_under_way(UNDER_WAY_MAX).await }));
    let runs = read.await?;
    let tasks: BTreeMap<i64, TaskId> = runs.iter().map(|run| (run.id.0, run.task)).collect();
    let seen = look(runs.into_iter().map(|run| (run.id.0, run.folder)).collect()).await;
    let by_task = seen
        .into_iter()
        .filter_map(|(run, seen)| Some((*tasks.get(&run)?, seen.activity?)));
    Ok(by_task.collect())
}
