//! Claims about findings of a round: one list for each entry, taken once.

use orch_domain::id::{EntryId, RepoName, TaskId, WorkItem};
use orch_domain::review::Noted;
use orch_domain::verdict::Severity;
use orch_store::{NewTask, Owner, Store};

fn noted(entry: &str, message: &str) -> Noted {
    Noted {
        entry: EntryId::new(entry).expect("an id"),
        rule: "r".to_owned(),
        severity: Severity::High,
        blocking: true,
        message: message.to_owned(),
        help: None,
        path: Some("a.rs".to_owned()),
        line: Some(1),
    }
}

#[tokio::test]
async fn findings_of_a_round_are_replaced_by_entry_and_taken_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
    let store = store.expect("it opens");
    let new = NewTask {
        work_item: WorkItem::new("S-1").expect("an item"),
        repo: RepoName::new("shop").expect("a name"),
        title: "t".into(),
        body: "b".into(),
        author: "ann".into(),
        branch: "orch/S-1".into(),
        base_branch: "main".into(),
        config: "{}".into(),
        config_digest: "d".into(),
        rework_rounds_max: 3,
    };
    let task = store.write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }));
    let task: TaskId = task.await.expect("written").id;
    let note = async |entry: &'static str, messages: &'static [&'static str]| {
        let found: Vec<Noted> = messages.iter().map(|m| noted(entry, m)).collect();
        let entry = EntryId::new(entry).expect("an id");
        let kept = store
            .write(move |tx| Box::pin(async move { tx.note_findings(task, &entry, &found).await }));
        kept.await.expect("written");
    };
    let take = async || {
        let taken = store
            .write(move |tx| Box::pin(tx.take_findings(task)))
            .await;
        let taken = taken.expect("answered");
        let said: Vec<String> = taken.into_iter().map(|f| f.message).collect();
        said
    };
    note("security", &["a key"]).await;
    note("coverage", &["old", "older"]).await;
    note("coverage", &["new"]).await;
    note("tests", &["gone"]).await;
    note("tests", &[]).await;
    assert_eq!(take().await, ["new", "a key"]);
    assert_eq!(take().await, Vec::<String>::new());
}
