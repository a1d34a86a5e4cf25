//! Looks of which commit the staging image is, and has it made anew once. The gate judges; nothing is judged
//! here.

use std::time::Duration;

use orch_domain::artefact;
use orch_domain::id::{ObjectId, TaskId};
use orch_process::{Finished, Spec};
use orch_store::{EvidenceRow, TaskRecord};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::checkout::{Checkouts, plain_environment};
use crate::ledger::Ledger;
use crate::ledger::repos::Repo;
use orch_config::ImageConfig;

/// Name of the evidence.
const IMAGE_LABEL: &str = "staging/image-label";
/// Bytes of a command's output in the evidence.
const TAIL_BYTES: usize = 4 * 1024;
/// Bytes of a label.
const LABEL_BYTES_MAX: usize = 200;

/// What was seen, as the gate reads it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    /// Revision label of the image that runs; empty if it could not be read.
    label: String,
    /// Whether the image was made anew for this commit.
    rebuilt: bool,
    /// Whether the label is of another commit with the very code of this one: only artefacts came since.
    #[serde(default)]
    same_code: bool,
    /// The command that failed, with its output.
    problem: Option<String>,
}

/// Compares the image with the commit to land; on a mismatch it is rebuilt, once for a commit. None if the
/// repository has no image.
pub(super) async fn look(
    ledger: &Ledger,
    checkouts: &Checkouts,
    record: &TaskRecord,
    repo: &Repo,
    tip: &ObjectId,
) -> anyhow::Result<Option<EvidenceRow>> {
    let staging = repo.config.staging.as_ref();
    let Some(image) = staging.and_then(|staging| staging.image.as_ref()) else {
        return Ok(None);
    };
    let (task, sha) = (record.task.id, tip.to_string());
    let before = ledger
        .read(|tx| Box::pin(async move { tx.evidence_for(task, IMAGE_LABEL, &sha).await }))
        .await?;
    let before: Seen = before
        .and_then(|row| serde_json::from_str(&row.content).ok())
        .unwrap_or_default();
    let folder = checkouts.make(repo, tip).await?;
    let hooks = Hooks {
        checkouts,
        repo,
        task,
        image,
        folder: &folder,
        tip,
    };
    let mut seen = hooks.label().await?;
    seen.rebuilt = before.rebuilt;
    seen.same_code = is_same_code(repo, record, &seen.label, tip).await?;
    if seen.label != tip.as_str() && !seen.same_code && !before.rebuilt {
        seen = hooks.rebuild().await?.unwrap_or(seen);
    }
    tracing::info!(repo = repo.name, sha = %tip, label = seen.label, rebuilt = seen.rebuilt, "staging image looked at");
    Ok(Some(EvidenceRow {
        name: IMAGE_LABEL.to_owned(),
        sha: tip.to_string(),
        obtained_ms: ledger.now(),
        content: serde_json::to_string(&seen)?,
    }))
}

/// Whether the label names another commit that holds the code of `tip`. Only a whole id counts.
async fn is_same_code(
    repo: &Repo,
    record: &TaskRecord,
    label: &str,
    tip: &ObjectId,
) -> anyhow::Result<bool> {
    let Ok(labelled) = ObjectId::new(label.to_owned()) else {
        return Ok(false);
    };
    let folder = artefact::folder(&record.task.work_item);
    Ok(labelled != *tip && repo.is_same_code(&labelled, tip, &folder).await?)
}

/// The revision that the staged image says it is of, which production has to be given: `landed`, or an earlier commit
/// with the same code.
pub(super) async fn staged_revision(
    ledger: &Ledger,
    task: TaskId,
    landed: &ObjectId,
) -> anyhow::Result<String> {
    let sha = landed.to_string();
    let row = ledger
        .read(|tx| Box::pin(async move { tx.evidence_for(task, IMAGE_LABEL, &sha).await }))
        .await?;
    let seen = row.and_then(|row| serde_json::from_str::<Seen>(&row.content).ok());
    Ok(seen
        .filter(|seen| seen.same_code)
        .map_or_else(|| landed.to_string(), |seen| seen.label))
}

/// The operator's commands about one commit's image.
struct Hooks<'a> {
    checkouts: &'a Checkouts,
    repo: &'a Repo,
    task: TaskId,
    image: &'a ImageConfig,
    folder: &'a TempDir,
    tip: &'a ObjectId,
}

impl Hooks<'_> {
    async fn run(&self, text: &str) -> anyhow::Result<Finished> {
        let timeout = Duration::from_secs(u64::from(self.image.timeout_s));
        let spec = Spec::shell(text, self.folder.path().join("tree"), timeout);
        let spec = plain_environment(spec, self.folder);
        let spec = spec.env("EXPECTED_REVISION", self.tip.to_string());
        let checkouts = self.checkouts;
        let (repo, folder) = (self.repo, self.folder);
        checkouts.hook(repo, self.task, folder, text, spec).await
    }

    async fn label(&self) -> anyhow::Result<Seen> {
        let done = self.run(&self.image.label).await?;
        if !done.success() {
            return Ok(Seen {
                problem: Some(failure("label", &done)),
                ..Seen::default()
            });
        }
        let text = done.stdout.text();
        let label = text.trim().chars().take(LABEL_BYTES_MAX).collect();
        Ok(Seen {
            label,
            ..Seen::default()
        })
    }

    /// Makes the image anew; none if the operator gave no command for it.
    async fn rebuild(&self) -> anyhow::Result<Option<Seen>> {
        let Some(build) = &self.image.rebuild else {
            return Ok(None);
        };
        let steps = [
            Some(("rebuild", build)),
            self.image.health.as_ref().map(|h| ("health", h)),
        ];
        for (name, text) in steps.into_iter().flatten() {
            let done = self.run(text).await?;
            if !done.success() {
                return Ok(Some(Seen {
                    rebuilt: true,
                    problem: Some(failure(name, &done)),
                    ..Seen::default()
                }));
            }
        }
        let seen = self.label().await?;
        Ok(Some(Seen {
            rebuilt: true,
            ..seen
        }))
    }
}

fn failure(name: &str, done: &Finished) -> String {
    let how = if done.timed_out {
        "took too long".to_owned()
    } else {
        format!("ended with exit code {}", done.exit.code())
    };
    format!("the {name} command {how}\n{}", done.tail(TAIL_BYTES))
}
