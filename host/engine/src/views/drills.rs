//! Drills as people see them: what each gate made of each bad change, held against the harmless one.

use std::collections::BTreeMap;

use orch_domain::drill::{DrillAnswer, DrillClass, DrillFate, DrillJudged, fate};
use orch_domain::id::DrillId;
use orch_domain::pipeline::{Entry, Mode, Pipeline};
use orch_domain::task::Status;
use orch_store::{DrillCase, DrillRow, Tx};
use orch_views::drill::{DrillAnswerView, DrillClassView, DrillGateView, DrillView};
use orch_views::page::{Page, PageRequest};

use super::pages;
use crate::commands::CommandError;
use crate::ledger::Ledger;
use crate::ledger::apply::pipeline_stored;
use crate::ledger::clock::stamp;
use crate::ledger::unwritten::Unwritten;

/// Evaluations of one change that are looked at: each entry judges once, and again while it waits.
const EVALUATIONS_MAX: u32 = 500;

/// Shows drills. Clones are the same.
#[derive(Debug, Clone)]
pub struct DrillViews {
    pub(crate) ledger: Ledger,
}

/// One change with what gates said of it, by entry.
struct Carried {
    case: DrillCase,
    work_item: Option<String>,
    has_ended: bool,
    said: BTreeMap<String, (i64, DrillJudged)>,
}

impl DrillViews {
    /// Drills, newest first.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn list(&self, request: PageRequest) -> Result<Page<DrillView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?;
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let total = tx.count_drills().await?;
                let mut views = Vec::new();
                for row in tx.drills(before, limit + 1).await? {
                    views.push(view(tx, row).await?);
                }
                Ok((views, total))
            })
        });
        let (views, total) = read.await?;
        let place = |view: &DrillView| view.drill.to_string();
        Ok(pages::page(views, limit, total, place, |view| view))
    }

    /// The latest drill of every repository.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn latest(&self) -> Result<Vec<DrillView>, CommandError> {
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let mut views = Vec::new();
                for row in tx.latest_drills().await? {
                    views.push(view(tx, row).await?);
                }
                Ok(views)
            })
        });
        Ok(read.await?)
    }

    /// One drill.
    ///
    /// # Errors
    /// [`CommandError::NotFound`].
    pub async fn show(&self, drill: &str) -> Result<DrillView, CommandError> {
        let id: i64 = drill.parse().map_err(|_| {
            CommandError::invalid(format!("`{drill}` is no number of a drill"))
                .with_remedy("`orch drill --list` names them")
        })?;
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let row = tx.drill(DrillId(id)).await?;
                view(tx, row).await
            })
        });
        Ok(read.await?)
    }
}

async fn view(tx: &mut Tx, row: DrillRow) -> Result<DrillView, Unwritten> {
    let pipeline = pipeline_stored(tx, &row.new.config_digest).await?;
    let mut carried = Vec::new();
    for case in tx.drill_cases(row.id).await? {
        carried.push(carry(tx, case, &pipeline).await?);
    }
    carried.sort_by_key(|carried| carried.case.class);
    // What is caught is judged by the other gates all the same.
    let is_over = carried.iter().all(|carried| carried.has_ended);
    let is_control = |carried: &Carried| carried.case.class == DrillClass::Control;
    let control = carried.iter().position(is_control);
    let control = control.map(|at| carried.remove(at));
    let entries: Vec<&Entry> = pipeline.entries_in_use().map(|(_, entry)| entry).collect();
    let of_control = |entry: &Entry| {
        let said = control.as_ref()?.said.get(entry.id.as_str())?;
        Some(said.1)
    };
    let classes: Vec<DrillClassView> = carried
        .into_iter()
        .map(|carried| class(carried, &entries, of_control, &pipeline))
        .collect();
    let count = |fate: DrillFate| {
        let found = classes.iter().filter(|class| class.fate == fate);
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    };
    let gates = entries
        .iter()
        .map(|entry| gate(entry, &classes, of_control(entry)));
    Ok(DrillView {
        drill: row.id.0,
        base: row.new.base.to_string(),
        person: row.new.person,
        asked: stamp(row.asked_ms),
        asked_ms: row.asked_ms,
        is_over,
        caught: count(DrillFate::Caught),
        escaped: count(DrillFate::Escaped),
        undecided: count(DrillFate::Undecided),
        not_applicable: count(DrillFate::NotApplicable),
        control: control.as_ref().and_then(|c| c.work_item.clone()),
        gates: gates.collect(),
        classes,
        repo: row.new.repo,
    })
}

