//! What every notifier has to do.

use orch_domain::id::{ObjectId, RepoName, TaskId, WorkItem};
use orch_domain::notice::{Notice, NoticeKind, Subject};
use orch_domain::port::notifier::Notifier;
use orch_domain::stage::Stage;
use orch_domain::task::BlockReason;

/// Makes a test of each case of a notifier: `notifier_conformance!(site)`, where `site` is an `async fn` that makes a
/// fresh [`NotifierSite`].
#[macro_export]
macro_rules! notifier_conformance {
    ($make:path) => {
        $crate::cases! {
            notifier, $make,
            [
                notice_is_told_with_what_it_is_about,
                notice_that_is_long_or_strange_is_told_all_the_same,
            ]
        }
    };
}

/// A fresh place where people are told things.
pub trait NotifierSite: Sync {
    /// The port.
    fn notifier(&self) -> &dyn Notifier;

    /// All that people can read there.
    fn read(&self) -> String;
}

fn blocked(detail: &str) -> Notice {
    Notice {
        subject: Subject::Task {
            id: TaskId(1),
            work_item: WorkItem::new("SHOP-1").expect("a valid name"),
            repo: RepoName::new("shop").expect("a valid name"),
        },
        at_ms: 1_000,
        kind: NoticeKind::Blocked {
            stage: Stage::Review,
            reason: BlockReason::Config,
            detail: detail.to_owned(),
        },
    }
}

/// People read which task it is about and what happened.
pub async fn notice_is_told_with_what_it_is_about(site: &dyn NotifierSite) {
    let told = site
        .notifier()
        .tell(&blocked("the wheel came off"), "k1")
        .await;
    told.expect("told");
    let host = Notice {
        subject: Subject::Host,
        at_ms: 2_000,
        kind: NoticeKind::ReaperHeld {
            dead: 3,
            running: 4,
        },
    };
    site.notifier().tell(&host, "k2").await.expect("told");
    let read = site.read();
    for part in ["SHOP-1", "review", "the wheel came off", "3 of 4"] {
        assert!(read.contains(part), "{part}: {read}");
    }
}

/// No text of others keeps a notice from being told: it is cut and escaped where it has to be.
pub async fn notice_that_is_long_or_strange_is_told_all_the_same(site: &dyn NotifierSite) {
    let commit = ObjectId::new("a".repeat(40)).expect("a valid id");
    for (index, text) in [
        "x".repeat(100_000),
        "<unit> & *star* _under [link](x) `tick`\r\nBcc: ann@example.invalid".to_owned(),
        "\u{1f980}".repeat(5_000),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k{index}");
        let told = site.notifier().tell(&blocked(&text), &key).await;
        told.expect("told");
        let degraded = Notice {
            kind: NoticeKind::Degraded {
                commit: commit.clone(),
                findings: text,
            },
            ..blocked("")
        };
        let told = site.notifier().tell(&degraded, &format!("d{index}")).await;
        told.expect("told");
    }
    assert!(site.read().contains("SHOP-1"));
}
