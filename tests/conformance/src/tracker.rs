//! What every tracker has to do.

use orch_domain::id::IssueId;
use orch_domain::issue::TrackerState;
use orch_domain::port::tracker::{IssueMove, Position, Tracker, Voice};
use orch_domain::port::{HOST_ACTOR, PortFailure};
use orch_domain::stage::Role;

use crate::Doing;

/// Makes a test of each case of a tracker: `tracker_conformance!(site)`, where `site` is an `async fn` that makes a
/// fresh [`TrackerSite`].
#[macro_export]
macro_rules! tracker_conformance {
    ($make:path) => {
        $crate::cases! {
            tracker, $make,
            [
                state_set_twice_is_one_move,
                state_set_again_by_the_same_key_leaves_a_later_move_alone,
                answer_to_a_state_that_people_see_has_a_higher_position_than_one_before_it,
                moves_of_others_are_seen_with_who_and_when,
                moves_after_a_position_come_in_order_and_none_is_skipped,
                move_that_somebody_went_back_on_is_past,
                comment_sent_twice_is_one_comment,
                comments_come_in_order_and_say_whose_they_are,
                what_is_not_there_is_told_from_a_tracker_that_does_not_answer,
            ]
        }
    };
}

/// A fresh tracker with at least two issues that were never moved.
pub trait TrackerSite: Sync {
    /// The port.
    fn tracker(&self) -> &dyn Tracker;

    /// Two issues.
    fn issues(&self) -> [IssueId; 2];

    /// A name that an issue of this tracker could have, and none has.
    fn absent(&self) -> IssueId;

    /// Somebody moves an issue on the board.
    fn moved_by<'a>(
        &'a self,
        who: &'a str,
        issue: &'a IssueId,
        state: TrackerState,
    ) -> Doing<'a, ()>;

    /// Somebody writes a comment.
    fn commented_by<'a>(&'a self, who: &'a str, issue: &'a IssueId, text: &'a str)
    -> Doing<'a, ()>;

    /// By what the tracker knows somebody: the number of an account, where it has such.
    fn account(&self, who: &str) -> String {
        who.to_owned()
    }

    /// The tracker goes away, as in an outage.
    fn cut(&self) -> Doing<'_, ()>;
}

async fn set(site: &dyn TrackerSite, issue: &IssueId, state: TrackerState, key: &str) -> Position {
    let done = site.tracker().set_state(issue, state, key).await;
    done.expect("moved")
}

async fn moves(site: &dyn TrackerSite) -> Vec<IssueMove> {
    site.tracker().moves(0, 100).await.expect("answered")
}

/// A wish whose answer was lost is told again; an issue that is there already stays.
pub async fn state_set_twice_is_one_move(site: &dyn TrackerSite) {
    let [issue, _] = site.issues();
    assert_eq!(site.tracker().state(&issue).await, Ok(None));
    for key in ["k1", "k1", "k2"] {
        set(site, &issue, TrackerState::InProgress, key).await;
        let state = site.tracker().state(&issue).await;
        assert_eq!(state, Ok(Some(TrackerState::InProgress)));
    }
    let moves = moves(site).await;
    assert_eq!(moves.len(), 1, "{moves:?}");
    assert_eq!(
        (&moves[0].issue, moves[0].actor.as_str()),
        (&issue, HOST_ACTOR)
    );
}

/// A wish that is told again after somebody answered it does not take the answer back.
pub async fn state_set_again_by_the_same_key_leaves_a_later_move_alone(site: &dyn TrackerSite) {
    let [issue, _] = site.issues();
    set(site, &issue, TrackerState::NeedsInput, "ask").await;
    site.moved_by("ann", &issue, TrackerState::Approved).await;
    set(site, &issue, TrackerState::NeedsInput, "ask").await;
    let state = site.tracker().state(&issue).await;
    assert_eq!(state, Ok(Some(TrackerState::Approved)));
    set(site, &issue, TrackerState::NeedsInput, "ask again").await;
    let state = site.tracker().state(&issue).await;
    assert_eq!(state, Ok(Some(TrackerState::NeedsInput)));
}

/// An approval that was given before the question was asked is told from one that answers it.
pub async fn answer_to_a_state_that_people_see_has_a_higher_position_than_one_before_it(
    site: &dyn TrackerSite,
) {
    let [issue, _] = site.issues();
    site.moved_by("ann", &issue, TrackerState::Approved).await;
    let shown = set(site, &issue, TrackerState::NeedsInput, "ask").await;
    site.moved_by("ann", &issue, TrackerState::Approved).await;
    let moves = moves(site).await;
    let of_ann: Vec<Position> = moves
        .iter()
        .filter(|m| m.actor == site.account("ann"))
        .map(|m| m.position)
        .collect();
    assert!(of_ann[0] < shown && shown < of_ann[1], "{of_ann:?} {shown}");
    // A move to where it is already is none, and people have seen the state all the same.
    let again = set(site, &issue, TrackerState::Approved, "thanks").await;
    assert!(again >= of_ann[1], "{of_ann:?} {again}");
}

