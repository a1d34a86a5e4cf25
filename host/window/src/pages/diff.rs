//! What did a task change? In all or in one round, file by file, with the paths that take a person's word marked by gates.

mod words;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use orch_domain::remark::{RemarkState, Side};
use orch_views::diff::{DiffRequest, FileChange, FileDiff, LineChange};
use orch_views::remark::{self, RemarkView};
use serde::Deserialize;

use self::words::Part;
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
    /// What was said of other commits than those that are shown.
    earlier: Vec<Remark>,
    remark_count: u64,
    open_count: usize,
    /// What a form for remarks needs; none if the viewer may not say anything.
    says: Option<Says>,
}

/// What every form for a remark has.
struct Says {
    csrf: String,
    back: String,
    round: Option<u32>,
    seen: String,
    line: String,
}

/// What a person said of a place.
struct Remark {
    id: i64,
    place: String,
    excerpt: String,
    text: String,
    person: String,
    at: When,
    head: String,
    state: &'static str,
    became: String,
    /// The round that answered it.
    round: Option<u32>,
}

struct Round {
    number: u32,
    by: String,
    at: When,
    is_here: bool,
}

struct File {
    path: String,
    /// The path as it is sent back.
    raw: String,
    change: &'static str,
    added: u32,
    removed: u32,
    note: &'static str,
    is_protected: bool,
    is_open: bool,
    hunks: Vec<Hunk>,
    /// What was said of the file, or of a line that is not shown.
    remarks: Vec<Remark>,
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
    parts: Vec<Part>,
    remarks: Vec<Remark>,
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
    let round = round.unwrap_or_default();
    let (head, base) = (view.head.clone(), view.base.clone());
    let open = |r: &&RemarkView| r.state == RemarkState::Open;
    let open_count = view.remarks.iter().filter(open).count();
    let is_of = |r: &RemarkView| r.head == head && (r.side == Side::New || r.base == base);
    let (mut here, earlier): (Vec<_>, Vec<_>) = view.remarks.into_iter().partition(is_of);
    let back = match view.round {
        Some(n) => format!("/ui/tasks/{}/diff?round={n}", in_path(&item)),
        None => format!("/ui/tasks/{}/diff", in_path(&item)),
    };
    let says = asked.viewer.may(remark::SAY.least).then(|| Says {
        csrf: asked.viewer.csrf.clone(),
        back,
        round: view.round,
        seen: head.clone(),
        line: format!(
            "orch task remark {item} --path FILE --line N --comment TEXT{round} --seen {}",
            short(&head)
        ),
    });
    let files = view.files.into_iter();
    let files = files.map(|f| file(f, &mut here, now_ms)).collect();
    // What is left is of files that are not shown.
    let elsewhere = here.into_iter().chain(earlier);
    let body = Diff {
        path: in_path(&item),
        rounds: rounds.collect(),
        is_whole: view.round.is_none(),
        base: short(&view.base),
        head: short(&view.head),
        code: view.code_tree.as_deref().map(short).unwrap_or_default(),
        files,
        total_files: view.total_files,
        added: view.added,
        removed: view.removed,
        is_cut: view.is_cut,
        command: format!("orch task diff {item}{round}"),
        earlier: elsewhere.map(|r| shown(r, now_ms)).collect(),
        remark_count: view.total_remarks,
        open_count,
        says,
        item: item.clone(),
    };
    let page = Page {
        here: Here::Tasks,
        title: &title,
        follows: Follows::Nothing,
    };
    page.answer(&window, &asked, &body).await
}

/// Takes the remarks for which `is_wanted` holds out of the list.
fn taken(
    all: &mut Vec<RemarkView>,
    now_ms: i64,
    is_wanted: impl Fn(&RemarkView) -> bool,
) -> Vec<Remark> {
    let (wanted, left) = std::mem::take(all).into_iter().partition(is_wanted);
    *all = left;
    let wanted: Vec<RemarkView> = wanted;
    wanted.into_iter().map(|r| shown(r, now_ms)).collect()
}

fn shown(remark: RemarkView, now_ms: i64) -> Remark {
    let (state, became) = match (remark.state, remark.run, remark.round) {
        (RemarkState::Open, _, _) => ("waiting", "waits for the next run".to_owned()),
        (RemarkState::Given, Some(run), _) => ("running", format!("run {run} is at it")),
        (RemarkState::Given, None, _) => ("running", "a run is at it".to_owned()),
        (RemarkState::Read, _, Some(round)) => ("fixed", format!("answered by round {round}")),
        (RemarkState::Read, _, None) => ("again", "read by a run that changed nothing".to_owned()),
    };
    let line_name = remark.line.map(|line| format!(":{line}"));
    let old = match (remark.side, remark.line) {
        (Side::Old, Some(_)) => " before the change",
        (Side::New | Side::Old, _) => "",
    };
    Remark {
        id: remark.id,
        place: format!(
            "{}{}{old}",
            line(&remark.path),
            line_name.unwrap_or_default()
        ),
        excerpt: line(remark.excerpt.trim()),
        text: block(&remark.text),
        person: line(&remark.person),
        at: When::of(remark.at_ms, now_ms),
        head: short(&remark.head),
        state,
        became,
        round: remark.round,
    }
}

fn file(file: FileDiff, said: &mut Vec<RemarkView>, now_ms: i64) -> File {
    let mut of_file: Vec<RemarkView>;
    (of_file, *said) = std::mem::take(said)
        .into_iter()
        .partition(|r| r.path == file.path);
    let is_said = !of_file.is_empty();
    let note = match (file.is_binary, file.is_cut) {
        (true, _) => "no text",
        (false, true) => "lines are left out",
        (false, false) => "",
    };
    File {
        path: line(&file.path),
        raw: file.path,
        change: match file.change {
            FileChange::Added => "added",
            FileChange::Changed => "changed",
            FileChange::Deleted => "deleted",
        },
        added: file.added,
        removed: file.removed,
        note,
        is_protected: file.is_protected,
        is_open: is_said || file.added + file.removed <= OPEN_LINES_MAX,
        hunks: file
            .hunks
            .into_iter()
            .map(|part| hunk(part, &mut of_file, now_ms))
            .collect(),
        remarks: taken(&mut of_file, now_ms, |_| true),
    }
}

fn hunk(hunk: orch_views::diff::Hunk, said: &mut Vec<RemarkView>, now_ms: i64) -> Hunk {
    let (mut old, mut new) = (hunk.old_start, hunk.new_start);
    let parts = words::parts(&hunk.lines);
    let mut line = |(l, parts): (orch_views::diff::DiffLine, Vec<Part>)| {
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
        let is_here = |r: &RemarkView| match r.side {
            Side::New => r.line.is_some() && r.line == numbers.1,
            Side::Old => r.line.is_some() && r.line == numbers.0,
        };
        Line {
            remarks: match said.is_empty() {
                true => Vec::new(),
                false => taken(said, now_ms, is_here),
            },
            kind,
            sign,
            old: numbers.0,
            new: numbers.1,
            parts,
        }
    };
    Hunk {
        lines: hunk.lines.into_iter().zip(parts).map(&mut line).collect(),
        heading: crate::text::line(&hunk.heading),
    }
}
