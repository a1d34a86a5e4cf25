//! What do people ask the host to begin, and who asks?

use std::collections::HashSet;

use orch_domain::id::WorkItem;
use orch_domain::port::tracker::Entry;
use orch_domain::port::{PortError, PortFailure};

use super::board::{self, ItemKnown};
use super::budget::Urgency;
use super::shape::{Activity, Item};
use super::{LATE_US, Place, Plane, PlaneProject, html, text};

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
    plane.me().await?;
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
                None => match entry(plane, project, &place).await? {
                    Read::Whole(request) => {
                        let kept = (known.updated_us, request.clone());
                        board.requests.insert(key(&place.item), kept);
                        request
                    }
                    Read::NotYet => None,
                },
            };
            list.extend(request);
        }
    }
    Ok(list)
}

/// What an item says of a request.
enum Read {
    /// The request that stands in it; none if the item does not stand there any more.
    Whole(Option<Entry>),
    /// Who put it there is not written down yet: it is looked at again.
    NotYet,
}

async fn entry(plane: &Plane, project: &PlaneProject, place: &Place) -> Result<Read, PortError> {
    let me = plane.me().await?;
    let read = async {
        let item = plane.item(place, Urgency::Read).await?;
        Ok((item, plane.activities(place, Urgency::Read).await?))
    };
    let (item, activities) = match read.await {
        Ok(read) => read,
        // It was taken away since it was listed, and asks for nothing; the others do.
        Err(PortError {
            failure: PortFailure::NotFound,
            ..
        }) => return Ok(Read::Whole(None)),
        Err(error) => return Err(error),
    };
    let work_item = format!("{}-{}", project.prefix, item.sequence_id);
    let (Some(issue), Ok(work_item)) = (place.issue(), WorkItem::new(work_item)) else {
        return Ok(Read::Whole(None));
    };
    if item.state != project.entry {
        return Ok(Read::Whole(None));
    }
    let Some(asked) = asking(project, &item, &activities, &me) else {
        return Ok(Read::NotYet);
    };
    let title: String = item
        .name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Ok(Read::Whole(Some(Entry {
        issue,
        work_item,
        repo: project.repo.clone(),
        title,
        text: text::cut(
            &html::read(item.description_html.as_deref().unwrap_or_default()),
            REQUEST_BYTES_MAX,
        ),
        by: asked.by,
        changed_by: asked.changed_by,
        at_ms: asked.at_ms,
    })))
}

/// Who asked.
#[derive(Debug, PartialEq, Eq)]
struct Asking {
    by: String,
    changed_by: Vec<String>,
    at_ms: i64,
}

/// Who asked for what stands in an item, since when, and who has changed what it says since. None until it is written
/// down: an item is changed at once, and who changed it is noted afterwards, sometimes much later or never.
fn asking(
    project: &PlaneProject,
    item: &Item,
    activities: &[Activity],
    me: &str,
) -> Option<Asking> {
    let last = activities.iter().rfind(|one| one.moved_to().is_some());
    let (by, at) = match last {
        Some(last) if last.moved_to() == Some(project.entry.as_str()) => {
            (last.actor.clone(), last.created_at)
        }
        // It stands elsewhere as far as is written down: whoever moved it here is not known.
        Some(_) => return None,
        None => {
            let made = activities.iter().find(|one| one.is_making())?;
            (made.actor.clone(), made.created_at)
        }
    };
    let is_change = |activity: &&Activity| {
        let field = activity.field.as_deref();
        activity.created_at > at && field.is_some_and(|f| REQUEST.contains(&f))
    };
    let changes = activities.iter().filter(is_change);
    let mut changed_by: Vec<String> = changes.map(|activity| activity.actor.clone()).collect();
    changed_by.extend(unexplained(item, activities, me));
    changed_by.sort_unstable();
    changed_by.dedup();
    Some(Asking {
        by,
        changed_by,
        at_ms: at.ms(),
    })
}

/// Whoever the item says changed it last, if nothing that is written down says what they did then: it may have been
/// the request, or the move.
fn unexplained(item: &Item, activities: &[Activity], me: &str) -> Option<String> {
    let by = item.updated_by.as_deref().filter(|by| *by != me)?;
    let since = item.updated_at.0.saturating_sub(LATE_US);
    let is_told = activities
        .iter()
        .any(|one| one.actor == by && one.created_at.0 >= since);
    (!is_told).then(|| by.to_owned())
}
