//! What azums carries on SQLite, as it is shipped and with the host's durability.
//!
//! `peer-azums FOLDER shipped|durable` prints `WHAT<tab>PER_SECOND` lines, after one `durability<tab>…` line.

#[path = "../../shared/durable.rs"]
mod durable;
#[path = "../../shared/measure.rs"]
mod measure;

use std::path::Path;
use std::sync::Arc;

use azums::{Job, QuickstartFlow, SqliteBackend, StorageBackend, make_sqlite_pool};
use measure::{Failed, JOBS, told};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(durability)) = (args.next(), args.next()) else {
        return Err("peer-azums FOLDER shipped|durable".into());
    };
    if durability == "durable" {
        durable::keep_synchronous_full();
    }
    let path = Path::new(&folder).join("azums.db");
    let pool = make_sqlite_pool(&format!("sqlite://{}?mode=rwc", path.display())).await?;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&pool)
        .await?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&pool)
        .await?;
    let synchronous = ["OFF", "NORMAL", "FULL", "EXTRA"][synchronous as usize];
    println!("durability\tjournal {journal}, synchronous {synchronous}");

    let backend = SqliteBackend::new(pool.clone());
    backend.run_migrations().await?;
    let flow = QuickstartFlow::new(Arc::new(backend)).with_queue("nothing");
    flow.register_handler("nothing", |_| async { Ok(()) }).await;

    let from = flow.clone();
    measure::enqueues(move || {
        let flow = from.clone();
        async move {
            flow.enqueue(Job::new("nothing", json!({})).queue("nothing"))
                .await?;
            Ok(())
        }
    })
    .await?;
    // A worker takes 32 jobs and works them one after the other. Several at once end with `database is locked`.
    told("lifecycle, worker", JOBS, async {
        flow.run_until_empty().await?;
        measure::all_ended(async || {
            let done: i64 =
                sqlx::query_scalar("SELECT count(*) FROM jobs WHERE status = 'succeeded'")
                    .fetch_one(&pool)
                    .await?;
            Ok(done as usize)
        })
        .await
    })
    .await
}
