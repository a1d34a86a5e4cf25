//! Claims about work items: their numbers, and whom a name means.

#[expect(dead_code, reason = "the fixture has more than these tests need")]
#[path = "qualification/fixture.rs"]
mod fixture;

use orch_domain::id::{ItemPrefix, RepoName, TaskId, WorkItem};
use orch_domain::names::ItemRef;
use orch_store::{NewTask, StoreError, TaskRecord};

use fixture::Shop;

fn new(repo: &str, item: WorkItem) -> NewTask {
    NewTask {
        work_item: item,
        repo: RepoName::new(repo).expect("a repository"),
        title: "t".into(),
        body: "b".into(),
        author: "ann".into(),
        branch: "orch/x".into(),
        base_branch: "main".into(),
        config: "{}".into(),
        config_digest: "d".into(),
        rework_rounds_max: 3,
    }
}

/// Accepts a task with the next number; answers its work item.
async fn next(shop: &Shop, repo: &'static str, prefix: &'static str) -> String {
    let accepted = shop.store.write(move |tx| {
        Box::pin(async move {
            let name = RepoName::new(repo).expect("a repository");
            let prefix = ItemPrefix::new(prefix).expect("a prefix");
            let item = tx.next_item(&name, &prefix).await?;
            tx.insert_task(new(repo, item), 1).await
        })
    });
    accepted.await.expect("accepted").work_item.to_string()
}

/// Accepts a task that somebody named.
async fn named(shop: &Shop, repo: &'static str, item: &'static str) -> Result<TaskId, StoreError> {
    let accepted = shop.store.write(move |tx| {
        let item = WorkItem::new(item).expect("an item");
        Box::pin(async move { tx.insert_task(new(repo, item), 1).await })
    });
    accepted.await.map(|task| task.id)
}

async fn found(shop: &Shop, name: &str) -> Result<TaskRecord, StoreError> {
    let name: ItemRef = name.parse().expect("a name");
    let found = shop
        .store
        .read(|tx| Box::pin(async move { tx.task_of_item(&name).await }));
    found.await
}

async fn end(shop: &Shop, id: TaskId) {
    let ended = sqlx::query("UPDATE tasks SET stage = 'cancelled' WHERE id = ?")
        .bind(id.0)
        .execute(&mut shop.beside().await)
        .await;
    assert_eq!(ended.expect("written").rows_affected(), 1);
}

#[tokio::test]
async fn number_is_given_once_however_many_ask_at_the_same_time() {
    let shop = Shop::open().await;
    let asked = (0..100).map(|_| next(&shop, "shop", "SHOP"));
    let mut items = futures_util::future::join_all(asked).await;
    items.sort_by_key(|item| item["SHOP-".len()..].parse::<u32>().expect("a number"));
    let expected: Vec<String> = (1..=100).map(|n| format!("SHOP-{n}")).collect();
    assert_eq!(items, expected);
}

#[tokio::test]
async fn number_that_somebody_chose_is_not_drawn_even_after_its_task_ended() {
    let shop = Shop::open().await;
    assert_eq!(next(&shop, "shop", "SHOP").await, "SHOP-1");
    let chosen = named(&shop, "shop", "SHOP-7").await.expect("accepted");
    named(&shop, "shop", "OTHER-30").await.expect("accepted");
    named(&shop, "shop", "SHOP-3").await.expect("accepted");
    end(&shop, chosen).await;
    assert_eq!(next(&shop, "shop", "SHOP").await, "SHOP-8");
    assert_eq!(next(&shop, "shop", "OTHER").await, "OTHER-31");
    assert_eq!(next(&shop, "toys", "SHOP").await, "SHOP-1");
}

#[tokio::test]
async fn number_of_a_task_that_was_not_accepted_is_drawn_again() {
    let shop = Shop::open().await;
    let fails = shop.store.write(|tx| {
        Box::pin(async move {
            let name = RepoName::new("shop").expect("a repository");
            let prefix = ItemPrefix::new("SHOP").expect("a prefix");
            tx.next_item(&name, &prefix).await?;
            tx.task(TaskId(99)).await.map(|_| ())
        })
    });
    assert!(fails.await.is_err());
    assert_eq!(next(&shop, "shop", "SHOP").await, "SHOP-1");
}

#[tokio::test]
async fn items_that_differ_in_case_only_are_refused() {
    let shop = Shop::open().await;
    let first = named(&shop, "shop", "SHOP-1").await.expect("accepted");
    for _ in 0..2 {
        let error = named(&shop, "shop", "Shop-1").await.expect_err("a twin");
        let said = error.to_string();
        assert!(
            said.contains("`Shop-1`") && said.contains("`SHOP-1`"),
            "{said}"
        );
        // Its folder stays on the base after its end.
        end(&shop, first).await;
    }
    named(&shop, "toys", "Shop-1")
        .await
        .expect("another folder");
    named(&shop, "shop", "SHOP-1")
        .await
        .expect("it begins afresh");
    assert_eq!(next(&shop, "shop", "shop").await, "shop-2");
}

#[tokio::test]
async fn name_that_two_repositories_have_means_neither_until_one_is_named() {
    let shop = Shop::open().await;
    let of_shop = named(&shop, "shop", "SHOP-7").await.expect("accepted");
    assert_eq!(found(&shop, "SHOP-7").await.expect("one").task.id, of_shop);
    let of_toys = named(&shop, "toys", "SHOP-7").await.expect("accepted");
    let error = found(&shop, "SHOP-7").await.expect_err("two");
    assert_eq!(
        error.to_string(),
        "work item `SHOP-7` is in several repositories"
    );
    assert_eq!(
        error.remedy().as_deref(),
        Some("say which is meant: `shop:SHOP-7` or `toys:SHOP-7`")
    );
    for (name, id) in [("shop:SHOP-7", of_shop), ("toys:SHOP-7", of_toys)] {
        assert_eq!(found(&shop, name).await.expect("one").task.id, id);
    }
    let error = found(&shop, "gone:SHOP-7").await.expect_err("none");
    assert_eq!(error.to_string(), "no work item `gone:SHOP-7`");
    end(&shop, of_shop).await;
    let again = named(&shop, "shop", "SHOP-7").await.expect("afresh");
    let latest = found(&shop, "shop:SHOP-7").await.expect("one");
    assert_eq!(latest.task.id, again);
}
