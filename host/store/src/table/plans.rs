//! How SQLite reads what runs at every tick: by an index, sorting nothing, whatever else the tables hold.

use sqlx::Row;

use super::{ageing, deliveries, jobs, outbox, pages, reap, turns};
use crate::{Owner, Store};

/// The plan's lines that read a table.
async fn plan(store: &Store, sql: String) -> Vec<String> {
    let read = store.read(move |tx| {
        Box::pin(async move {
            let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let lines = sqlx::query(explained).fetch_all(&mut tx.conn).await;
            let lines = lines.expect("it can be prepared");
            Ok(lines.iter().map(|line| line.get("detail")).collect())
        })
    });
    read.await.expect("answered")
}

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("host".into())).await;
    (folder, store.expect("the store opens"))
}

#[tokio::test]
async fn every_tick_reads_by_index_and_sorts_nothing() {
    let (_folder, store) = store().await;
    let all = [
        jobs::claim_sql(),
        jobs::has_due_sql(),
        jobs::PROMOTE.to_owned(),
        jobs::NEXT_DUE.to_owned(),
        jobs::MAKE_DUE.to_owned(),
        jobs::HINT.to_owned(),
        jobs::OUTLOOK.clone(),
        jobs::together::RENEW.to_owned(),
        jobs::together::FINISH.to_owned(),
        jobs::together::PUT_OFF.to_owned(),
        jobs::rows::COUNTS.to_owned(),
        reap::RUNNING.to_owned(),
        turns::WAKE.to_owned(),
        ageing::AGE.to_owned(),
        outbox::DUE.to_owned(),
        outbox::NEXT.to_owned(),
        outbox::REPLACE.to_owned(),
        deliveries::WAITING.to_owned(),
        deliveries::TWIN.to_owned(),
    ];
    for sql in all {
        let lines = plan(&store, sql.clone()).await;
        println!("{sql}\n  {}", lines.join("\n  "));
        let wrong = lines.iter().find(|line| {
            // The one table without an index that serves has a handful of rows, all of them wanted.
            let scans = line.starts_with("SCAN")
                && !line.contains("USING")
                && !line.contains("SCAN p")
                && !line.contains("SCAN a VIRTUAL TABLE")
                && !line.contains("job_totals")
                && !line.contains("CONSTANT ROW");
            let sorts = line.contains("TEMP B-TREE") && !sql.starts_with("SELECT j.id");
            scans || sorts
        });
        assert_eq!(wrong, None, "{sql}");
    }
}

#[tokio::test]
async fn page_of_waiting_jobs_reads_no_more_than_it_shows() {
    let (_folder, store) = store().await;
    for sql in [pages::ready_sql(), pages::scheduled_sql()] {
        let lines = plan(&store, sql.clone()).await;
        assert!(
            !lines
                .iter()
                .any(|l| l.contains("SCAN") || l.contains("TEMP B-TREE")),
            "{sql}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn claim_walks_the_index_of_ready_rows_in_its_order() {
    let (_folder, store) = store().await;
    let lines = plan(&store, jobs::claim_sql()).await;
    let inner = "SEARCH jobs USING INDEX jobs_ready (lane=?)";
    assert!(lines.iter().any(|line| line == inner), "{lines:?}");
    let outer = "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)";
    assert!(lines.iter().any(|line| line == outer), "{lines:?}");
}

/// A statement with a bare one is prepared anew at each execution.
#[test]
fn no_limit_is_a_bare_parameter() {
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    let mut limits = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            for after in text.split("LIMIT ").skip(1) {
                limits += usize::from(after.starts_with("+?"));
                assert!(!after.starts_with('?'), "{}", path.display());
            }
        }
    }
    assert!(limits > 10, "{limits}");
}
