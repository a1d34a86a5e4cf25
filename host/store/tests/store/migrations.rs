//! Claims about migrations: each runs over the data that older hosts left.

use orch_domain::commit_test::TestState;
use orch_domain::id::{ItemPrefix, ObjectId, RepoName, RunId, TaskId};
use orch_domain::issue::TrackerState;
use orch_domain::job::{JobState, PutOffKind};
use orch_domain::message::{Destination, Message};
use orch_domain::names::ItemRef;
use orch_domain::notice::{NoticeKind, Subject};
use orch_domain::stage::Stage;
use orch_store::Store;

use crate::fixture::open;

#[tokio::test]
async fn migrations_run_in_order_over_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("orch.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut raw = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .expect("connected");
    // Asked for when it runs: it may run from a copy of where it was built.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let files = std::path::Path::new(&own).join("../../migrations/sqlite");
    let all = sqlx::migrate::Migrator::new(files)
        .await
        .expect("the files are there");
    let mut marks: Vec<i64> = all.iter().map(|m| m.version).collect();
    marks.sort_unstable();
    for (index, mark) in marks.iter().enumerate() {
        all.run_direct(Some(*mark), &mut raw, false)
            .await
            .expect("each mark is reached");
        if index == 0 {
            let sample = "INSERT INTO configs VALUES ('d', '{}'); INSERT INTO tasks (work_item, repo, title, body, author, \
                branch, base_branch, config_digest, stage, step, status, version, attempts, rework_rounds, \
                rework_rounds_max, early_rounds, infra_failures, stop_requested, created_ms, updated_ms) \
                VALUES ('S-1', 'shop', 't', 'b', 'a', 'br', 'main', 'd', 'review', 1, 'active', 4, '{\"review\":1}', \
                0, 3, 0, 0, 0, 1, 1), \
                ('s-41', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1), \
                ('S-9', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1), \
                ('S-1000000000000', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1), \
                ('free', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1); INSERT INTO events (task_id, at_ms, kind, actor, data) VALUES (1, 1, 'created', 'a', '{}'); \
                INSERT INTO jobs (kind, lane, state, task_id, repo, payload, priority, run_at_ms, reason, created_ms, \
                finished_ms) VALUES ('agent', 'agents', 'scheduled', 1, 'shop', '{}', 5, 9, 'its turn: S-0 comes first', 1, \
                NULL), ('gate', 'gates', 'done', 1, 'shop', '{}', 5, 9, 'its turn: S-0 comes first', 1, 2); \
                INSERT INTO outbox (task_id, kind, key, payload, created_ms, next_ms, done_ms) VALUES \
                (1, 'alert', 'a:1', 'S-1 is \"blocked\"', 7, 7, NULL), (NULL, 'alert', 'a:2', 'told', 7, 7, 8), \
                (1, 'remove-workspace', 'w:1', '{}', 7, 7, NULL);";
            sqlx::raw_sql(sample)
                .execute(&mut raw)
                .await
                .expect("sample data fits the first mark");
        }
        if *mark == 19 {
            sqlx::raw_sql("INSERT INTO deliveries VALUES ('gitea', 'd-1', 'h', x'7b7d', 5)")
                .execute(&mut raw)
                .await
                .expect("sample data fits the mark");
            let stands = "UPDATE tasks SET status = 'blocked' WHERE work_item = 'free'";
            sqlx::raw_sql(stands)
                .execute(&mut raw)
                .await
                .expect("a task stands still");
        }
        if *mark == 29 {
            let sample = "INSERT INTO runs (id, job_id, task_id, role, agent, stage, attempt, folder, state, started_ms) \
                VALUES (1, 1, 1, 'developer', 'a', 'development', 1, '/f', 'finalised', 1); \
                INSERT INTO connections VALUES (7, 1, 1, 'evil.test', 443, 'not-listed', 0, 0);";
            sqlx::raw_sql(sample)
                .execute(&mut raw)
                .await
                .expect("sample data fits the mark");
        }
        if *mark == 8 {
            let sample = "INSERT INTO pull_requests (repo, task_id, branch, base, state, merged_sha, created_ms, merged_ms) \
                VALUES ('shop', 1, 'b1', 'main', 'merged', 'MERGED', 2, 3), ('shop', 1, 'b2', 'main', 'open', NULL, 4, NULL); \
                INSERT INTO commit_statuses VALUES ('shop', 'LOST', 'orch/ci', 'pending', 'asked for again, time 2', 5), \
                ('shop', 'GOOD', 'orch/ci', 'success', 'exit code 0', 5), ('shop', 'GOOD', 'other', 'failure', '', 5); \
                INSERT INTO issues VALUES (1, 'needs-input', 6); INSERT INTO issue_moves (task_id, state, actor, at_ms) \
                VALUES (1, 'in-progress', 'orch', 5), (1, 'needs-input', 'orch', 6), (1, 'approved', 'ann', 7);";
            let sample = sample
                .replace("MERGED", &"1".repeat(40))
                .replace("LOST", &"2".repeat(40))
                .replace("GOOD", &"3".repeat(40));
            sqlx::raw_sql(sqlx::AssertSqlSafe(sample))
                .execute(&mut raw)
                .await
                .expect("sample data fits the mark");
        }
    }
    sqlx::Connection::close(raw).await.expect("closed");
    let store = open(&path).await;
    let item: ItemRef = "S-1".parse().expect("a name");
    let record = store
        .read(|tx| Box::pin(async move { tx.task_of_item(&item).await }))
        .await
        .expect("the data is still there");
    assert_eq!((record.task.stage, record.task.version), (Stage::Review, 4));
    let events = store
        .read(|tx| Box::pin(tx.events(TaskId(1), 0, 9)))
        .await
        .expect("read");
    let channels: Vec<_> = events.iter().map(|event| event.channel).collect();
    assert_eq!(
        channels,
        [None],
        "nobody knows on which way it was asked for"
    );
    let jobs = store.read(|tx| Box::pin(tx.recent_jobs(5))).await;
    let kinds: Vec<_> = jobs
        .expect("listed")
        .iter()
        .map(|job| (job.state, job.put_off_kind))
        .collect();
    let waits = (JobState::Scheduled, Some(PutOffKind::Turn));
    assert_eq!(kinds, [(JobState::Done, None), waits]);
    for (repo, next) in [("shop", "S-2"), ("toys", "S-42"), ("new", "S-1")] {
        let drawn = store.write(move |tx| {
            Box::pin(async move {
                let name = RepoName::new(repo).expect("a name");
                let prefix = ItemPrefix::new("S").expect("a prefix");
                tx.next_item(&name, &prefix).await
            })
        });
        assert_eq!(drawn.await.expect("drawn").as_str(), next);
    }
    let of_task = Subject::Task {
        id: TaskId(1),
        work_item: record.task.work_item.clone(),
        repo: record.task.repo.clone(),
    };
    let (alerts, removals) = (due(&store, "notifier:log").await, due(&store, "host").await);
    let Message::Notice { notice, .. } = &alerts[0] else {
        panic!("{alerts:?}");
    };
    assert_eq!(alerts.len(), 1, "the other was told before");
    assert_eq!((&notice.subject, notice.at_ms), (&of_task, 7));
    let text = "S-1 is \"blocked\"".to_owned();
    assert_eq!(notice.kind, NoticeKind::Earlier { text });
    assert!(matches!(
        removals[..],
        [Message::RemoveWorkspace {
            task: TaskId(1),
            ..
        }]
    ));
    let waiting = store.read(|tx| Box::pin(tx.waiting_deliveries(9))).await;
    assert_eq!(waiting.expect("listed"), [], "an earlier host took none in");
    let denied = store.read(|tx| Box::pin(tx.denials(TaskId(1), 9))).await;
    let denied = denied.expect("listed");
    let [denial] = &denied[..] else {
        panic!("{denied:?}");
    };
    assert_eq!(
        (denial.run, denial.host.as_str()),
        (Some(RunId(1)), "evil.test")
    );
    check_own_records(&store).await;
    check_alerts(&store).await;
}

