//! What bare SQLite does with the host's own table: the same rows, the same batches, the same flushes, and no queue.
//!
//! `peer-floor DATABASE` takes a database that the host's store has made and prints `WHAT<tab>PER_SECOND` lines.

use std::time::Instant;

use rusqlite::{Connection, Result, Statement, params};

/// Jobs that are written one to a transaction.
const SERIAL: usize = 500;
/// Rows of a transaction that writes many, as 64 callers would fill it.
const BATCH: usize = 64;
/// Such transactions.
const BATCHES: usize = 300;

const ENQUEUE: &str = "INSERT INTO jobs (kind, lane, state, task_id, repo, payload, priority, run_at_ms, unique_key, \
     reason, put_off_kind, created_ms) VALUES ('gate', 'gates', 'ready', NULL, 'shop', '{}', 5, 0, NULL, NULL, NULL, 1)";
const CLAIM: &str = "UPDATE jobs SET state = 'running', attempt = attempt + 1, epoch = epoch + 1, owner = 'bench', \
     claimed_ms = 2, lease_until_ms = 60000 WHERE state = 'ready' AND id IN (SELECT id FROM jobs \
     WHERE state = 'ready' AND lane = 'gates' ORDER BY priority, run_at_ms, id LIMIT +?) RETURNING id, epoch";
const COMPLETE: &str = "UPDATE jobs SET state = 'done', finished_ms = 3, owner = NULL, lease_until_ms = NULL \
     WHERE id = ? AND state = 'running' AND epoch = ?";

fn main() -> Result<()> {
    let path = std::env::args().nth(1).expect("peer-floor DATABASE");
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    let mut enqueue = conn.prepare(ENQUEUE)?;
    let mut claim = conn.prepare(CLAIM)?;
    let mut complete = conn.prepare(COMPLETE)?;
    let commit = |work: &mut dyn FnMut() -> Result<()>| {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        work()?;
        conn.execute_batch("COMMIT")
    };
    let mut put = |count: usize| (0..count).try_for_each(|_| enqueue.execute([]).map(|_| ()));

    told("enqueue, serial", SERIAL, || {
        (0..SERIAL).try_for_each(|_| commit(&mut || put(1)))
    })?;
    told("lifecycle, serial", SERIAL, || {
        (0..SERIAL).try_for_each(|_| live(&commit, &mut claim, &mut complete, 1))
    })?;
    told("enqueue, many", BATCH * BATCHES, || {
        (0..BATCHES).try_for_each(|_| commit(&mut || put(BATCH)))
    })?;
    told("lifecycle, many", BATCH * BATCHES, || {
        (0..BATCHES).try_for_each(|_| live(&commit, &mut claim, &mut complete, BATCH))
    })
}

/// Claims jobs in one transaction and completes them in another.
fn live(
    commit: &dyn Fn(&mut dyn FnMut() -> Result<()>) -> Result<()>,
    claim: &mut Statement<'_>,
    complete: &mut Statement<'_>,
    count: usize,
) -> Result<()> {
    let mut claimed: Vec<(i64, i64)> = Vec::new();
    commit(&mut || {
        let rows = claim.query_map([i64::try_from(count).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        claimed = rows.collect::<Result<_>>()?;
        Ok(())
    })?;
    assert_eq!(claimed.len(), count, "the queue is empty");
    commit(&mut || {
        claimed.iter().try_for_each(|(id, epoch)| {
            assert_eq!(complete.execute(params![id, epoch])?, 1, "fenced");
            Ok(())
        })
    })
}

fn told(what: &str, count: usize, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    work()?;
    println!(
        "{what}\t{:.0}",
        count as f64 / begun.elapsed().as_secs_f64()
    );
    Ok(())
}
