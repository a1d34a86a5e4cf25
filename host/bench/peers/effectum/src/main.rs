//! What effectum carries, as it is shipped and with the host's durability.
//!
//! `peer-effectum FOLDER shipped|durable` prints `WHAT<tab>PER_SECOND` lines, after one `durability<tab>…` line.

#[path = "../../shared/durable.rs"]
mod durable;
#[path = "../../shared/measure.rs"]
mod measure;

use std::path::Path;
use std::sync::Arc;

use effectum::{Error, Job, JobRunner, Queue, RunningJob, Worker};
use measure::{CALLERS, Failed, JOBS, told};
use rusqlite::Connection;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(durability)) = (args.next(), args.next()) else {
        return Err("peer-effectum FOLDER shipped|durable".into());
    };
    let path = Path::new(&folder).join("effectum.db");
    if durability == "durable" {
        // The mode stays with the file, and what the program sets of the other is passed over.
        Connection::open(&path)?.pragma_update_and_check(
            None,
            "journal_mode",
            "wal",
            |_| Ok(()),
        )?;
        durable::keep_synchronous_full();
    }
    let queue = Arc::new(Queue::new(&path).await?);
    let journal: String =
        Connection::open(&path)?.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous = if durability == "durable" {
        "FULL"
    } else {
        "NORMAL"
    };
    println!("durability\tjournal {journal}, synchronous {synchronous}");

    let from = queue.clone();
    measure::enqueues(move || {
        let queue = from.clone();
        async move { enqueue(&queue).await }
    })
    .await?;
    told("lifecycle, worker", JOBS, async {
        let nothing = async |_: RunningJob, ()| Ok::<_, Error>(());
        let runner =
            JobRunner::builder("nothing", move |job, context| nothing(job, context)).build();
        let worker = Worker::builder(&queue, ())
            .max_concurrency(CALLERS as u16)
            .jobs([runner])
            .build()
            .await?;
        measure::all_ended(async || Ok(worker.counts().finished as usize)).await
    })
    .await
}

async fn enqueue(queue: &Queue) -> Result<(), Failed> {
    Job::builder("nothing")
        .payload(b"{}".to_vec())
        .add_to(queue)
        .await?;
    Ok(())
}
