//! Leases: who may prepare and land a merge, and whose a serial repository is. Conditional statements; epochs only
//! rise.

use orch_domain::id::{JobId, TaskId, UnixMs};
use orch_domain::job::JobKind;
use orch_domain::names::LeaseName;
use sqlx::sqlite::SqliteRow;

use super::jobs::JobKey;
use super::{get, kinds, known};
use crate::error::{Context, StoreError};
use crate::open::Owner;
use crate::tx::Tx;

/// A lease as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// What it is about.
    pub lease: LeaseName,
    /// Rises with every acquisition.
    pub epoch: i64,
    /// Holding task, if it is held.
    pub holder: Option<TaskId>,
    /// Job under which it was acquired.
    pub holder_job: Option<JobId>,
    /// Host that acquired it.
    pub holder_owner: Option<String>,
    /// When it was acquired.
    pub acquired_ms: Option<UnixMs>,
    /// When it ends unless renewed.
    pub expires_ms: Option<UnixMs>,
}

/// What asking for a lease came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum AcquireOutcome {
    /// The task holds it now.
    Held {
        /// The acquisition.
        epoch: i64,
        /// The task whose expired lease was taken, if there was one: worth an alert.
        reclaimed_from: Option<TaskId>,
    },
    /// Another task holds it.
    Busy {
        /// The task that has it.
        holder: TaskId,
        /// Since when.
        since_ms: UnixMs,
    },
}

/// A lease that was taken from a holder that cannot give it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclaimed {
    /// What it is about.
    pub lease: LeaseName,
    /// Who held it.
    pub holder: TaskId,
    /// Under which acquisition.
    pub epoch: i64,
    /// Whether its time was over; if not, its holder was no longer at work.
    pub expired: bool,
}

impl Tx {
    /// Frees every lease whose time is over or whose task has no live job of its own; a live holder within its
    /// time is not touched.
    pub async fn reclaim_leases(&mut self, now: UnixMs) -> Result<Vec<Reclaimed>, StoreError> {
        let sql = format!(
            "SELECT resource, holder, epoch, coalesce(expires_ms < ?1, 1) AS expired FROM leases l \
             WHERE holder IS NOT NULL AND (coalesce(expires_ms < ?1, 1) OR NOT EXISTS (SELECT 1 FROM jobs j \
             WHERE j.task_id = l.holder AND j.state IN ('scheduled', 'ready', 'running') \
             AND j.kind NOT IN ({})))",
            kinds(JobKind::works_beside_steps)
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now)
            .fetch_all(&mut self.conn)
            .await
            .doing("look for leases to reclaim")?;
        let mut reclaimed = Vec::new();
        for row in &rows {
            let lease = Reclaimed {
                lease: lease_name(row)?,
                holder: TaskId(get(row, "holder")?),
                epoch: get(row, "epoch")?,
                expired: get(row, "expired")?,
            };
            if self
                .free_lease(&lease.lease, lease.holder, lease.epoch)
                .await?
            {
                reclaimed.push(lease);
            }
        }
        Ok(reclaimed)
    }

    /// Frees a lease if it is still held as it was seen.
    pub async fn free_lease(
        &mut self,
        lease: &LeaseName,
        holder: TaskId,
        epoch: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE leases SET holder = NULL, holder_job = NULL, holder_owner = NULL, expires_ms = NULL, \
             acquired_ms = NULL WHERE resource = ? AND holder = ? AND epoch = ?",
        )
        .bind(lease.to_string())
        .bind(holder.0)
        .bind(epoch)
        .execute(&mut self.conn)
        .await
        .doing("free a lease")?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes a lease that is free, expired or already this task's.
    pub async fn acquire_lease(
        &mut self,
        lease: &LeaseName,
        task: TaskId,
        job: JobId,
        owner: &Owner,
        now: UnixMs,
        ttl_ms: i64,
    ) -> Result<AcquireOutcome, StoreError> {
        let before = self.lease(lease).await?;
        let row = sqlx::query(
            "INSERT INTO leases (resource, epoch, holder, holder_job, holder_owner, acquired_ms, renewed_ms, \
             expires_ms) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?5, ?6) \
             ON CONFLICT (resource) DO UPDATE SET epoch = epoch + 1, \
             acquired_ms = CASE WHEN holder = ?2 THEN acquired_ms ELSE ?5 END, holder = ?2, holder_job = ?3, \
             holder_owner = ?4, renewed_ms = ?5, expires_ms = ?6 \
             WHERE holder IS NULL OR holder = ?2 OR expires_ms < ?5 RETURNING epoch",
        )
        .bind(lease.to_string())
        .bind(task.0)
        .bind(job.0)
        .bind(&owner.0)
        .bind(now)
        .bind(now.saturating_add(ttl_ms))
        .fetch_optional(&mut self.conn)
        .await
        .doing("acquire a lease")?;
        let holder = before
            .as_ref()
            .and_then(|l| l.holder)
            .filter(|holder| *holder != task);
        match (row, before, holder) {
            (Some(row), _, reclaimed_from) => Ok(AcquireOutcome::Held {
                epoch: get(&row, 0)?,
                reclaimed_from,
            }),
            (None, Some(held), Some(holder)) => Ok(AcquireOutcome::Busy {
                holder,
                since_ms: held.acquired_ms.unwrap_or(now),
            }),
            (None, _, _) => Err(StoreError::NotFound {
                what: "holder of the lease",
                id: lease.to_string(),
            }),
        }
    }

