//! The log of a run: its end, from a line on, what of it holds a text, or followed until the run ends.

use std::time::Duration;

use orch_views::run::{LOG, LogRequest, LogSource, LogView, SEARCH, SearchRequest};

use crate::client::Host;
use crate::show::{self, print};

/// How often a log that is followed is asked for.
const LOOK: Duration = Duration::from_millis(300);

/// Prints the log of the run that `names` say: task and run.
pub(crate) async fn show(
    host: &Host,
    [item, run]: [&str; 2],
    (source, line): (LogSource, Option<u64>),
    follow: bool,
    json: bool,
) -> anyhow::Result<()> {
    let request = LogRequest {
        source,
        line,
        tail: line.is_none(),
        ..LogRequest::default()
    };
    let mut range = host.ask(&LOG, [item, run], &request).await?;
    // The last run may be another one by the next look.
    let run = range.run.to_string();
    loop {
        show(&range, json)?;
        let is_all = range.ended && range.to >= range.size;
        if !follow || is_all {
            return Ok(());
        }
        if range.lines.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        let next = LogRequest {
            source,
            from: Some(range.to),
            ..LogRequest::default()
        };
        range = host.ask(&LOG, [item, &run], &next).await?;
    }

    fn show(range: &LogView, json: bool) -> anyhow::Result<()> {
        if range.lines.is_empty() && !json {
            return Ok(());
        }
        print(json, range, show::log::lines)
    }
}

/// Prints the lines of a log that hold a text, page by page until the end of what there is.
pub(crate) async fn search(
    host: &Host,
    [item, run]: [&str; 2],
    (source, line): (LogSource, Option<u64>),
    text: String,
    json: bool,
) -> anyhow::Result<()> {
    let mut request = SearchRequest {
        text,
        source,
        line,
        lines: None,
    };
    let mut run = run.to_owned();
    loop {
        let found = host.ask(&SEARCH, [item, &run], &request).await?;
        if json || !found.lines.is_empty() {
            print(json, &found, show::log::found)?;
        }
        if found.next_line.is_none() {
            return Ok(());
        }
        (request.line, run) = (found.next_line, found.run.to_string());
    }
}
