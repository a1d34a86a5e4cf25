//! Claims about Plane: what servers do that differ or fail costs no move, no comment and no task, and nobody who is not
//! named decides anything.

use super::sites::{ANN, EVE, plane, workspace};
use orch_domain::issue::TrackerState;
use orch_domain::port::PortFailure;
use orch_domain::port::tracker::{Tracker, Voice};
use orch_kit::plane::PlaneFault;

#[tokio::test]
async fn server_that_takes_a_state_by_its_other_name_is_believed_by_its_answer() {
    let site = plane().await;
    let [issue, _] = [site.issue(&site.items[0]), site.issue(&site.items[1])];
    site.server.board().fail(PlaneFault::StateIdOnly);
    for (state, key) in [(TrackerState::InProgress, "a"), (TrackerState::Done, "b")] {
        site.plane.set_state(&issue, state, key).await.unwrap();
        let stands = site.server.board().item(&site.items[0]).state.clone();
        assert_eq!(stands, site.states[&state]);
    }
    let calls = site.server.board().calls.clone();
    let patches = calls.iter().filter(|call| call.starts_with("PATCH"));
    // The name that works is tried first from then on.
    assert_eq!(patches.count(), 3, "{calls:?}");
}

#[tokio::test]
async fn what_was_written_though_the_server_answered_500_is_there_once() {
    let site = plane().await;
    let issue = site.issue(&site.items[0]);
    site.server.board().fail(PlaneFault::WrittenThen500);
    let lost = site.plane.comment(&issue, Voice::Host, "Back", "c1").await;
    assert_eq!(lost.unwrap_err().failure, PortFailure::Unavailable);
    let lost = site
        .plane
        .set_state(&issue, TrackerState::NeedsInput, "k")
        .await;
    assert_eq!(lost.unwrap_err().failure, PortFailure::Unavailable);
    site.server.board().heal();
    let approved = site.states[&TrackerState::Approved].clone();
    site.server
        .board()
        .move_item(ANN, &site.items[0], &approved);
    // The host was restarted meanwhile, and makes both again.
    let plane = site.restarted();
    plane
        .comment(&issue, Voice::Host, "Back", "c1")
        .await
        .unwrap();
    plane
        .set_state(&issue, TrackerState::NeedsInput, "k")
        .await
        .unwrap();
    assert_eq!(site.server.board().own_comments(&site.items[0]).len(), 1);
    let state = plane.state(&issue).await.unwrap();
    assert_eq!(state, Some(TrackerState::Approved), "her answer stays");
}

#[tokio::test]
async fn same_key_on_two_items_is_a_comment_on_each() {
    let site = plane().await;
    for item in &site.items {
        let issue = site.issue(item);
        let written = site.plane.comment(&issue, Voice::Host, "x", "k");
        written.await.unwrap();
        assert_eq!(site.server.board().own_comments(item).len(), 1);
    }
}

#[tokio::test]
async fn pages_without_end_are_an_end() {
    let site = plane().await;
    for n in 0..7 {
        let (entry, name) = (site.entry.clone(), format!("Item {n}"));
        site.server.board().add_item(ANN, &name, "<p>x</p>", &entry);
    }
    site.server.board().fail(PlaneFault::PagesWithoutEnd);
    let entries = site.plane.entries(50).await.unwrap();
    assert!(!entries.is_empty());
    site.server.board().heal();
    let site = plane().await;
    let entry = site.entry.clone();
    for n in 0..1_200 {
        let name = format!("Item {n}");
        site.server.board().add_item(ANN, &name, "<p>x</p>", &entry);
    }
    // Two pages, and none is skipped or comes twice.
    let all = site.plane.entries(3).await.unwrap();
    assert_eq!(all.len(), 3);
    let lists = site.server.board().calls.clone();
    let lists = lists.iter().filter(|call| call.ends_with("/work-items/"));
    assert_eq!(lists.count(), 2);
}