    /// Moves the end of a lease that the task of this claim still holds: a handler whose claim was taken keeps
    /// nothing alive, not even what its successor holds now.
    pub async fn renew_lease(
        &mut self,
        lease: &LeaseName,
        key: JobKey,
        now: UnixMs,
        ttl_ms: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE leases SET renewed_ms = ?, expires_ms = ? WHERE resource = ? AND expires_ms >= ? AND EXISTS \
             (SELECT 1 FROM jobs j WHERE j.id = ? AND j.epoch = ? AND j.state = 'running' \
             AND j.task_id = leases.holder)",
        )
        .bind(now)
        .bind(now.saturating_add(ttl_ms))
        .bind(lease.to_string())
        .bind(now)
        .bind(key.id.0)
        .bind(key.epoch)
        .execute(&mut self.conn)
        .await
        .doing("renew a lease")?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a lease back if the task holds it; says whether it did.
    pub async fn release_lease(
        &mut self,
        lease: &LeaseName,
        task: TaskId,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE leases SET holder = NULL, holder_job = NULL, holder_owner = NULL, expires_ms = NULL, \
             acquired_ms = NULL WHERE resource = ? AND holder = ?",
        )
        .bind(lease.to_string())
        .bind(task.0)
        .execute(&mut self.conn)
        .await
        .doing("release a lease")?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether the task holds the lease now.
    pub async fn holds_lease(
        &mut self,
        lease: &LeaseName,
        task: TaskId,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let held = self.lease(lease).await?;
        Ok(
            held.is_some_and(|l| {
                l.holder == Some(task) && l.expires_ms.is_some_and(|at| at >= now)
            }),
        )
    }

    /// The lease of this name, if it was ever taken.
    pub async fn lease(&mut self, lease: &LeaseName) -> Result<Option<LeaseRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM leases WHERE resource = ?")
            .bind(lease.to_string())
            .fetch_optional(&mut self.conn)
            .await
            .doing("read a lease")?;
        row.as_ref().map(lease_row).transpose()
    }

    /// Every lease.
    pub async fn leases(&mut self) -> Result<Vec<LeaseRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM leases ORDER BY resource")
            .fetch_all(&mut self.conn)
            .await
            .doing("list leases")?;
        rows.iter().map(lease_row).collect()
    }
}

fn lease_name(row: &SqliteRow) -> Result<LeaseName, StoreError> {
    let name: String = get(row, "resource")?;
    known(LeaseName::parse(&name), "leases", &name, &name, "lease")
}

fn lease_row(row: &SqliteRow) -> Result<LeaseRow, StoreError> {
    let holder: Option<i64> = get(row, "holder")?;
    let holder_job: Option<i64> = get(row, "holder_job")?;
    Ok(LeaseRow {
        lease: lease_name(row)?,
        epoch: get(row, "epoch")?,
        holder: holder.map(TaskId),
        holder_job: holder_job.map(JobId),
        holder_owner: get(row, "holder_owner")?,
        acquired_ms: get(row, "acquired_ms")?,
        expires_ms: get(row, "expires_ms")?,
    })
}
