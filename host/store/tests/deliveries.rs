//! Claims about deliveries of webhooks: kept once, settled once, found by their body.

use orch_domain::id::{DoorName, ObjectId, RepoName};
use orch_domain::message::{Destination, Message};
use orch_domain::port::webhook::DeliveryState;
use orch_store::{Delivery, Owner, Store};

fn delivery(source: &str, key: &str) -> Delivery {
    Delivery {
        source: source.to_owned(),
        key: key.to_owned(),
        event: "push".to_owned(),
        body_hash: "h".to_owned(),
        body: b"{}".to_vec(),
    }
}

#[tokio::test]
async fn delivery_is_kept_once_per_source_and_key_and_settled_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
    let store = store.expect("it opens");
    let keep = async |source: &str, key: &str, now: i64| {
        let delivery = delivery(source, key);
        let kept =
            store.write(move |tx| Box::pin(async move { tx.keep_delivery(&delivery, now).await }));
        kept.await.expect("answered")
    };
    let settle = async |source: &'static str, key: &'static str, now: i64| {
        let settled = store.write(move |tx| {
            Box::pin(async move {
                tx.settle_delivery(source, key, DeliveryState::Looked, None, now)
                    .await
            })
        });
        settled.await.expect("answered")
    };
    let looked_into = async |source: &'static str, since: i64| {
        let read = store.read(move |tx| {
            Box::pin(async move { tx.was_body_looked_into(source, "h", since).await })
        });
        read.await.expect("answered")
    };
    let waiting = async || {
        let read = store.read(|tx| Box::pin(tx.waiting_deliveries(9))).await;
        read.expect("answered")
    };
    assert!(keep("gitea", "1", 10).await);
    assert!(!keep("gitea", "1", 11).await, "a doubled delivery is one");
    assert!(keep("plane", "1", 12).await, "keys are those of a source");
    assert!(keep("gitea", "2", 13).await);
    assert_eq!(
        waiting().await,
        [
            delivery("gitea", "1"),
            delivery("plane", "1"),
            delivery("gitea", "2")
        ]
    );
    assert!(!looked_into("gitea", 0).await);
    assert!(settle("gitea", "1", 20).await);
    assert!(!settle("gitea", "1", 21).await);
    assert!(looked_into("gitea", 20).await && !looked_into("gitea", 21).await);
    assert!(!looked_into("plane", 0).await);
    assert_eq!(waiting().await.len(), 2);
    assert!(
        !keep("gitea", "1", 30).await,
        "a late double finds the first"
    );
}

#[tokio::test]
async fn what_the_host_did_at_a_source_is_counted_since_the_latest_delivery() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
    let store = store.expect("it opens");
    let repo = RepoName::new("shop").expect("a name");
    let forge = Destination::Forge(repo.clone());
    let closed = |branch: &str| Message::ClosePullRequest {
        repo: repo.clone(),
        branch: branch.to_owned(),
    };
    let marked = Message::MarkMerged {
        repo: repo.clone(),
        branch: "d".to_owned(),
        commit: ObjectId::new("a".repeat(40)).expect("an id"),
    };
    let all = [
        (closed("a"), 10),
        (closed("b"), 20),
        (closed("c"), 30),
        (marked, 30),
    ];
    let done = store.write(move |tx| {
        Box::pin(async move {
            for (index, (message, done_ms)) in all.into_iter().enumerate() {
                tx.push_message(None, &message, &format!("k{index}"), 1)
                    .await?;
                let id = i64::try_from(index).unwrap_or(0) + 1;
                tx.message_done(id, None, done_ms).await?;
            }
            Ok(())
        })
    });
    done.await.expect("written");
    let count = async |after: i64, before: i64| {
        let forge = forge.clone();
        let read = store.read(move |tx| {
            Box::pin(async move { tx.told_of_itself(&forge, after, before).await })
        });
        read.await.expect("answered")
    };
    assert_eq!(
        count(0, 100).await,
        3,
        "not every source tells of a landing"
    );
    assert_eq!((count(10, 100).await, count(0, 30).await), (2, 2));
    let latest = async |source: &str| {
        let source = DoorName::new(source).expect("a name");
        let read =
            store.read(move |tx| Box::pin(async move { tx.latest_delivery_ms(&source).await }));
        read.await.expect("answered")
    };
    assert_eq!(latest("gitea").await, None);
    for (key, at) in [("1", 40), ("2", 25)] {
        let delivery = delivery("gitea", key);
        let kept =
            store.write(move |tx| Box::pin(async move { tx.keep_delivery(&delivery, at).await }));
        assert!(kept.await.expect("answered"));
    }
    assert_eq!(
        (latest("gitea").await, latest("plane").await),
        (Some(40), None)
    );
    let kept = store.read(|tx| Box::pin(tx.count_deliveries())).await;
    assert_eq!(kept.expect("answered"), 2);
}