/// A task that stood still before alerts were kept has one, and no other task has.
async fn check_alerts(store: &Store) {
    let alerts = store
        .read(|tx| Box::pin(tx.alerts(true, None, 9)))
        .await
        .expect("read");
    let [alert] = &alerts[..] else {
        panic!("{alerts:?}");
    };
    let text = "free waits for a person at `done`".to_owned();
    assert_eq!(alert.notice.kind, NoticeKind::Earlier { text });
    assert_eq!((alert.repo.as_deref(), alert.count), (Some("toys"), 1));
    assert_eq!(
        alert.notice.kind.about(),
        "free waits for a person at `done`"
    );
}

/// What the host goes by stood in the tables of its local forge and tracker before it had tables of its own.
async fn check_own_records(store: &Store) {
    let (shop, [merged, lost, good]) = (
        RepoName::new("shop").expect("a name"),
        ["1", "2", "3"].map(|digit| ObjectId::new(digit.repeat(40)).expect("an id")),
    );
    let found = store.write(move |tx| {
        Box::pin(async move {
            let branches = tx.task_branches(TaskId(1)).await?;
            let landed: Vec<_> = branches.into_iter().map(|b| b.landed).collect();
            assert_eq!(landed, [Some(merged), None]);
            let (state, shown) = (
                tx.issue_state(TaskId(1)).await?,
                tx.issue_shown_at(TaskId(1)).await?,
            );
            // Ann answered at position 3 what stood there from position 2 on.
            assert_eq!((state, shown), (TrackerState::NeedsInput, Some(2)));
            let tested = tx.test_state(&shop, &good).await?;
            assert_eq!(tested, Some(TestState::Passed));
            assert_eq!(tx.latest_base_test(&shop).await?, None);
            tx.end_test(&shop, &good, TestState::Unable, 8).await?;
            tx.ask_test_again(&shop, &lost, 9, 8).await
        })
    });
    assert_eq!(
        found.await.expect("read"),
        Some(3),
        "it was asked for twice"
    );
}

async fn due(store: &Store, destination: &str) -> Vec<Message> {
    let destination: Destination = destination.parse().expect("a destination");
    let waiting = store
        .read(|tx| Box::pin(async move { tx.due_messages(&destination, 100, 10).await }))
        .await
        .expect("read");
    let messages = waiting.into_iter().map(|w| w.message.expect("readable"));
    messages.collect()
}
