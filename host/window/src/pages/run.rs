//! One run: its log, the end of it first, and how to follow it.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use orch_views::run::{FoundLine, LogRequest, LogSource, SearchRequest};
use serde::Deserialize;

use super::sent::{Sent, refused, sent};
use super::task::tokens;
use crate::Window;
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{bytes, in_path, line, long, usd};

/// Lines on one page.
const LINES: u32 = 500;
/// Lines before one that was looked for.
const BEFORE: u64 = 10;

/// Which part of which log.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    line: Option<u64>,
    #[serde(default)]
    from: Option<u64>,
    #[serde(default)]
    source: LogSource,
    /// What its lines have to hold.
    #[serde(default)]
    find: String,
}

#[derive(Template)]
#[template(path = "run.html")]
struct Run {
    item: String,
    path: String,
    run: i64,
    facts: Vec<(&'static str, String)>,
    heading: &'static str,
    refused: Vec<(String, String, i64)>,
    traffic: Vec<Sent>,
    sources: Vec<(&'static str, bool)>,
    source: &'static str,
    lines: Vec<Line>,
    ended: bool,
    truncated: bool,
    size: String,
    is_nothing: bool,
    total: Option<u64>,
    earlier: Option<u64>,
    later: Option<u64>,
    is_tail: bool,
    find: String,
    found: Vec<Hit>,
    found_next: Option<String>,
    follow: String,
}

struct Line {
    number: Option<u64>,
    text: String,
    cut: u64,
}

/// A line that holds what was looked for, and where it stands among the others.
struct Hit {
    number: u64,
    text: String,
    address: String,
}

/// Shows a run.
pub(crate) async fn show(
    State(window): State<Window>,
    Path((item, run)): Path<(String, String)>,
    Query(part): Query<Part>,
    asked: Asked,
) -> Result<Response, Problem> {
    // A log is looked at for what came last, a prompt is read.
    let is_read = part.source == LogSource::Prompt;
    let begin = part.line.or((is_read && part.from.is_none()).then_some(1));
    let find = part.find.trim().to_owned();
    let is_tail = begin.is_none() && part.from.is_none() && find.is_empty();
    let request = LogRequest {
        source: part.source,
        from: part.from.filter(|_| begin.is_none()),
        line: begin,
        tail: is_tail,
        lines: Some(LINES),
    };
    let log = window.api.views.runs.log(&item, &run, request).await?;
    let task = window.api.views.tasks.show(&item).await?;
    let now_ms = window.api.views.host.status().await?.now_ms;
    let mut facts = Vec::new();
    if let Some(of) = task.runs.iter().find(|of| of.id == log.run) {
        facts.push(("Role", of.role.to_string()));
        facts.push(("Agent", of.agent.clone()));
        facts.push(("Stage", format!("{}, attempt {}", of.stage, of.attempt)));
        let outcome = of.outcome.map(|o| o.to_string());
        facts.push(("Outcome", outcome.unwrap_or_else(|| "at work".to_owned())));
        facts.push((
            "Took",
            long(of.finished_ms.unwrap_or(now_ms) - of.started_ms),
        ));
        facts.push((
            "Cost",
            of.cost_usd.map_or_else(|| "unknown".to_owned(), usd),
        ));
        if let Some(used) = of.tokens {
            facts.push(("Tokens", tokens(used)));
        }
        facts.push(("Taken up again", of.reattached.to_string()));
        let held = of.held_by.map(|by| by.as_str().to_owned());
        facts.push(("Held by", held.unwrap_or_else(|| "unknown".to_owned())));
        facts.push(("Folder", of.folder.clone()));
    }
    let mut number = log.first_line;
    let first = log.first_line;
    let lines: Vec<Line> = log
        .lines
        .iter()
        .map(|l| {
            let this = number;
            number = number.map(|n| n + 1);
            Line {
                number: this,
                text: crate::text::block(&plain(&l.text)),
                cut: l.cut,
            }
        })
        .collect();
    let (found, found_next) = match find.as_str() {
        "" => (Vec::new(), None),
        text => hits(&window, [&item, &run], &part, text).await?,
    };
    let later = (log.to < log.size && !is_tail).then_some(log.to);
    let title = format!("Run {} of {item}", log.run);
    let body = Run {
        path: in_path(&item),
        run: log.run,
        facts,
        heading: if is_read { "Prompt as sent" } else { "Log" },
        refused: refused(task.denied.iter().filter(|d| d.run == Some(log.run))),
        traffic: sent(task.traffic.iter().filter(|t| t.run == Some(log.run))),
        sources: LogSource::ALL
            .map(|source| (source.as_str(), source == part.source))
            .to_vec(),
        source: part.source.as_str(),
        earlier: first
            .filter(|n| *n > 1)
            .map(|n| n.saturating_sub(u64::from(LINES)).max(1)),
        later,
        lines,
        ended: log.ended,
        truncated: log.truncated,
        size: bytes(log.size),
        is_nothing: log.size == 0,
        total: log.total_lines,
        is_tail,
        found,
        found_next,
        find,
        follow: line(&format!("orch task log {item} --run {} -f", log.run)),
        item: item.clone(),
    };
    let page = Page {
        here: Here::Tasks,
        title: &title,
        follows: Follows::Task(&task.line.work_item),
    };
    page.answer(&window, &asked, &body).await
}

/// The lines that hold a text, and the address of those that follow.
async fn hits(
    window: &Window,
    [item, run]: [&str; 2],
    part: &Part,
    text: &str,
) -> Result<(Vec<Hit>, Option<String>), Problem> {
    let request = SearchRequest {
        text: text.to_owned(),
        source: part.source,
        line: part.line,
        lines: Some(LINES),
    };
    let found = window.api.views.runs.search(item, run, request).await?;
    let source = part.source.as_str();
    let at = format!(
        "/ui/tasks/{}/runs/{}?source={source}",
        in_path(item),
        found.run
    );
    let hit = |f: FoundLine| Hit {
        number: f.number,
        text: crate::text::block(&plain(&f.line.text)),
        // Some lines before it are seen as well.
        address: format!(
            "{at}&line={}#L{}",
            f.number.saturating_sub(BEFORE).max(1),
            f.number
        ),
    };
    let next = found.next_line;
    let next = next.map(|n| format!("{at}&line={n}&find={}", in_path(text)));
    Ok((found.lines.into_iter().map(hit).collect(), next))
}

/// A line without the codes that colour it on a terminal; every other code is shown as what it is.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let after = &rest[at + 2..];
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';');
        match end {
            Some(end) if after[end..].starts_with('m') => {
                out.push_str(&rest[..at]);
                rest = &after[end + 1..];
            }
            _ => {
                out.push_str(&rest[..at + 2]);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn colours_are_left_out_and_nothing_else_is() {
        assert_eq!(
            plain("\x1b[1;31mred\x1b[0m and \x1b[2Jcleared"),
            "red and \x1b[2Jcleared"
        );
        assert_eq!(plain("\x1b["), "\x1b[");
    }
}
