//! What did a task change? In all or in one round, file by file, with the paths that take a person's word marked by gates.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use orch_views::diff::{DiffRequest, FileChange, FileDiff, LineChange};
use serde::Deserialize;

use crate::Window;
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{When, block, in_path, line, short};

/// Lines up to which a file is open from the start.
const OPEN_LINES_MAX: u32 = 300;

/// Which difference.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    round: Option<u32>,
}

#[derive(Template)]
#[template(path = "diff.html")]
struct Diff {
    item: String,
    path: String,
    rounds: Vec<Round>,
    is_whole: bool,
    base: String,
    head: String,
    code: String,
    files: Vec<File>,
    total_files: u64,
    added: u64,
    removed: u64,
    is_cut: bool,
    command: String,
}

struct Round {
    number: u32,
    by: String,
    at: When,
    is_here: bool,
}

struct File {
    path: String,
    change: &'static str,
    added: u32,
    removed: u32,
    note: &'static str,
    is_protected: bool,
    is_open: bool,
    hunks: Vec<Hunk>,
}

struct Hunk {
    heading: String,
    lines: Vec<Line>,
}

struct Line {
    kind: &'static str,
    sign: char,
    old: Option<u32>,
    new: Option<u32>,
    text: String,
}

/// Shows the difference.
pub(crate) async fn show(
    State(window): State<Window>,
    Path(item): Path<String>,
    Query(which): Query<Which>,
    asked: Asked,
) -> Result<Response, Problem> {
    let request = DiffRequest { round: which.round };
    let view = window.api.views.diffs.show(&item, request).await?;
    let now_ms = window.api.views.host.status().await?.now_ms;
    let rounds = view.rounds.iter().map(|r| Round {
        number: r.number,
        by: line(&r.by),
        at: When::of(r.at_ms, now_ms),
        is_here: view.round == Some(r.number),
    });
    let title = format!("Difference of {item}");
    let round = view.round.map(|n| format!(" --round {n}"));
    let body = Diff {
        path: in_path(&item),
        rounds: rounds.collect(),
        is_whole: view.round.is_none(),
        base: short(&view.base),
        head: short(&view.head),
        code: view.code_tree.as_deref().map(short).unwrap_or_default(),
        files: view.files.into_iter().map(file).collect(),
        total_files: view.total_files,
        added: view.added,
        removed: view.removed,
        is_cut: view.is_cut,
        command: format!("orch task diff {item}{}", round.unwrap_or_default()),
        item: item.clone(),
    };
    let page = Page {
        here: Here::Tasks,
        title: &title,
        follows: Follows::Nothing,
    };
    page.answer(&window, &asked, &body).await
}

fn file(file: FileDiff) -> File {
    let note = match (file.is_binary, file.is_cut) {
        (true, _) => "no text",
        (false, true) => "lines are left out",
        (false, false) => "",
    };
    File {
        path: line(&file.path),
        change: match file.change {
            FileChange::Added => "added",
            FileChange::Changed => "changed",
            FileChange::Deleted => "deleted",
        },
        added: file.added,
        removed: file.removed,
        note,
        is_protected: file.is_protected,
        is_open: file.added + file.removed <= OPEN_LINES_MAX,
        hunks: file.hunks.into_iter().map(hunk).collect(),
    }
}

fn hunk(hunk: orch_views::diff::Hunk) -> Hunk {
    let (mut old, mut new) = (hunk.old_start, hunk.new_start);
    let mut line = |l: orch_views::diff::DiffLine| {
        let (kind, sign) = match l.change {
            LineChange::Same => ("same", ' '),
            LineChange::Added => ("added", '+'),
            LineChange::Removed => ("removed", '-'),
        };
        let numbers = (
            (l.change != LineChange::Added).then_some(old),
            (l.change != LineChange::Removed).then_some(new),
        );
        old += u32::from(numbers.0.is_some());
        new += u32::from(numbers.1.is_some());
        Line {
            kind,
            sign,
            old: numbers.0,
            new: numbers.1,
            text: block(&l.text),
        }
    };
    Hunk {
        lines: hunk.lines.into_iter().map(&mut line).collect(),
        heading: crate::text::line(&hunk.heading),
    }
}
