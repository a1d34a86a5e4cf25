//! Which items changed, and who moved them where?
//!
//! Plane has no list of moves. Items are listed by when they changed last; whatever changed its state has its activities
//! read. The time of an activity is the position of its move: no two have the same microsecond in practice, and if two
//! do, the later one is counted one further.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use orch_domain::port::tracker::{Entry, IssueMove, Position};
use orch_domain::port::{HOST_ACTOR, PortError, PortFailure};

use super::budget::Urgency;
use super::shape::{Activity, Item};
use super::{LATE_US, Place, Plane, PlaneProject};
use crate::http::now_ms;

/// How far back a list of changes is read beyond what was asked for, microseconds.
const OVERLAP_US: i64 = 120_000_000;
/// How often all items are listed, milliseconds: what was deleted is only missed there.
const WHOLE_EVERY_MS: i64 = 900_000;
/// Items whose activities are read in one look; the rest comes at the next.
const READ_MAX: usize = 20;
/// Items that are remembered of a project.
const ITEMS_MAX: usize = 50_000;

/// A list that is younger than this serves the next question of the same look, milliseconds.
const FRESH_MS: i64 = 2_000;

/// What is known of the items.
#[derive(Debug, Default)]
pub(super) struct Board {
    projects: HashMap<String, Known>,
    /// Requests as they were read, by item, with the item's last change then.
    pub(super) requests: HashMap<String, (i64, Option<Entry>)>,
}

#[derive(Debug, Default)]
struct Known {
    items: HashMap<String, ItemKnown>,
    /// Newest change that was listed, microseconds.
    newest_us: i64,
    /// When all items were listed, Unix milliseconds of the host.
    whole_ms: Option<i64>,
    /// When they were listed for moves; none once somebody else has used that list.
    listed_ms: Option<i64>,
}

/// An item as it was listed last.
#[derive(Debug, Clone)]
pub(super) struct ItemKnown {
    pub(super) state: String,
    pub(super) updated_us: i64,
    /// The change at which its activities were read, and the moves in them; none if they have to be read.
    read: Option<(i64, Vec<Moved>)>,
}

#[derive(Debug, Clone)]
struct Moved {
    at_us: i64,
    to: String,
    actor: String,
    is_past: bool,
}

impl Board {
    /// Whether a project was listed for moves just now, in the same look. Says so once.
    pub(super) fn take_fresh(&mut self, project: &str) -> bool {
        let known = self.projects.get_mut(project);
        let listed = known.and_then(|known| known.listed_ms.take());
        listed.is_some_and(|at| now_ms().saturating_sub(at) < FRESH_MS)
    }

    /// Items of a project that stand in a state.
    pub(super) fn standing(&self, project: &str, state: &str) -> Vec<(String, ItemKnown)> {
        let known = self.projects.get(project);
        let items = known.into_iter().flat_map(|known| &known.items);
        let standing = items.filter(|(_, item)| item.state == state);
        standing
            .map(|(id, item)| (id.clone(), item.clone()))
            .collect()
    }
}

/// The newest change of any item, or now: whatever happened before is none of the host's business.
pub(super) async fn beginning(plane: &Plane) -> Result<Position, PortError> {
    let (mut newest, mut clock) = (0, 0);
    for project in plane.projects.keys() {
        let path = format!("projects/{project}/work-items/");
        let query = [
            ("order_by", "-updated_at".to_owned()),
            ("fields", "id,state,updated_at".to_owned()),
        ];
        let list = plane
            .api
            .list_while::<Item>(Urgency::State, &path, &query, |_| false);
        let (items, date_us) = list.await?;
        newest = newest.max(items.iter().map(|i| i.updated_at.0).max().unwrap_or(0));
        clock = clock.max(date_us.unwrap_or(0).saturating_sub(LATE_US));
    }
    // An empty board has a beginning too: else it would be looked for again, behind the first moves that are made.
    Ok(match newest {
        0 => clock,
        newest => newest,
    })
}

/// Lists what changed in a project; answers the server's clock, microseconds.
pub(super) async fn refresh(
    plane: &Plane,
    board: &mut Board,
    project: &str,
) -> Result<Option<i64>, PortError> {
    let known = board.projects.entry(project.to_owned()).or_default();
    let now = now_ms();
    let whole = known
        .whole_ms
        .is_none_or(|at| now.saturating_sub(at) > WHOLE_EVERY_MS);
    let from = match whole {
        true => i64::MIN,
        false => known.newest_us.saturating_sub(OVERLAP_US),
    };
    let path = format!("projects/{project}/work-items/");
    let query = [
        ("order_by", "-updated_at".to_owned()),
        ("fields", "id,state,updated_at".to_owned()),
    ];
    let list = plane
        .api
        .list_while::<Item>(Urgency::Read, &path, &query, |item| {
            item.updated_at.0 >= from
        });
    let (items, date_us) = list.await?;
    if whole {
        let there: std::collections::HashSet<&str> =
            items.iter().map(|item| item.id.as_str()).collect();
        known.items.retain(|id, _| there.contains(id.as_str()));
        known.whole_ms = Some(now);
    }
    for item in items.into_iter().take(ITEMS_MAX) {
        known.newest_us = known.newest_us.max(item.updated_at.0);
        let entry = known.items.entry(item.id).or_insert_with(|| ItemKnown {
            state: String::new(),
            updated_us: 0,
            read: None,
        });
        entry.state = item.state;
        entry.updated_us = item.updated_at.0;
    }
    Ok(date_us)
}

