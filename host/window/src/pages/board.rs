//! The board: stages as columns, a card for each task, and on each card why it does not move.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use orch_domain::stage::Stage;
use orch_views::board::{CardView, HeldBy};
use serde::Deserialize;

use super::lamps::Lamp;
use crate::Window;
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{When, in_path, line, near, usd};

/// Columns: what is under way from left to right.
const COLUMNS: [(&str, &[Stage]); 8] = [
    ("Analysis", &[Stage::Created, Stage::Analysis]),
    ("Architecture", &[Stage::Architecture]),
    ("Development", &[Stage::Development]),
    ("Review", &[Stage::Review]),
    ("Testing", &[Stage::Testing]),
    ("Staging", &[Stage::DeployStaging]),
    ("Deploy", &[Stage::Deploy]),
    ("Ended lately", &[Stage::Done, Stage::Cancelled]),
];

/// What of the board is wanted.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    repo: String,
    #[serde(default)]
    held: String,
    #[serde(default)]
    find: String,
}

#[derive(Template)]
#[template(path = "board.html")]
struct Board {
    columns: Vec<Column>,
    repos: Vec<(String, bool)>,
    helds: Vec<(&'static str, &'static str, bool)>,
    find: String,
    shown: usize,
    live: u64,
    is_empty: bool,
}

struct Column {
    name: &'static str,
    cards: Vec<Card>,
}

struct Card {
    item: String,
    path: String,
    title: String,
    repo: String,
    step: String,
    held: &'static str,
    held_in_words: &'static str,
    why: String,
    activity: String,
    moved: When,
    rounds: String,
    lamps: Vec<Lamp>,
    cost: String,
    is_urgent: bool,
}

/// Shows the board.
pub(crate) async fn show(
    State(window): State<Window>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Result<Response, Problem> {
    let view = window.api.views.board.show().await?;
    let mut repos: Vec<String> = view.cards.iter().map(|c| c.line.repo.clone()).collect();
    repos.sort();
    repos.dedup();
    let is_empty = view.cards.is_empty();
    let wanted: Vec<&CardView> = view.cards.iter().filter(|c| filter.wants(c)).collect();
    let columns = COLUMNS.map(|(name, stages)| Column {
        name,
        cards: wanted
            .iter()
            .filter(|c| stages.contains(&c.line.stage))
            .map(|c| card(c, view.now_ms))
            .collect(),
    });
    let body = Board {
        shown: wanted.len(),
        columns: columns.into(),
        repos: repos
            .into_iter()
            .map(|repo| {
                let is_wanted = repo == filter.repo;
                (repo, is_wanted)
            })
            .collect(),
        helds: HELD
            .map(|held| (held.as_str(), in_words(held), held.as_str() == filter.held))
            .to_vec(),
        find: filter.find,
        live: view.live,
        is_empty,
    };
    let page = Page {
        here: Here::Board,
        title: "Board",
        follows: Follows::Everything,
    };
    page.answer(&window, &asked, &body).await
}

/// What can be asked for.
const HELD: [HeldBy; 5] = [
    HeldBy::Person,
    HeldBy::Turn,
    HeldBy::Pause,
    HeldBy::Outside,
    HeldBy::Nothing,
];

impl Filter {
    fn wants(&self, card: &CardView) -> bool {
        let find = self.find.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&find);
        (self.repo.is_empty() || card.line.repo == self.repo)
            && (self.held.is_empty() || card.held_by.as_str() == self.held)
            && (find.is_empty() || has(&card.line.work_item) || has(&card.line.title))
    }
}

/// What holds a task, on its card.
pub(crate) fn in_words(held: HeldBy) -> &'static str {
    match held {
        HeldBy::Nothing => "at work",
        HeldBy::Turn => "its turn",
        HeldBy::Pause => "held back",
        HeldBy::Outside => "waits",
        HeldBy::Person => "needs a person",
        HeldBy::Stop => "stops",
        HeldBy::End => "ended",
    }
}

fn card(card: &CardView, now_ms: i64) -> Card {
    let task = &card.line;
    Card {
        item: task.work_item.clone(),
        path: in_path(&task.work_item),
        title: line(&task.title),
        repo: task.repo.clone(),
        step: task.step.clone(),
        held: card.held_by.as_str(),
        held_in_words: match task.stage {
            Stage::Done => "landed",
            Stage::Cancelled => "stopped",
            _ => in_words(card.held_by),
        },
        why: line(&near(&card.why, now_ms)),
        activity: task
            .activity
            .as_ref()
            .map(|a| line(&format!("{}: {}", a.kind, a.text)))
            .unwrap_or_default(),
        moved: When::of(card.moved_ms, now_ms),
        rounds: match (task.attempt, task.rework_rounds) {
            (_, 0) => String::new(),
            (_, rounds) => format!("rework {rounds}/{}", card.rework_rounds_max),
        },
        lamps: card
            .lamps
            .iter()
            .map(|l| Lamp::of(l.evaluation, &l.entry, l.decision))
            .collect(),
        cost: if card.cost_usd > 0.0 {
            usd(card.cost_usd)
        } else {
            String::new()
        },
        is_urgent: task.priority < 5,
    }
}
