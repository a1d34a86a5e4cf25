//! Claims about the keys of orders: each is begun once, and answered as it was answered before.

use orch_store::{KeyOutcome, Owner, Store};

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
    (folder, store.expect("the store opens"))
}

async fn begin(store: &Store, person: &'static str, request: &'static str) -> KeyOutcome {
    let begun = store.write(move |tx| {
        Box::pin(async move { tx.begin_request((person, "k"), request, 5).await })
    });
    begun.await.expect("it is looked up")
}

#[tokio::test]
async fn order_is_begun_once_and_its_answer_is_the_same_from_then_on() {
    let (_folder, store) = store().await;
    assert_eq!(
        begin(&store, "ann", "POST /tasks a").await,
        KeyOutcome::Begun
    );
    assert_eq!(
        begin(&store, "ann", "POST /tasks a").await,
        KeyOutcome::Unknown
    );
    assert_eq!(
        begin(&store, "ann", "POST /tasks b").await,
        KeyOutcome::OfAnother
    );
    assert_eq!(
        begin(&store, "bob", "POST /tasks b").await,
        KeyOutcome::Begun,
        "keys are a person's own"
    );
    let answered = store.write(|tx| {
        Box::pin(async move {
            let first = tx.answer_request(("ann", "k"), 200, "{}").await?;
            let second = tx.answer_request(("ann", "k"), 409, "no").await?;
            tx.forget_request(("ann", "k")).await?;
            Ok((first, second))
        })
    });
    assert_eq!(answered.await.expect("written"), (true, false));
    let known = KeyOutcome::Answered {
        status: 200,
        answer: "{}".into(),
    };
    assert_eq!(begin(&store, "ann", "POST /tasks a").await, known);
}

#[tokio::test]
async fn order_that_nothing_came_of_may_be_given_again_and_old_keys_go() {
    let (_folder, store) = store().await;
    assert_eq!(begin(&store, "ann", "POST /gc a").await, KeyOutcome::Begun);
    let forgotten =
        store.write(|tx| Box::pin(async move { tx.forget_request(("ann", "k")).await }));
    forgotten.await.expect("written");
    assert_eq!(begin(&store, "ann", "POST /gc a").await, KeyOutcome::Begun);
    let sweep = |before| {
        let swept =
            store.write(move |tx| Box::pin(async move { tx.sweep_request_keys(before, 10).await }));
        async move { swept.await.expect("written") }
    };
    assert_eq!((sweep(5).await, sweep(6).await, sweep(6).await), (0, 1, 0));
}
