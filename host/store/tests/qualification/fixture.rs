//! A store on a real file, jobs to fill it, and rows to compare. Hides the boxing that a command takes.

use orch_domain::id::{JobId, RepoName, TaskId, WorkItem};
use orch_domain::job::{JobKind, Lane, PutOff, PutOffKind};
use orch_domain::names::LeaseName;
use orch_store::{
    ClaimedJob, EnqueueOutcome, JobKey, NewJob, NewTask, Owner, Reaping, RunningJob, Store,
};
use sqlx::{Connection, Row, SqliteConnection};

/// How long the claims of [`Shop::claim`] hold.
pub(crate) const LEASE_MS: i64 = 1_000;

/// A store in a folder of its own.
#[derive(Debug)]
pub(crate) struct Shop {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner("host".to_owned());
        let store = Store::open(&folder.path().join("orch.db"), owner).await;
        Self {
            folder,
            store: store.expect("the store opens"),
        }
    }

    /// A connection beside the host's, as a foreign tool has it.
    pub(crate) async fn beside(&self) -> SqliteConnection {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(self.folder.path().join("orch.db"));
        let conn = SqliteConnection::connect_with(&options).await;
        conn.expect("the database opens")
    }

    pub(crate) async fn task(&self, item: &str) -> TaskId {
        let new = NewTask {
            branch: format!("orch/{item}"),
            work_item: WorkItem::new(item).expect("an item"),
            repo: RepoName::new("shop").expect("a name"),
            title: "t".into(),
            body: "b".into(),
            author: "ann".into(),
            base_branch: "main".into(),
            config: "{}".into(),
            config_digest: "d".into(),
            rework_rounds_max: 3,
        };
        let made = self
            .store
            .write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }));
        made.await.expect("accepted").id
    }

    /// Queues jobs that must be new.
    pub(crate) async fn queue(&self, jobs: Vec<NewJob>, now: i64) -> Vec<JobId> {
        let queued = self.store.write(move |tx| {
            Box::pin(async move {
                let mut ids = Vec::with_capacity(jobs.len());
                for job in &jobs {
                    match tx.enqueue(job, now).await? {
                        EnqueueOutcome::Enqueued(id) => ids.push(id),
                        EnqueueOutcome::AlreadyQueued(id) => panic!("job {id} has its key"),
                    }
                }
                Ok(ids)
            })
        });
        queued.await.expect("queued")
    }

    pub(crate) async fn claim(&self, owner: &str, count: u32, now: i64) -> Vec<ClaimedJob> {
        let owner = Owner(owner.to_owned());
        let claimed = self.store.write(move |tx| {
            Box::pin(async move { tx.claim(Lane::Gates, count, &owner, now, LEASE_MS).await })
        });
        claimed.await.expect("claimed")
    }

    pub(crate) async fn running(&self) -> Vec<RunningJob> {
        let running = self.store.read(|tx| Box::pin(tx.running_jobs())).await;
        running.expect("listed")
    }

    /// The reaper's write after it has seen `seen`.
    pub(crate) async fn reap(&self, seen: &RunningJob, now: i64) -> Option<JobKey> {
        let seen = seen.clone();
        let reaped = self.store.write(move |tx| {
            let late = PutOff::new(PutOffKind::Reaped, "late");
            Box::pin(async move { tx.reap(&seen, &Reaping::Requeue, &late, now).await })
        });
        reaped.await.expect("answered")
    }

    /// Every column of every row of a table, as SQL would write it.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        let mut conn = self.beside().await;
        let of_table = format!("SELECT group_concat(name) FROM pragma_table_info('{table}')");
        let columns = sqlx::query(sqlx::AssertSqlSafe(of_table))
            .fetch_one(&mut conn)
            .await
            .expect("the table is there");
        let columns: String = columns.get(0);
        let quoted: Vec<String> = columns.split(',').map(|c| format!("quote({c})")).collect();
        let all = format!("SELECT json_array({}) FROM {table}", quoted.join(", "));
        let rows = sqlx::query(sqlx::AssertSqlSafe(all))
            .fetch_all(&mut conn)
            .await
            .expect("the rows are there");
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// The merge lease of the repository that all tasks here are of.
pub(crate) fn merge_lease() -> LeaseName {
    LeaseName::Merge(RepoName::new("shop").expect("a name"))
}

/// Why a job is put off, for tests to which the kind is nothing.
pub(crate) fn waiting(reason: &str) -> PutOff {
    PutOff::new(PutOffKind::Waiting, reason)
}

/// A job for the gates' lane.
pub(crate) fn job(run_at_ms: i64) -> NewJob {
    NewJob {
        kind: JobKind::Gate,
        task: None,
        repo: "shop".into(),
        payload: "{}".into(),
        priority: 5,
        run_at_ms,
        name: None,
        put_off: None,
    }
}
