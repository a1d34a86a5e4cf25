//! What effectum carries, as it is shipped and with the host's durability.
//!
//! `peer-effectum FOLDER shipped|durable` prints `WHAT<tab>PER_SECOND` lines, after one `durability<tab>…` line.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use effectum::{Error, Job, JobRunner, Queue, RunningJob, Worker};
use rusqlite::Connection;
use rusqlite::ffi;

/// Jobs that one caller enqueues, one after the other.
const SERIAL: usize = 300;
/// Callers at once, and jobs at once.
const CALLERS: usize = 64;
/// Jobs of each caller.
const PER_CALLER: usize = 100;
/// Longest time that a queue takes to run empty.
const DRAINED: Duration = Duration::from_secs(120);

type Failed = Box<dyn std::error::Error + Send + Sync>;

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
        keep_synchronous_full();
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

    told("enqueue, serial", SERIAL, async {
        for _ in 0..SERIAL {
            enqueue(&queue).await?;
        }
        Ok(())
    })
    .await?;
    told("enqueue, many", CALLERS * PER_CALLER, async {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    for _ in 0..PER_CALLER {
                        enqueue(&queue).await?;
                    }
                    Ok::<_, Failed>(())
                })
            })
            .collect();
        for caller in callers {
            caller.await??;
        }
        Ok(())
    })
    .await?;
    let jobs = SERIAL + CALLERS * PER_CALLER;
    told("lifecycle, worker", jobs, async {
        let nothing = async |_: RunningJob, ()| Ok::<_, Error>(());
        let runner =
            JobRunner::builder("nothing", move |job, context| nothing(job, context)).build();
        let worker = Worker::builder(&queue, ())
            .max_concurrency(CALLERS as u16)
            .jobs([runner])
            .build()
            .await?;
        let begun = Instant::now();
        while (worker.counts().finished as usize) < jobs {
            if begun.elapsed() > DRAINED {
                return Err(format!("{} of {jobs} jobs ended", worker.counts().finished).into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
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

async fn told(
    what: &str,
    count: usize,
    work: impl Future<Output = Result<(), Failed>>,
) -> Result<(), Failed> {
    let begun = Instant::now();
    work.await?;
    println!(
        "{what}\t{:.0}",
        count as f64 / begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Has every connection of this process pass over `PRAGMA synchronous`: what is built in is FULL.
fn keep_synchronous_full() {
    unsafe extern "C" fn pass_over(
        _: *mut std::ffi::c_void,
        action: std::ffi::c_int,
        name: *const std::ffi::c_char,
        value: *const std::ffi::c_char,
        _: *const std::ffi::c_char,
        _: *const std::ffi::c_char,
    ) -> std::ffi::c_int {
        // SAFETY: SQLite hands over a pragma's name as text that ends.
        let sets = action == ffi::SQLITE_PRAGMA
            && !value.is_null()
            && !name.is_null()
            && unsafe { std::ffi::CStr::from_ptr(name) }
                .to_bytes()
                .eq_ignore_ascii_case(b"synchronous");
        if sets {
            ffi::SQLITE_IGNORE
        } else {
            ffi::SQLITE_OK
        }
    }
    unsafe extern "C" fn watch(
        connection: *mut ffi::sqlite3,
        _: *mut *const std::ffi::c_char,
        _: *const ffi::sqlite3_api_routines,
    ) -> std::ffi::c_int {
        // SAFETY: the connection is the one that SQLite has just opened.
        unsafe { ffi::sqlite3_set_authorizer(connection, Some(pass_over), std::ptr::null_mut()) }
    }
    // SAFETY: the entry point has the type that SQLite calls it by; it is registered before any connection is made.
    unsafe {
        ffi::sqlite3_auto_extension(Some(watch));
    }
}
