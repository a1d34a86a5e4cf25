//! Opens the database: lock, connections, schema.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard, Notify};

use crate::error::{Context, StoreError};
use crate::tx::Tx;
use crate::writer::{Writer, WriterStats};

/// Connections for reading: views and gates' look-ups are short, so a few suffice.
const READERS: usize = 4;
/// How long a statement waits for a lock that only a foreign tool could hold.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows that the thread of a connection hands over before it waits for them to be taken: a claim for many workers goes
/// over in one piece.
const ROWS_BUFFERED: usize = 512;

/// Who writes: recorded in claimed jobs and in the lock, so that work of a dead host is told from one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(pub String);

/// The store. Clones share one writer; the lock is freed when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) writer: Writer,
    readers: Arc<[Mutex<Tx>; READERS]>,
    next_reader: Arc<AtomicUsize>,
    owner: Owner,
    path: PathBuf,
    _lock: Arc<File>,
}

impl Store {
    /// Opens or creates the database at `path` and takes it for this host alone.
    ///
    /// # Errors
    /// [`StoreError::LockedByAnotherHost`] while another host has it; [`StoreError::Io`],
    /// [`StoreError::Database`] and [`StoreError::Migrate`] otherwise.
    pub async fn open(path: &Path, owner: Owner) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| io(folder, source))?;
        }
        let lock = take_lock(path, &owner)?;
        // Made by us, so that only this user can read it; SQLite gives its side files the same mode.
        File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| io(path, source))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROWS_BUFFERED)
            .statement_cache_capacity(200);
        let mut conn = SqliteConnection::connect_with(&options)
            .await
            .doing("open the database")?;
        let migrator = crate::migrations::migrator().await?;
        migrator.run_direct(None, &mut conn, false).await?;
        // The writer's task ends by itself with the last handle; awaiting it is for tests only.
        let (writer, _task) = Writer::start(conn);
        let reading = options.read_only(true).create_if_missing(false);
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let conn = SqliteConnection::connect_with(&reading)
                .await
                .doing("open the database for reading")?;
            readers.push(Mutex::new(Tx::new(conn)));
        }
        let Ok(readers) = <[Mutex<Tx>; READERS]>::try_from(readers) else {
            return Err(StoreError::Closed);
        };
        Ok(Self {
            writer,
            readers: Arc::new(readers),
            next_reader: Arc::default(),
            owner,
            path: path.to_owned(),
            _lock: Arc::new(lock),
        })
    }

    /// Carries out `work` in the writer's next transaction; answers after the commit. An error rolls back
    /// what `work` did.
    ///
    /// # Errors
    /// What `work` returned, or why the commit failed.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// [`Store::write`] for work that ends with an error of its caller's own, which rolls it back all the same.
    ///
    /// # Errors
    /// What `work` returned, or why the commit failed.
    pub async fn write_or<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Carries out `work` on a read-only connection, in one snapshot.
    ///
    /// # Errors
    /// What `work` returned, or why the database did not answer.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>>,
    {
        self.read_or(work).await
    }

    /// [`Store::read`] for work that ends with an error of its caller's own.
    ///
    /// # Errors
    /// What `work` returned, or why the database did not answer.
    pub async fn read_or<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
    {
        let mut tx = self.reader().await;
        tx.in_snapshot = true;
        sqlx::query("BEGIN")
            .execute(&mut tx.conn)
            .await
            .doing("begin a snapshot")?;
        let result = work(&mut tx).await;
        sqlx::query("COMMIT")
            .execute(&mut tx.conn)
            .await
            .doing("end a snapshot")?;
        tx.in_snapshot = false;
        result
    }

    /// Carries out one statement on a read-only connection: it needs no snapshot to be one.
    ///
    /// # Errors
    /// What `work` returned, or why the database did not answer.
    pub async fn look<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>>,
    {
        let mut tx = self.reader().await;
        work(&mut tx).await
    }

    /// A connection for reading on which no snapshot is open.
    async fn reader(&self) -> MutexGuard<'_, Tx> {
        let index = self.next_reader.fetch_add(1, Ordering::Relaxed) % READERS;
        let mut tx = self.readers[index].lock().await;
        if tx.in_snapshot {
            // A reader that was dropped half-way left its snapshot open, or was dropped just as it began or ended.
            match sqlx::query("ROLLBACK").execute(&mut tx.conn).await {
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = %error, "a dropped reader left no snapshot open");
                }
            }
            tx.in_snapshot = false;
        }
        tx
    }

    /// Fires after each commit that made a job ready. A hint: the queue is the truth.
    pub fn wake(&self) -> Arc<Notify> {
        self.writer.wake.clone()
    }

    /// What the writer has done so far.
    pub fn stats(&self) -> WriterStats {
        self.writer.counters.read()
    }

    /// Who writes here.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn io(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Takes the lock file beside the database. The kernel frees it when the process ends, however it ends.
fn take_lock(path: &Path, owner: &Owner) -> Result<File, StoreError> {
    let lock_path = path.with_extension("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|source| io(&lock_path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: an unreadable lock file still means that somebody holds it.
            if file.read_to_string(&mut holder).is_err() || holder.is_empty() {
                "unknown".clone_into(&mut holder);
            }
            return Err(StoreError::LockedByAnotherHost {
                path: path.to_owned(),
                holder,
            });
        }
        Err(TryLockError::Error(source)) => return Err(io(&lock_path, source)),
    }
    let write = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(owner.0.as_bytes()));
    write.map_err(|source| io(&lock_path, source))?;
    Ok(file)
}
