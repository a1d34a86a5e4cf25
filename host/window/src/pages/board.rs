//! The board: stages as columns, a card for each task, and on each card why it does not move.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use orch_domain::risk::Tier;
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
    #[serde(default)]
    stage: String,
    #[serde(default)]
    agent: String,
    #[serde(default)]
    person: String,
}

#[derive(Template)]
#[template(path = "board.html")]
struct Board {
    columns: Vec<Column>,
    repos: Vec<(String, bool)>,
    helds: Vec<(&'static str, &'static str, bool)>,
    find: String,
    stages: Vec<(String, bool)>,
    agents: Vec<(String, bool)>,
    persons: Vec<(String, bool)>,
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
    /// How risky its change is; empty before there is one.
    risk: &'static str,
    is_urgent: bool,
}

/// Shows the board.
pub(crate) async fn show(
    State(window): State<Window>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Result<Response, Problem> {
    let view = window.api.views.board.show().await?;
    let cards = &view.cards;
    let repos = choices(cards.iter().map(|c| c.line.repo.as_str()), &filter.repo);
    let agents = choices(
        cards.iter().filter_map(|c| c.agent.as_deref()),
        &filter.agent,
    );
    let persons = choices(cards.iter().map(|c| c.person.as_str()), &filter.person);
    let stages = view.stages.iter().filter(|stage| stage.is_working());
    let stages = stages.map(|stage| (stage.to_string(), stage.as_str() == filter.stage));
    let stages = stages.collect();
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
        repos,
        stages,
        agents,
        persons,
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
            && (self.stage.is_empty() || card.line.stage.as_str() == self.stage)
            && (self.agent.is_empty() || card.agent.as_deref() == Some(self.agent.as_str()))
            && (self.person.is_empty() || card.person == self.person)
            && (find.is_empty() || has(&card.line.work_item) || has(&card.line.title))
    }
}

/// What there is to choose from, each once, and whether it is wanted.
fn choices<'c>(there: impl Iterator<Item = &'c str>, wanted: &str) -> Vec<(String, bool)> {
    let there: BTreeSet<&str> = there.collect();
    let choice = |one: &str| (one.to_owned(), one == wanted);
    there.into_iter().map(choice).collect()
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
        risk: card.risk.map(Tier::as_str).unwrap_or_default(),
        is_urgent: task.priority < 5,
    }
}
