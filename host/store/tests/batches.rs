//! Claims about batches of tasks that land together, on real files.

use orch_domain::batch::{BatchState, Part, Run, WhyDissolved};
use orch_domain::id::{BatchId, JobId, ObjectId, RepoName, TaskId, WorkItem};
use orch_domain::names::LeaseName;
use orch_store::{
    AcquireOutcome, Batch, BatchBranch, BatchRun, BoxFuture, NewBatch, NewMember, NewTask, Owner,
    Store, StoreError, Tx,
};

struct Site {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
        Self {
            _folder: folder,
            store: store.expect("the store opens"),
        }
    }

    async fn write<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.store.write(work).await.expect("written")
    }

    async fn task(&self, item: &str) -> TaskId {
        let new = NewTask {
            work_item: WorkItem::new(item).expect("an item"),
            repo: shop(),
            title: "t".into(),
            body: "b".into(),
            author: "ann".into(),
            branch: format!("orch/{item}"),
            base_branch: "main".into(),
            config: "{}".into(),
            config_digest: "d".into(),
            rework_rounds_max: 3,
        };
        self.write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }))
            .await
            .id
    }

    /// A batch of two on base `b`, led by the first.
    async fn batch(&self, first: TaskId, second: TaskId) -> BatchId {
        let member = |task, head, below, tip| NewMember {
            task,
            head: sha(head),
            below: sha(below),
            tip: sha(tip),
        };
        let new = NewBatch {
            repo: "shop".to_owned(),
            leader: first,
            base: sha("b"),
            members: vec![member(first, "1", "b", "c"), member(second, "2", "c", "d")],
        };
        self.write(move |tx| Box::pin(async move { tx.form_batch(&new, 5).await }))
            .await
    }

    async fn read(&self, id: BatchId) -> Batch {
        let read = self.store.read(move |tx| Box::pin(tx.batch(id)));
        read.await.expect("it is there")
    }

    async fn lease(&self, task: TaskId) {
        let owner = Owner("me".to_owned());
        let lease = LeaseName::Merge(shop());
        let taken = self
            .write(move |tx| {
                Box::pin(async move {
                    tx.acquire_lease(&lease, task, JobId(1), &owner, 1, 1_000)
                        .await
                })
            })
            .await;
        assert!(matches!(taken, AcquireOutcome::Held { .. }), "{taken:?}");
    }
}

fn shop() -> RepoName {
    RepoName::new("shop").expect("a name")
}

fn sha(digit: &str) -> ObjectId {
    ObjectId::new(digit.repeat(40)).expect("an id")
}

fn run(first: usize, passed: bool) -> BatchRun {
    BatchRun {
        run: Run { first, passed },
        sha: sha("d"),
        exit_code: i32::from(!passed),
        output_tail: "said".to_owned(),
        duration_ms: 10,
    }
}

#[tokio::test]
async fn batch_is_read_back_with_its_stack_and_what_the_tests_said_first() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    let id = site.batch(first, second).await;
    for said in [run(2, false), run(1, true), run(1, false)] {
        site.write(move |tx| Box::pin(async move { tx.record_batch_run(id, &said, 6).await }))
            .await;
    }
    let is_member = site
        .write(move |tx| {
            Box::pin(async move {
                let other = tx.set_part(id, TaskId(99), Part::Bad).await?;
                Ok((tx.set_part(id, second, Part::Bad).await?, other))
            })
        })
        .await;
    assert_eq!(is_member, (true, false));
    let batch = site.read(id).await;
    assert_eq!(batch.runs, [run(1, true), run(2, false)]);
    let landing: Vec<_> = batch.landing().map(|m| (m.task, m.tip.clone())).collect();
    assert_eq!(landing, [(first, sha("c"))]);
    assert_eq!(batch.pass(), Some(&run(1, true)));
    assert_eq!(
        batch.member(second).map(|m| m.below.clone()),
        Some(sha("c"))
    );
    let latest = site
        .write(move |tx| Box::pin(tx.latest_batch(second)))
        .await;
    assert_eq!(latest.map(|b| b.id), Some(id));
}

