//! Claims about delivery: nothing is given up by an outage, nothing is tried for ever, and no news of it has no end.

use super::*;
use crate::id::RepoName;
use crate::id::{TaskId, WorkItem};

const NOW: UnixMs = 1_000_000;

fn name(text: &str) -> DoorName {
    DoorName::new(text).unwrap()
}

fn removal() -> Message {
    Message::RemoveWorkspace {
        task: TaskId(1),
        work_item: WorkItem::new("SHOP-1").unwrap(),
        repo: RepoName::new("shop").unwrap(),
    }
}

#[test]
fn source_that_is_down_for_a_weekend_loses_no_work() {
    for kind in MessageKind::ALL {
        if matches!(
            kind,
            MessageKind::Announcement
                | MessageKind::Notice
                | MessageKind::Progress
                | MessageKind::RemoveWorkspace
        ) {
            continue;
        }
        let (mut now, mut tries) = (0, 1);
        while let AfterFailure::Hold { at_ms } =
            after_failure(kind, PortFailure::Unavailable, tries, now, 0.0)
        {
            (now, tries) = (at_ms, tries + 1);
        }
        // With the shortest delays that chance may give: a day and a half; with the middle ones three.
        assert!(now > 36 * 3_600_000, "{kind:?} {now}");
        assert_eq!(tries, tries_max(kind));
    }
}

#[test]
fn refusal_is_final_and_a_missing_object_is_asked_for_a_few_times() {
    for kind in MessageKind::ALL {
        let after = |failure, tries| after_failure(kind, failure, tries, NOW, 0.5);
        assert_eq!(after(PortFailure::Refused, 1), AfterFailure::Dead);
        assert!(matches!(
            after(PortFailure::NotFound, 1),
            AfterFailure::Again { .. }
        ));
        assert_eq!(
            after(PortFailure::NotFound, NOT_FOUND_TRIES_MAX),
            AfterFailure::Dead
        );
        // A person clears the way when there is time for it, and everything else goes on meanwhile.
        let last = tries_max(kind);
        assert!(matches!(
            after(PortFailure::Obstructed, last - 1),
            AfterFailure::Again { .. }
        ));
        assert_eq!(after(PortFailure::Obstructed, last), AfterFailure::Dead);
        for failure in [PortFailure::Unavailable, PortFailure::Unauthorised] {
            assert!(matches!(after(failure, 1), AfterFailure::Hold { .. }));
            assert_eq!(after(failure, tries_max(kind)), AfterFailure::Dead);
        }
    }
}

#[test]
fn source_that_names_a_time_is_left_alone_until_then_within_bounds() {
    let after = |until_ms| {
        after_failure(
            MessageKind::Comment,
            PortFailure::RateLimited { until_ms },
            1,
            NOW,
            0.5,
        )
    };
    assert_eq!(
        after(Some(NOW + 60_000)),
        AfterFailure::Hold {
            at_ms: NOW + 60_000
        }
    );
    assert_eq!(after(Some(0)), AfterFailure::Hold { at_ms: NOW + 1 });
    assert_eq!(
        after(Some(i64::MAX)),
        AfterFailure::Hold {
            at_ms: NOW + HOLD_MAX_MS
        }
    );
    assert_eq!(
        after(None),
        AfterFailure::Hold {
            at_ms: NOW + RETRY_BASE_MS
        }
    );
}

#[test]
fn dead_message_is_announced_and_told_by_the_other_notifiers_and_its_news_have_an_end() {
    let notifiers = [name("log"), name("chat")];
    let told = |message: &Message| {
        let letter = dead_letter(message, Subject::Host, 20, "no", NOW)?;
        let Message::Announcement { notice } = &letter else {
            panic!("{letter:?}");
        };
        let to: Vec<String> = tellers(notice, notifiers.iter().map(|name| (name, &News::ALL[..])))
            .map(ToString::to_string)
            .collect();
        Some((letter, to))
    };
    let (letter, to) = told(&removal()).expect("it is told");
    assert_eq!(to, ["log", "chat"]);
    assert_eq!(told(&letter), None);
    let Message::Announcement { notice } = letter else {
        panic!("{letter:?}");
    };
    let to_chat = |notice| Message::Notice {
        to: name("chat"),
        notice,
        prompt: None,
    };
    assert_eq!(told(&to_chat(notice)), None);
    let done = Notice {
        subject: Subject::Host,
        at_ms: 1,
        kind: NoticeKind::Done,
    };
    let (_, to) = told(&to_chat(done)).expect("it is told");
    assert_eq!(to, ["log"]);
}

#[test]
fn notifier_tells_only_the_news_that_it_is_asked_for() {
    let (pager, diary) = (
        DoorName::new("pager").unwrap(),
        DoorName::new("diary").unwrap(),
    );
    let tells = [
        (&pager, &[News::NeedsPerson][..]),
        (&diary, &[News::Alerts, News::Done][..]),
    ];
    let of = |kind: NoticeKind| {
        let notice = Notice {
            subject: Subject::Host,
            at_ms: 1,
            kind,
        };
        let told: Vec<String> = tellers(&notice, tells.into_iter())
            .map(ToString::to_string)
            .collect();
        told
    };
    let held = NoticeKind::ReaperHeld {
        dead: 1,
        running: 2,
    };
    let failing = NoticeKind::StopFails {
        error: String::new(),
    };
    assert_eq!(of(NoticeKind::Done), ["diary"]);
    assert_eq!(of(held), ["diary"]);
    assert_eq!(of(failing), ["pager", "diary"]);
}
