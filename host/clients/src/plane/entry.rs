//! What do people ask the host to begin, and who asks?

use std::collections::HashSet;

use orch_domain::id::WorkItem;
use orch_domain::port::PortError;
use orch_domain::port::tracker::Entry;

use super::board::{self, ItemKnown};
use super::budget::Urgency;
use super::shape::{Activity, Item};
use super::{Place, Plane, PlaneProject, text};

/// Fields of an item that are the request itself.
const REQUEST: [&str; 4] = [
    "name",
    "description",
    "description_html",
    "description_json",
];
/// Bytes of a request.
const REQUEST_BYTES_MAX: usize = 200 * 1024;

/// Items that stand in their project's entry state.
pub(super) async fn entries(plane: &Plane, most: u32) -> Result<Vec<Entry>, PortError> {
    let mut list = Vec::new();
    let mut board = plane.board.lock().await;
    for (id, project) in &plane.projects {
        if !board.take_fresh(id) {
            board::refresh(plane, &mut board, id).await?;
        }
        let mut standing: Vec<(String, ItemKnown)> = board.standing(id, &project.entry);
        standing.sort_by_key(|(_, item)| item.updated_us);
        let key = |item: &str| format!("{id}/{item}");
        let stands: HashSet<String> = standing.iter().map(|(item, _)| key(item)).collect();
        let prefix = key("");
        board
            .requests
            .retain(|own, _| !own.starts_with(&prefix) || stands.contains(own));
        for (item, known) in standing {
            if list.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
                return Ok(list);
            }
            let place = Place {
                project: id.clone(),
                item,
            };
            // An item that nobody changed asks for what it asked for.
            let read = board.requests.get(&key(&place.item));
            let read = read.filter(|(at, _)| *at == known.updated_us);
            let request = match read {
                Some((_, request)) => request.clone(),
                None => {
                    let request = entry(plane, project, &place).await?;
                    let kept = (known.updated_us, request.clone());
                    board.requests.insert(key(&place.item), kept);
                    request
                }
            };
            list.extend(request);
        }
    }
    Ok(list)
}

/// The request that stands in an item; none if the item does not stand there any more.
async fn entry(
    plane: &Plane,
    project: &PlaneProject,
    place: &Place,
) -> Result<Option<Entry>, PortError> {
    let item = plane.item(place, Urgency::Read).await?;
    let activities = plane.activities(place, Urgency::Read).await?;
    let work_item = format!("{}-{}", project.prefix, item.sequence_id);
    let (Some(issue), Ok(work_item)) = (place.issue(), WorkItem::new(work_item)) else {
        return Ok(None);
    };
    if item.state != project.entry {
        return Ok(None);
    }
    let (by, changed_by, at_ms) = asking(project, &item, &activities);
    let title: String = item
        .name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Ok(Some(Entry {
        issue,
        work_item,
        repo: project.repo.clone(),
        title,
        text: text::cut(
            &text::read(item.description_html.as_deref().unwrap_or_default()),
            REQUEST_BYTES_MAX,
        ),
        by,
        changed_by,
        at_ms,
    }))
}

/// Who asked for what stands in an item, since when, and who has changed what it says since.
fn asking(
    project: &PlaneProject,
    item: &Item,
    activities: &[Activity],
) -> (String, Vec<String>, i64) {
    let moved = activities
        .iter()
        .rev()
        .find(|activity| activity.moved_to() == Some(project.entry.as_str()));
    let (asker, at) = match moved {
        Some(moved) => (moved.actor.clone(), moved.created_at),
        None => (item.created_by.clone().unwrap_or_default(), item.created_at),
    };
    let is_change = |activity: &&Activity| {
        let field = activity.field.as_deref();
        activity.created_at > at && field.is_some_and(|f| REQUEST.contains(&f))
    };
    let mut changed: Vec<String> = activities
        .iter()
        .filter(is_change)
        .map(|activity| activity.actor.clone())
        .collect();
    changed.sort_unstable();
    changed.dedup();
    (asker, changed, at.ms())
}
