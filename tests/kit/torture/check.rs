//! The invariants of the store, as questions in SQL that must find nothing once every task has ended.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};

/// What is broken, and the question that finds it.
const QUESTIONS: [(&str, &str); 13] = [
    (
        "a live job of an ended task",
        "SELECT j.id FROM jobs j JOIN tasks t ON t.id = j.task_id WHERE t.status = 'ended' \
         AND j.state IN ('scheduled', 'ready', 'running') AND j.kind NOT IN ('ci', 'monitor')",
    ),
    (
        "a job that runs and nobody owns",
        "SELECT id FROM jobs WHERE state = 'running' AND owner IS NULL",
    ),
    (
        "an ended job that was never claimed",
        "SELECT id FROM jobs WHERE state = 'done' AND epoch < 1",
    ),
    ("a dead job", "SELECT id FROM jobs WHERE state = 'dead'"),
    (
        "a message that was given up",
        "SELECT id FROM outbox WHERE dead_ms IS NOT NULL",
    ),
    (
        "a landed branch that its forge does not show as merged",
        "SELECT b.task_id FROM task_branches b WHERE b.landed_sha IS NOT NULL AND NOT EXISTS (SELECT 1 FROM \
         pull_requests p WHERE p.task_id = b.task_id AND p.branch = b.branch AND p.merged_sha = b.landed_sha)",
    ),
    (
        "an issue that does not stand where the host wants it",
        "SELECT i.task_id FROM issues i WHERE i.state IS NOT (SELECT m.state FROM issue_moves m \
         WHERE m.task_id = i.task_id ORDER BY m.id DESC LIMIT 1)",
    ),
    (
        "a run that was never taken in",
        "SELECT r.id FROM runs r JOIN tasks t ON t.id = r.task_id WHERE t.status = 'ended' AND r.state = 'started'",
    ),
    (
        "two merged pull requests of one task",
        "SELECT task_id FROM pull_requests WHERE state = 'merged' GROUP BY task_id HAVING count(*) > 1",
    ),
    (
        "a merged task without a merged pull request",
        "SELECT t.id FROM tasks t WHERE t.stage = 'done' AND NOT EXISTS \
         (SELECT 1 FROM pull_requests p WHERE p.task_id = t.id AND p.state = 'merged')",
    ),
    (
        "a lease that an ended task holds",
        "SELECT l.epoch FROM leases l JOIN tasks t ON t.id = l.holder WHERE t.status = 'ended'",
    ),
    (
        "one run of a role completed twice in an attempt",
        "SELECT min(id) FROM runs WHERE outcome = 'completed' GROUP BY task_id, role, stage, attempt HAVING count(*) > 1",
    ),
    (
        "a landed task that no enforced gate passed",
        "SELECT t.id FROM tasks t WHERE t.stage = 'done' AND NOT EXISTS \
         (SELECT 1 FROM evaluations e WHERE e.task_id = t.id AND e.entry = 'merge' AND e.decision = 'pass')",
    ),
];

/// Asks every question of a database that a host may have open.
///
/// # Panics
/// When the database cannot be read at all.
pub(super) fn invariants(database: &Path) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .read_only(true);
        let mut conn = SqliteConnection::connect_with(&options)
            .await
            .expect("the database opens");
        let mut found = Vec::new();
        let whole = sqlx::query("PRAGMA integrity_check")
            .fetch_one(&mut conn)
            .await
            .expect("the database answers");
        let whole: String = whole.get(0);
        if whole != "ok" {
            found.push(format!("the database is damaged: {whole}"));
        }
        for (what, question) in QUESTIONS {
            let rows = sqlx::query(question)
                .fetch_all(&mut conn)
                .await
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            if let Some(row) = rows.first() {
                let id: i64 = row.get(0);
                found.push(format!("{what}: row {id}"));
            }
        }
        found
    })
}