/// Moves after `position`, oldest first, at most `most`.
pub(super) async fn moves(
    plane: &Plane,
    position: Position,
    most: u32,
) -> Result<Vec<IssueMove>, PortError> {
    let me = plane.me().await?;
    let me = me.as_str();
    let mut board = plane.board.lock().await;
    let (mut found, mut reads) = (Vec::new(), 0);
    // Nothing is told that is newer than what is not known yet: it would hide that for good.
    let mut until_us = i64::MAX;
    let mut newest_us = i64::MIN;
    for (id, project) in &plane.projects {
        let date_us = refresh(plane, &mut board, id).await?;
        if let Some(known) = board.projects.get_mut(id) {
            known.listed_ms = Some(now_ms());
        }
        if let Some(date_us) = date_us {
            // What is written down a little late must not come after what was told.
            until_us = until_us.min(date_us.saturating_sub(LATE_US));
        }
        let Some(known) = board.projects.get_mut(id) else {
            continue;
        };
        let mut changed: Vec<(&String, &mut ItemKnown)> = known
            .items
            .iter_mut()
            .filter(|(_, item)| item.updated_us > position.saturating_sub(LATE_US))
            .collect();
        changed.sort_by_key(|(_, item)| item.updated_us);
        for (item_id, item) in changed {
            let place = Place {
                project: id.clone(),
                item: item_id.clone(),
            };
            let is_read = item
                .read
                .as_ref()
                .is_some_and(|(at, _)| *at == item.updated_us);
            if !is_read {
                reads += 1;
                if reads > READ_MAX {
                    until_us =
                        until_us.min(position.max(item.updated_us.saturating_sub(OVERLAP_US)));
                    break;
                }
                let activities = match plane.activities(&place, Urgency::Read).await {
                    Ok(activities) => activities,
                    // It was taken away since it was listed: nobody moves it any more, and the others are moved.
                    Err(error) if error.failure == PortFailure::NotFound => Vec::new(),
                    Err(error) => return Err(error),
                };
                let moved = moved(&activities, me);
                // Until who moved it is written down, it is looked for again.
                let is_whole = moved.last().is_none_or(|last| last.to == item.state);
                item.read = Some((
                    match is_whole {
                        true => item.updated_us,
                        false => 0,
                    },
                    moved,
                ));
            }
            let moved = item.read.as_ref().map_or(&[][..], |(_, moved)| moved);
            let by_others = moved.iter().filter(|one| one.actor != me);
            newest_us = by_others.map(|one| one.at_us).fold(newest_us, i64::max);
            let is_asked = |one: &&Moved| one.at_us > position && one.at_us <= until_us;
            for one in moved.iter().filter(is_asked) {
                found.extend(told(plane, project, &place, one, me).await?);
            }
        }
    }
    let holds_back = newest_us > position.max(until_us);
    plane.holds_back.store(holds_back, Ordering::SeqCst);
    found.retain(|m| m.position > position && m.position <= until_us);
    found.sort_by_key(|m| m.position);
    for at in 1..found.len() {
        if found[at].position <= found[at - 1].position {
            found[at].position = found[at - 1].position + 1;
        }
    }
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(found)
}

/// The moves in the activities of an item.
fn moved(activities: &[Activity], me: &str) -> Vec<Moved> {
    let moves: Vec<&Activity> = activities
        .iter()
        .filter(|activity| activity.moved_to().is_some())
        .collect();
    let is_past = |at: usize| {
        let this = moves[at];
        let by_others_later = moves[at + 1..].iter().any(|later| later.actor != me);
        // Written down after a move of the host's that came later: whoever made it did not see that one.
        let before_own = this.actor != me
            && moves[..at].iter().any(|earlier| {
                earlier.actor == me && earlier.asked_us() > this.asked_us().saturating_add(LATE_US)
            });
        by_others_later || before_own
    };
    moves
        .iter()
        .enumerate()
        .map(|(at, activity)| Moved {
            at_us: activity.created_at.0,
            to: activity.moved_to().unwrap_or_default().to_owned(),
            actor: activity.actor.clone(),
            is_past: is_past(at),
        })
        .collect()
}

/// A move as the port has it; none if it is to a state that says nothing to the host.
async fn told(
    plane: &Plane,
    project: &PlaneProject,
    place: &Place,
    one: &Moved,
    me: &str,
) -> Result<Option<IssueMove>, PortError> {
    let (Some(issue), Some(state)) = (place.issue(), plane.meaning(project, place, &one.to).await?)
    else {
        return Ok(None);
    };
    let actor = match one.actor == me {
        true => HOST_ACTOR.to_owned(),
        false => one.actor.clone(),
    };
    Ok(Some(IssueMove {
        position: one.at_us,
        issue,
        state,
        actor,
        at_ms: one.at_us.div_euclid(1000),
        is_past: one.is_past,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(at_s: i64, asked_s: i64, actor: &str, to: &str) -> Activity {
        let time = jiff::Timestamp::from_second(at_s).unwrap().to_string();
        serde_json::from_value(serde_json::json!({
            "id": format!("{at_s}"), "created_at": time, "field": "state", "epoch": asked_s,
            "new_identifier": to, "actor": actor,
        }))
        .unwrap()
    }

    #[test]
    fn approval_that_was_written_down_after_the_question_and_made_before_it_answers_nothing() {
        let list = [
            activity(10, 8, "orch", "question"),
            activity(11, 3, "ann", "approved"),
        ];
        let past = |list: &[Activity]| -> Vec<bool> {
            moved(list, "orch").iter().map(|m| m.is_past).collect()
        };
        assert_eq!(past(&list), [true, true]);
        let list = [
            activity(10, 8, "orch", "question"),
            activity(11, 11, "ann", "approved"),
        ];
        assert_eq!(past(&list), [true, false]);
        let list = [
            activity(10, 10, "ann", "approved"),
            activity(11, 11, "orch", "question"),
        ];
        assert_eq!(past(&list), [false, false]);
    }
}