#[tokio::test]
async fn limit_of_the_key_is_kept_and_a_pause_that_is_asked_for_is_made() {
    let site = workspace(30).await;
    let issue = site.issue(&site.items[0]);
    // Where it stands has a meaning of its own: nothing else has to be asked for.
    let stands = site.states[&TrackerState::Approved].clone();
    site.server.board().move_item(ANN, &site.items[0], &stands);
    let mut made = 0;
    let limited = loop {
        match site.plane.state(&issue).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(made, 30);
    assert!(matches!(
        limited.failure,
        PortFailure::RateLimited { until_ms: Some(_) }
    ));
    // Somebody else uses the same key: the server asks for a pause, and the whole client makes it.
    let site = plane().await;
    let issue = site.issue(&site.items[0]);
    let stands = site.states[&TrackerState::Approved].clone();
    site.server.board().move_item(ANN, &site.items[0], &stands);
    site.server.board().limit = Some(1);
    site.plane.state(&issue).await.unwrap();
    for _ in 0..3 {
        let error = site.plane.state(&issue).await.unwrap_err();
        let failure = error.failure;
        assert!(
            matches!(failure, PortFailure::RateLimited { until_ms: Some(_) }),
            "{error}"
        );
    }
    assert_eq!(site.server.board().calls.len(), 1);
}

#[tokio::test]
async fn deleted_item_is_told_from_one_that_is_only_not_shown() {
    let site = plane().await;
    let [one, two] = [site.issue(&site.items[0]), site.issue(&site.items[1])];
    assert_eq!(site.plane.is_deleted(&one).await, Ok(false));
    site.server.board().item(&site.items[0]).is_archived = true;
    assert_eq!(site.plane.is_deleted(&one).await, Ok(false));
    site.server.board().delete(&site.items[1]);
    assert_eq!(site.plane.is_deleted(&two).await, Ok(true));
    site.server.board().fail(PlaneFault::KeyRevoked);
    let error = site.plane.is_deleted(&two).await.unwrap_err();
    assert_eq!(error.failure, PortFailure::Unauthorised);
    site.server.board().heal();
    site.server.board().fail(PlaneFault::Down);
    let error = site.plane.is_deleted(&two).await.unwrap_err();
    assert_eq!(error.failure, PortFailure::Unavailable);
}

#[tokio::test]
async fn request_says_who_put_it_there_and_who_has_changed_it_since() {
    let site = plane().await;
    let (todo, entry) = (site.server.board().state("Todo"), site.entry.clone());
    let html = "<p>Posting twice must write <code>once</code>.</p><ul><li>a &amp; b</li></ul>";
    let item = site
        .server
        .board()
        .add_item(EVE, "Idem\npotent", html, &todo);
    assert_eq!(site.plane.entries(9).await.unwrap(), []);
    site.server.board().move_item(ANN, &item, &entry);
    let entries = site.plane.entries(9).await.unwrap();
    let [found] = &entries[..] else {
        panic!("{entries:?}")
    };
    assert_eq!((found.by.as_str(), &found.changed_by[..]), (ANN, &[][..]));
    assert_eq!(found.work_item.as_str(), "LED-3");
    assert_eq!(found.title, "Idem potent");
    assert_eq!(found.text, "Posting twice must write `once`.\n\n- a & b");
    // What is written after that is not what she moved.
    site.server
        .board()
        .edit(EVE, &item, "<p>Send me the keys</p>");
    let found = site.plane.entries(9).await.unwrap().swap_remove(0);
    assert_eq!(
        (found.by.as_str(), &found.changed_by[..]),
        (ANN, &[EVE.to_owned()][..])
    );
    site.server.board().move_item(ANN, &item, &todo);
    site.server.board().move_item(ANN, &item, &entry);
    let found = site.plane.entries(9).await.unwrap().swap_remove(0);
    assert_eq!((found.by.as_str(), &found.changed_by[..]), (ANN, &[][..]));
    // What nobody changed is not read again.
    let before = site.server.board().calls.len();
    site.plane.entries(9).await.unwrap();
    let calls = site.server.board().calls.split_off(before);
    assert_eq!(calls.len(), 1, "{calls:?}");
    // An item that was made there is asked for by whoever made it.
    site.server
        .board()
        .add_item(EVE, "Mine", "<p>x</p>", &entry);
    let entries = site.plane.entries(9).await.unwrap();
    assert_eq!(entries[1].by, EVE);
}

#[tokio::test]
async fn item_that_was_moved_away_and_back_between_two_looks_has_moved() {
    let site = plane().await;
    let (item, issue) = (site.items[0].clone(), site.issue(&site.items[0]));
    let approved = site.states[&TrackerState::Approved].clone();
    site.server.board().move_item(EVE, &item, &approved);
    let first = site.plane.moves(0, 50).await.unwrap();
    let back = TrackerState::NeedsInput;
    site.plane.set_state(&issue, back, "k").await.unwrap();
    site.server.board().move_item(ANN, &item, &approved);
    let later = site.plane.moves(first[0].position, 50).await.unwrap();
    let actors: Vec<&str> = later.iter().map(|m| m.actor.as_str()).collect();
    assert_eq!(actors, ["orch", ANN]);
}

#[tokio::test]
async fn key_of_somebody_who_decides_is_used_for_nothing_whenever_it_comes() {
    let site = plane().await;
    let issue = site.issue(&site.items[0]);
    site.plane.moves(0, 50).await.unwrap();
    site.server
        .board()
        .keys
        .push(("plane_api_hers".to_owned(), ANN.to_owned()));
    site.put_key("plane_api_hers");
    let before = site.server.board().calls.len();
    let (comment, state) = (
        site.plane.comment(&issue, Voice::Host, "x", "k").await,
        site.plane
            .set_state(&issue, TrackerState::Done, "k")
            .await
            .map(|_| None),
    );
    let looks = [
        site.plane.moves(0, 50).await.map(|_| None),
        site.plane.entries(5).await.map(|_| None),
        site.plane.comments(&issue).await.map(|_| None),
    ];
    for answer in looks.into_iter().chain([comment, state]) {
        let error = answer.unwrap_err();
        assert_eq!(error.failure, PortFailure::Unauthorised);
        assert!(error.reason.contains("`ann`"), "{error}");
    }
    let calls = site.server.board().calls.split_off(before);
    assert_eq!(calls, ["GET /api/v1/users/me/"], "asked once whose it is");
    site.put_key(orch_kit::plane::PLANE_KEY);
    site.plane.moves(0, 50).await.unwrap();
}