#[tokio::test]
async fn batch_moves_only_from_where_it_was_seen_and_a_new_one_ends_the_one_before() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    let id = site.batch(first, second).await;
    use BatchState::{Dissolved, Landed, Landing, Passed, Testing};
    let moved = async |from, to| {
        site.write(move |tx| Box::pin(async move { tx.move_batch(id, from, to, 7).await }))
            .await
    };
    assert!(!moved(Passed, Landing).await);
    assert!(moved(Testing, Passed).await);
    let next = site.batch(second, first).await;
    let (before, open) = (site.read(id).await, site.read(next).await);
    assert_eq!((before.state, open.state), (Dissolved, Testing));
    assert_eq!(before.why, Some(WhyDissolved::Replaced));
    // What turns out to be in the base has landed, whatever was thought of it.
    assert!(moved(Dissolved, Landed).await);
    assert_eq!(site.read(id).await.why, None);
}

#[tokio::test]
async fn batch_is_over_when_its_leader_loses_the_merge_lease_in_any_way_and_in_no_other() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    let lost = Some(WhyDissolved::LeaseLost);
    let give_back = async |lease: LeaseName, task| {
        site.write(move |tx| Box::pin(async move { tx.release_lease(&lease, task).await }))
            .await
    };
    // Given back.
    site.lease(first).await;
    let id = site.batch(first, second).await;
    site.lease(first).await;
    assert_eq!(
        site.read(id).await.why,
        None,
        "a new epoch of the same holder"
    );
    assert!(!give_back(LeaseName::Serial(shop()), first).await);
    assert_eq!(site.read(id).await.why, None, "another lease");
    assert!(give_back(LeaseName::Merge(shop()), first).await);
    assert_eq!(site.read(id).await.why, lost);
    // Reclaimed.
    site.lease(first).await;
    let id = site.batch(first, second).await;
    let reclaimed = site.write(|tx| Box::pin(tx.reclaim_leases(5_000))).await;
    assert_eq!(reclaimed.len(), 1);
    assert_eq!(site.read(id).await.why, lost);
    // Landed before it was given back.
    site.lease(first).await;
    let id = site.batch(first, second).await;
    site.write(move |tx| {
        Box::pin(async move {
            let (from, to) = (BatchState::Testing, BatchState::Landed);
            tx.move_batch(id, from, to, 7).await
        })
    })
    .await;
    assert!(give_back(LeaseName::Merge(shop()), first).await);
    assert_eq!(site.read(id).await.state, BatchState::Landed);
}

#[tokio::test]
async fn ended_batches_are_swept_with_all_that_belongs_to_them_and_open_ones_stay() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    let old = site.batch(first, second).await;
    site.write(move |tx| Box::pin(async move { tx.record_batch_run(old, &run(2, true), 6).await }))
        .await;
    let open = site.batch(first, second).await;
    let swept = site.write(|tx| Box::pin(tx.sweep_batches(100, 10))).await;
    assert_eq!(swept, 1);
    let gone = site.store.read(move |tx| Box::pin(tx.batch(old))).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    assert_eq!(site.read(open).await.members.len(), 2);
}

#[tokio::test]
async fn branch_of_a_batch_keeps_its_first_time_and_is_left_over_when_the_batch_is() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    let id = site.batch(first, second).await;
    let branch = |tip: &str, pushed_ms| BatchBranch {
        repo: "shop".to_owned(),
        branch: "orch/batch/1-2".to_owned(),
        batch: id,
        first: 2,
        sha: sha(tip),
        pushed_ms,
    };
    let note = async |branch: BatchBranch| {
        site.write(move |tx| Box::pin(async move { tx.note_batch_branch(&branch).await }))
            .await
    };
    let over = async || {
        let read = site.store.read(|tx| Box::pin(tx.batch_branches_over(9)));
        read.await.expect("read")
    };
    assert_eq!(note(branch("d", 7)).await, branch("d", 7));
    assert_eq!(note(branch("d", 8)).await, branch("d", 7), "pushed again");
    assert_eq!(note(branch("e", 9)).await, branch("e", 9), "another commit");
    assert_eq!(over().await, []);
    let why = WhyDissolved::Untested;
    site.write(move |tx| Box::pin(async move { tx.dissolve_batch(id, why, 20).await }))
        .await;
    let was = async |since_ms| {
        let read = site
            .store
            .read(move |tx| Box::pin(async move { tx.was_dissolved("shop", why, since_ms).await }));
        read.await.expect("read")
    };
    assert!(was(20).await && !was(21).await);
    assert_eq!(over().await, [branch("e", 9)]);
    for gone in [branch("d", 7), branch("e", 9)] {
        site.write(move |tx| Box::pin(async move { tx.forget_batch_branch(&gone).await }))
            .await;
    }
    assert_eq!(over().await, []);
}