async fn carry(tx: &mut Tx, case: DrillCase, pipeline: &Pipeline) -> Result<Carried, Unwritten> {
    let mut carried = Carried {
        case,
        work_item: None,
        has_ended: true,
        said: BTreeMap::new(),
    };
    let Some(task) = carried.case.task else {
        return Ok(carried);
    };
    let record = tx.task(task).await?;
    carried.work_item = Some(record.task.work_item.to_string());
    carried.has_ended = matches!(record.task.status, Status::Ended | Status::Stopping);
    let (evaluations, _) = tx.latest_evaluations(task, EVALUATIONS_MAX).await?;
    for evaluation in evaluations {
        let Some(entry) = pipeline
            .entries_in_use()
            .map(|(_, entry)| entry)
            .find(|entry| entry.id.as_str() == evaluation.entry)
        else {
            continue;
        };
        let judged = DrillJudged {
            mode: entry.mode,
            decision: evaluation.decision,
            awaits_person: entry.awaits_person,
        };
        // The last word counts: it waited before, perhaps.
        carried
            .said
            .insert(evaluation.entry, (evaluation.id.0, judged));
    }
    Ok(carried)
}

fn class(
    carried: Carried,
    entries: &[&Entry],
    of_control: impl Fn(&Entry) -> Option<DrillJudged>,
    pipeline: &Pipeline,
) -> DrillClassView {
    let has_ended = carried.has_ended;
    let answers = entries.iter().filter_map(|entry| {
        let said = carried.said.get(entry.id.as_str());
        let answer = match said {
            Some((_, judged)) => judged.answer(of_control(entry)),
            None if has_ended => DrillAnswer::Undecided,
            None => return None,
        };
        Some(DrillAnswerView {
            entry: entry.id.to_string(),
            mode: entry.mode,
            answer,
            evaluation: said.map(|(evaluation, _)| *evaluation),
        })
    });
    let is_applicable = carried.case.task.is_some();
    let answers: Vec<DrillAnswerView> = match is_applicable {
        true => answers.collect(),
        false => Vec::new(),
    };
    let class = carried.case.class;
    let fate = match is_applicable {
        true => fate(answers.iter().map(|a| (a.mode, a.answer)), has_ended),
        false => DrillFate::NotApplicable,
    };
    let remedy = match fate {
        DrillFate::Escaped | DrillFate::Undecided => Some(remedy(class, &answers, pipeline)),
        DrillFate::Running | DrillFate::Caught | DrillFate::NotApplicable => None,
    };
    DrillClassView {
        class,
        about: class.about().to_owned(),
        fate,
        note: carried.case.note,
        work_item: carried.work_item,
        answers,
        remedy,
    }
}

/// What would have a change of the class caught.
fn remedy(class: DrillClass, answers: &[DrillAnswerView], pipeline: &Pipeline) -> String {
    let watching = answers
        .iter()
        .find(|a| a.answer == DrillAnswer::Caught && a.mode != Mode::Enforce);
    if let Some(watching) = watching {
        let (entry, mode) = (&watching.entry, watching.mode);
        return format!("`{entry}` noticed it and is in mode `{mode}`: set `mode: enforce`");
    }
    let name = class.looked_for_by();
    let entry = pipeline
        .entries_in_use()
        .map(|(_, entry)| entry)
        .find(|entry| entry.id.as_str() == name || entry.gate == name);
    let answer = entry.and_then(|entry| answers.iter().find(|a| a.entry == entry.id.as_str()));
    match answer.map(|answer| answer.answer) {
        None if name == "ci-green" => {
            "no test of the host judges it: set `ci.test` in `.orch.yaml`".to_owned()
        }
        None => format!(
            "no gate here looks for it: `orch gate enable {name} --stage development --mode enforce`"
        ),
        Some(DrillAnswer::HoldsAll) => {
            format!("`{name}` holds up harmless changes too: look at why")
        }
        Some(DrillAnswer::Undecided) => {
            format!("`{name}` could not decide: look at its evaluation")
        }
        Some(DrillAnswer::LetThrough | DrillAnswer::Caught) => {
            format!("`{name}` looked and let it through: only a reviewer may see it")
        }
    }
}

fn gate(entry: &Entry, classes: &[DrillClassView], control: Option<DrillJudged>) -> DrillGateView {
    let count = |wanted: DrillAnswer| {
        let answers = classes.iter().flat_map(|class| &class.answers);
        let found = answers.filter(|a| a.entry == entry.id.as_str() && a.answer == wanted);
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    };
    let holds_all = control.is_some_and(|judged| judged.answer(None) != DrillAnswer::LetThrough);
    DrillGateView {
        entry: entry.id.to_string(),
        gate: entry.gate.clone(),
        mode: entry.mode,
        caught: count(DrillAnswer::Caught),
        let_through: count(DrillAnswer::LetThrough),
        undecided: count(DrillAnswer::Undecided),
        holds_all,
    }
}
