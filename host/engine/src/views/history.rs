//! What happened to a task, event by event.

use orch_domain::pipeline::Step;
use orch_domain::stage::Stage;
use orch_store::EventRow;
use orch_views::history::{HappenedView, PlaceView};
use orch_views::page::{Page, PageRequest};
use serde::Deserialize;

use super::pages;
use super::tasks::{self, TaskViews};
use crate::commands::{CommandError, named};
use crate::ledger::clock::stamp;

impl TaskViews {
    /// What happened to a task, oldest first.
    ///
    /// # Errors
    /// [`CommandError::NotFound`]; [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn history(
        &self,
        item: &str,
        request: PageRequest,
    ) -> Result<Page<HappenedView>, CommandError> {
        let item = named(item)?;
        let limit = pages::limit(request.limit)?;
        let after = pages::after(request.after.as_deref())?.unwrap_or(0);
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let record = tx.task_of_item(&item).await?;
                let rows = tx.events(record.task.id, after, limit + 1).await?;
                let total = tx.count_events(record.task.id).await?;
                let pipelines = tasks::pipelines(tx, std::slice::from_ref(&record)).await?;
                Ok((rows, total, record, pipelines))
            })
        });
        let (rows, total, record, pipelines) = read.await?;
        let pipeline = pipelines.get(&record.config_digest);
        let name = |place: Place| PlaceView {
            step: pipeline
                .and_then(|p| p.step(place.stage, place.step))
                .map(Step::name)
                .unwrap_or_default(),
            stage: place.stage,
        };
        let place = |row: &EventRow| row.id.to_string();
        Ok(pages::page(rows, limit, total, place, |row| {
            happened(row, name)
        }))
    }
}

/// An event's data, as far as it is of a known form; others show no more than that they happened.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    from: Option<Place>,
    to: Option<Place>,
    detail: serde_json::Value,
}

#[derive(Deserialize)]
struct Place {
    stage: Stage,
    step: u32,
}

fn happened(row: EventRow, name: impl Fn(Place) -> PlaceView) -> HappenedView {
    let whole: serde_json::Value = serde_json::from_str(&row.data).unwrap_or_default();
    let data: Data = serde_json::from_value(whole.clone()).unwrap_or_default();
    // What moves no task has its details at the top.
    let detail = if data.from.is_some() {
        data.detail
    } else {
        whole
    };
    HappenedView {
        id: row.id,
        at_ms: row.at_ms,
        at: stamp(row.at_ms),
        kind: row.kind,
        actor: row.actor,
        channel: row.channel,
        from: data.from.map(&name),
        to: data.to.map(&name),
        detail,
    }
}