/// The reconciler learns who asked for what.
pub async fn moves_of_others_are_seen_with_who_and_when(site: &dyn TrackerSite) {
    let [issue, other] = site.issues();
    set(site, &issue, TrackerState::NeedsInput, "k").await;
    site.moved_by("ann", &issue, TrackerState::Approved).await;
    site.moved_by("bob", &other, TrackerState::Stopped).await;
    let moves = moves(site).await;
    let (ann, bob) = (site.account("ann"), site.account("bob"));
    let seen: Vec<(&IssueId, TrackerState, &str)> = moves
        .iter()
        .map(|m| (&m.issue, m.state, m.actor.as_str()))
        .collect();
    let expected = [
        (&issue, TrackerState::NeedsInput, HOST_ACTOR),
        (&issue, TrackerState::Approved, ann.as_str()),
        (&other, TrackerState::Stopped, bob.as_str()),
    ];
    assert_eq!(seen, expected);
    assert!(
        moves.windows(2).all(|m| m[0].at_ms <= m[1].at_ms),
        "{moves:?}"
    );
    let state = site.tracker().state(&issue).await;
    assert_eq!(state, Ok(Some(TrackerState::Approved)));
}

/// However few are asked for at once, each comes once and in order.
pub async fn moves_after_a_position_come_in_order_and_none_is_skipped(site: &dyn TrackerSite) {
    let [issue, other] = site.issues();
    assert_eq!(moves(site).await, []);
    for (index, state) in TrackerState::ALL.into_iter().enumerate() {
        set(site, &issue, state, &format!("k{index}")).await;
        site.moved_by("ann", &other, state).await;
    }
    let all = moves(site).await;
    assert_eq!(all.len(), TrackerState::ALL.len() * 2);
    let (mut paged, mut position) = (Vec::new(), 0);
    loop {
        let page = site.tracker().moves(position, 3).await.expect("answered");
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        assert!(last.position > position);
        position = last.position;
        paged.extend(page);
    }
    let key = |m: &IssueMove| (m.position, m.issue.clone(), m.state);
    assert_eq!(
        paged.iter().map(key).collect::<Vec<_>>(),
        all.iter().map(key).collect::<Vec<_>>()
    );
    assert!(all.windows(2).all(|m| m[0].position < m[1].position));
}

/// Only the last word of people counts; what the host says after it takes nothing back.
pub async fn move_that_somebody_went_back_on_is_past(site: &dyn TrackerSite) {
    let [issue, other] = site.issues();
    site.moved_by("ann", &issue, TrackerState::Approved).await;
    site.moved_by("bob", &other, TrackerState::Stopped).await;
    site.moved_by("ann", &issue, TrackerState::InReview).await;
    set(site, &issue, TrackerState::NeedsInput, "k").await;
    let moves = moves(site).await;
    let past: Vec<bool> = moves.iter().map(|m| m.is_past).collect();
    assert_eq!(past, [true, false, false, false], "{moves:?}");
}

/// A comment whose answer was lost is sent again.
pub async fn comment_sent_twice_is_one_comment(site: &dyn TrackerSite) {
    let [issue, _] = site.issues();
    let tracker = site.tracker();
    let mut receipts = Vec::new();
    for _ in 0..2 {
        let sent = tracker.comment(&issue, Voice::Host, "Back to work", "c1");
        receipts.push(sent.await.expect("written"));
    }
    assert_eq!(receipts[0], receipts[1]);
    let second = tracker.comment(&issue, Voice::Host, "Back to work", "c2");
    second.await.expect("written");
    let comments = tracker.comments(&issue).await.expect("answered");
    assert_eq!(comments.len(), 2, "{comments:?}");
}

/// The host tells its own words from those of people.
pub async fn comments_come_in_order_and_say_whose_they_are(site: &dyn TrackerSite) {
    let [issue, other] = site.issues();
    let tracker = site.tracker();
    let role = Voice::Role(Role::Reviewer);
    tracker
        .comment(&issue, Voice::Host, "one", "c1")
        .await
        .expect("written");
    site.commented_by("ann", &issue, "two").await;
    tracker
        .comment(&issue, role, "three *of* `4`", "c3")
        .await
        .expect("written");
    let comments = tracker.comments(&issue).await.expect("answered");
    let seen: Vec<(&str, bool)> = comments
        .iter()
        .map(|c| (c.text.as_str(), c.is_own))
        .collect();
    assert_eq!(
        seen,
        [("one", true), ("two", false), ("three *of* `4`", true)]
    );
    assert_eq!(comments[1].author, site.account("ann"));
    assert_eq!(tracker.comments(&other).await, Ok(Vec::new()));
}

/// A missing issue is a failure of that issue; an outage is one of the tracker.
pub async fn what_is_not_there_is_told_from_a_tracker_that_does_not_answer(site: &dyn TrackerSite) {
    let ([issue, _], tracker) = (site.issues(), site.tracker());
    let ask = async |issue: &IssueId, key: &str| {
        [
            tracker.state(issue).await.map(drop),
            tracker
                .set_state(issue, TrackerState::Done, key)
                .await
                .map(drop),
            tracker
                .comment(issue, Voice::Host, "x", key)
                .await
                .map(drop),
            tracker.comments(issue).await.map(drop),
        ]
    };
    for answer in ask(&site.absent(), "k1").await {
        let error = answer.expect_err("there is no such issue");
        assert_eq!(error.failure, PortFailure::NotFound, "{error}");
    }
    set(site, &issue, TrackerState::InProgress, "k2").await;
    site.cut().await;
    let mut answers = Vec::from(ask(&issue, "k3").await);
    answers.push(tracker.moves(0, 10).await.map(drop));
    for answer in answers {
        let error = answer.expect_err("it does not answer");
        assert_eq!(error.failure, PortFailure::Unavailable, "{error}");
    }
}
