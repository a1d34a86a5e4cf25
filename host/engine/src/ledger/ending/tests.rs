//! Claims about a job that puts itself off while what it waits for comes.

use orch_domain::id::WorkItem;
use orch_domain::names::JobName;
use orch_store::{NewTask, Owner, Store};

use super::*;
use crate::ledger::clock::Clock;

const PUT_OFF_MS: i64 = 15_000;

async fn site(folder: &std::path::Path) -> (Ledger, TaskId) {
    let owner = Owner("test".to_owned());
    let store = Store::open(&folder.join("orch.db"), owner).await.unwrap();
    let ledger = Ledger::new(store, Clock::default());
    let new = NewTask {
        work_item: WorkItem::new("SHOP-1").unwrap(),
        repo: RepoName::new("shop").unwrap(),
        title: "Discount".to_owned(),
        body: String::new(),
        author: "ann".to_owned(),
        branch: "orch/SHOP-1".to_owned(),
        base_branch: "main".to_owned(),
        config: "{}".to_owned(),
        config_digest: "d".to_owned(),
        rework_rounds_max: 3,
    };
    let now = ledger.now();
    let task = ledger
        .write(move |tx| {
            Box::pin(async move {
                let task = tx.insert_task(new, now).await?.id;
                let job = NewJob {
                    kind: JobKind::Land,
                    task: Some(task),
                    repo: "shop".to_owned(),
                    payload: "{}".to_owned(),
                    priority: 5,
                    run_at_ms: now,
                    name: Some(JobName::Step(task)),
                    put_off: None,
                };
                let (EnqueueOutcome::Enqueued(_) | EnqueueOutcome::AlreadyQueued(_)) =
                    tx.enqueue(&job, now).await?;
                Ok(task)
            })
        })
        .await
        .unwrap();
    (ledger, task)
}

/// Claims the task's job, wakes the task if it should be, and has the job put itself off; answers for how long it is.
async fn put_off_for(ledger: &Ledger, task: TaskId, is_woken: bool) -> i64 {
    let (owner, now) = (ledger.owner(), ledger.now());
    let claimed = ledger
        .write(move |tx| {
            Box::pin(async move {
                tx.make_due(task, now).await?;
                let lane = JobKind::Land.lane();
                tx.claim(lane, 1, &owner, now, 60_000).await
            })
        })
        .await
        .unwrap();
    if is_woken {
        let woken = ledger.write(move |tx| Box::pin(tx.make_due(task, now)));
        woken.await.unwrap();
    }
    let ending = Ending::PutOff {
        until_ms: now + PUT_OFF_MS,
        why: PutOff::new(PutOffKind::Waiting, "its batch to land"),
        also: Vec::new(),
    };
    ledger.end(&claimed[0], ending).await.unwrap();
    let live = ledger.read(move |tx| Box::pin(tx.live_jobs(task)));
    live.await.unwrap()[0].run_at_ms - ledger.now()
}

#[tokio::test]
async fn wake_up_that_comes_while_a_job_puts_itself_off_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, task) = site(folder.path()).await;
    assert!(put_off_for(&ledger, task, true).await <= 0, "due at once");
    // It is used up: the next look that nobody woke waits as it said.
    assert!(put_off_for(&ledger, task, false).await > 0);
}
