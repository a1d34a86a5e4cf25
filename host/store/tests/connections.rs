//! Claims about connections: whose they are, how many are kept, and when they go.

#[expect(dead_code, reason = "the fixture has more than these tests need")]
#[path = "qualification/fixture.rs"]
mod fixture;

use orch_domain::id::{RepoName, TaskId};
use orch_domain::reach::Reached;
use orch_store::{Asker, ConnectionRow, Traffic};

use fixture::Shop;

fn row(host: &str, reached: Reached) -> ConnectionRow {
    ConnectionRow {
        host: host.to_owned(),
        port: 443,
        reached,
        sent: 1,
        received: 2,
    }
}

fn of(task: Option<TaskId>) -> Asker {
    Asker::Repository {
        repo: RepoName::new("shop").expect("a name"),
        task,
    }
}

async fn keep(shop: &Shop, asker: Asker, rows: Vec<ConnectionRow>) {
    let kept = shop
        .store
        .write(move |tx| Box::pin(async move { tx.insert_connections(&asker, &rows, 1).await }));
    kept.await.expect("kept");
}

#[tokio::test]
async fn task_is_shown_what_was_refused_to_it_and_to_nobody_else() {
    let shop = Shop::open().await;
    let (own, other) = (shop.task("S-1").await, shop.task("S-2").await);
    let rows = vec![
        row("evil.test", Reached::NotListed),
        row("evil.test", Reached::NotListed),
        row("listed.test", Reached::Allowed),
        row("gone.test", Reached::Unreachable),
    ];
    keep(&shop, of(Some(own)), rows).await;
    keep(&shop, of(None), vec![row("base.test", Reached::NotListed)]).await;
    let denials = |task| shop.store.read(move |tx| Box::pin(tx.denials(task, 9)));
    let shown = denials(own).await.expect("listed");
    let [denial] = &shown[..] else {
        panic!("{shown:?}");
    };
    let seen = (denial.run, denial.host.as_str(), denial.why, denial.count);
    assert_eq!(seen, (None, "evil.test", Reached::NotListed, 2));
    assert_eq!(denials(other).await.expect("listed"), []);
}

#[tokio::test]
async fn what_a_task_sent_is_added_up_for_each_place_and_most_comes_first() {
    let shop = Shop::open().await;
    let (own, other) = (shop.task("S-1").await, shop.task("S-2").await);
    let sends = |host: &str, sent| ConnectionRow {
        sent,
        ..row(host, Reached::Allowed)
    };
    let nothing = ConnectionRow {
        sent: 0,
        received: 0,
        ..row("evil.test", Reached::NotListed)
    };
    let rows = vec![
        sends("a.test", 10),
        sends("b.test", 7),
        sends("b.test", 8),
        nothing,
    ];
    keep(&shop, of(Some(own)), rows).await;
    keep(&shop, of(None), vec![sends("base.test", 99)]).await;
    let traffic = |task, most| shop.store.read(move |tx| Box::pin(tx.traffic(task, most)));
    let seen = |rows: Vec<Traffic>| -> Vec<_> {
        let of = |t: Traffic| (t.host, t.count, t.sent, t.received);
        rows.into_iter().map(of).collect()
    };
    let expected = [("b.test", 2, 15, 4), ("a.test", 1, 10, 2)];
    let expected =
        expected.map(|(host, count, sent, received)| (host.to_owned(), count, sent, received));
    assert_eq!(seen(traffic(own, 9).await.expect("listed")), expected);
    assert_eq!(seen(traffic(own, 1).await.expect("listed")), expected[..1]);
    assert_eq!(traffic(other, 9).await.expect("listed"), []);
}

#[tokio::test]
async fn repository_keeps_its_latest_connections() {
    let shop = Shop::open().await;
    let task = shop.task("S-1").await;
    let rows = |name: &str, count| vec![row(name, Reached::NotListed); count];
    keep(&shop, of(Some(task)), rows("old.test", 10)).await;
    keep(&shop, of(Some(task)), rows("new.test", 4_995)).await;
    let denials = shop.store.read(move |tx| Box::pin(tx.denials(task, 9)));
    let counts: Vec<_> = denials
        .await
        .expect("listed")
        .into_iter()
        .map(|denial| (denial.host, denial.count))
        .collect();
    let expected = [("new.test", 4_995), ("old.test", 5)];
    assert_eq!(
        counts,
        expected.map(|(host, count)| (host.to_owned(), count))
    );
}
