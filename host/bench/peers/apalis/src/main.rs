//! What apalis-sqlite carries, as it is shipped and with the host's durability.
//!
//! `peer-apalis FOLDER shipped|durable` prints `WHAT<tab>PER_SECOND` lines, after one `durability<tab>…` line.

#[path = "../../shared/durable.rs"]
mod durable;
#[path = "../../shared/measure.rs"]
mod measure;

use std::path::Path;

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use measure::{CALLERS, Failed, JOBS, told};
use sqlx::SqlitePool;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(durability)) = (args.next(), args.next()) else {
        return Err("peer-apalis FOLDER shipped|durable".into());
    };
    if durability == "durable" {
        durable::keep_synchronous_full();
    }
    let path = Path::new(&folder).join("apalis.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", path.display())).await?;
    SqliteStorage::setup(&pool).await?;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&pool)
        .await?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&pool)
        .await?;
    let synchronous = ["OFF", "NORMAL", "FULL", "EXTRA"][synchronous as usize];
    println!("durability\tjournal {journal}, synchronous {synchronous}");

    // As many at once as there are jobs at once.
    let config = Config::default().queue("nothing").batch_size(CALLERS);
    let storage: SqliteStorage<u32> = SqliteStorage::new(&pool).with_config(config);
    let from = storage.clone();
    measure::enqueues(move || {
        let mut storage = from.clone();
        async move { Ok(storage.push(0).await?) }
    })
    .await?;
    told("lifecycle, worker", JOBS, async {
        let nothing = async |_: u32| Ok::<_, BoxDynError>(());
        let worker = WorkerBuilder::new("bench")
            .backend(storage)
            .concurrency(CALLERS)
            .build(move |job| nothing(job));
        let working = tokio::spawn(worker.run());
        measure::all_ended(async || {
            let done: i64 = sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status = 'Done'")
                .fetch_one(&pool)
                .await?;
            Ok(done as usize)
        })
        .await?;
        working.abort();
        Ok(())
    })
    .await
}
