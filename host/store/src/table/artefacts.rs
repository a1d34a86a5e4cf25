//! Who left which artefact, what the host itself wrote, and the outputs of what the host ran.

use orch_domain::id::{RunId, TaskId, UnixMs};
use orch_domain::stage::Role;

use super::{get, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Who left an artefact on the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenanceRow {
    /// Path inside the task's folder.
    pub path: String,
    /// Blob id of the content that the run left.
    pub blob: String,
    /// What the run worked as.
    pub role: Role,
}

/// An artefact the host wrote; hides a file of that name on the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostArtefact {
    /// Path inside the task's folder.
    pub path: String,
    /// Its text.
    pub content: String,
}

/// Output of something the host ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceRow {
    /// Name, such as `merge/preparation`.
    pub name: String,
    /// Commit it was obtained for.
    pub sha: String,
    /// When the host obtained it.
    pub obtained_ms: UnixMs,
    /// The output.
    pub content: String,
}

impl Tx {
    /// Records that a run of `role` left `path` with this content.
    pub async fn record_provenance(
        &mut self,
        task: TaskId,
        path: &str,
        blob: &str,
        role: Role,
        run: RunId,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO provenance (task_id, path, blob, role, run_id) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (task_id, path) DO UPDATE SET blob = excluded.blob, role = excluded.role, \
             run_id = excluded.run_id",
        )
        .bind(task.0)
        .bind(path)
        .bind(blob)
        .bind(role.as_str())
        .bind(run.0)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("record who left an artefact")
    }

    /// Who left the task's artefacts.
    pub async fn provenance(&mut self, task: TaskId) -> Result<Vec<ProvenanceRow>, StoreError> {
        let rows =
            sqlx::query("SELECT path, blob, role FROM provenance WHERE task_id = ? ORDER BY path")
                .bind(task.0)
                .fetch_all(&mut self.conn)
                .await
                .doing("read who left artefacts")?;
        rows.iter()
            .map(|row| {
                let path: String = get(row, "path")?;
                Ok(ProvenanceRow {
                    blob: get(row, "blob")?,
                    role: word(row, "role", "provenance", format!("{task}/{path}"))?,
                    path,
                })
            })
            .collect()
    }

    /// Writes an artefact of the host.
    pub async fn put_host_artefact(
        &mut self,
        task: TaskId,
        path: &str,
        content: &str,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO host_artefacts (task_id, path, content, written_ms) VALUES (?, ?, ?, ?) \
             ON CONFLICT (task_id, path) DO UPDATE SET content = excluded.content, written_ms = excluded.written_ms",
        )
        .bind(task.0)
        .bind(path)
        .bind(content)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("write an artefact")
    }

    /// The host's artefacts of a task.
    pub async fn host_artefacts(&mut self, task: TaskId) -> Result<Vec<HostArtefact>, StoreError> {
        let rows =
            sqlx::query("SELECT path, content FROM host_artefacts WHERE task_id = ? ORDER BY path")
                .bind(task.0)
                .fetch_all(&mut self.conn)
                .await
                .doing("read the host's artefacts")?;
        rows.iter()
            .map(|row| {
                Ok(HostArtefact {
                    path: get(row, 0)?,
                    content: get(row, 1)?,
                })
            })
            .collect()
    }

    /// Stores an output for a commit; a later one for the same commit replaces it.
    pub async fn put_evidence(
        &mut self,
        task: TaskId,
        row: &EvidenceRow,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO evidence (task_id, name, sha, obtained_ms, content) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (task_id, name, sha) DO UPDATE SET obtained_ms = excluded.obtained_ms, \
             content = excluded.content",
        )
        .bind(task.0)
        .bind(&row.name)
        .bind(&row.sha)
        .bind(row.obtained_ms)
        .bind(&row.content)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("store evidence")
    }

    /// The latest evidence of each name.
    pub async fn evidence(&mut self, task: TaskId) -> Result<Vec<EvidenceRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, sha, obtained_ms, content FROM evidence e WHERE task_id = ?1 AND rowid = \
             (SELECT rowid FROM evidence WHERE task_id = ?1 AND name = e.name ORDER BY obtained_ms DESC, rowid DESC \
             LIMIT 1) ORDER BY name",
        )
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("read evidence")?;
        rows.iter()
            .map(|row| {
                Ok(EvidenceRow {
                    name: get(row, 0)?,
                    sha: get(row, 1)?,
                    obtained_ms: get(row, 2)?,
                    content: get(row, 3)?,
                })
            })
            .collect()
    }

    /// Evidence of this name for this commit.
    pub async fn evidence_for(
        &mut self,
        task: TaskId,
        name: &str,
        sha: &str,
    ) -> Result<Option<EvidenceRow>, StoreError> {
        let row = sqlx::query(
            "SELECT obtained_ms, content FROM evidence WHERE task_id = ? AND name = ? AND sha = ?",
        )
        .bind(task.0)
        .bind(name)
        .bind(sha)
        .fetch_optional(&mut self.conn)
        .await
        .doing("read evidence")?;
        row.map(|row| {
            Ok(EvidenceRow {
                name: name.to_owned(),
                sha: sha.to_owned(),
                obtained_ms: get(&row, 0)?,
                content: get(&row, 1)?,
            })
        })
        .transpose()
    }
}
