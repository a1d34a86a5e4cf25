//! Evaluations with what they were answered, so that they can be made again.

use orch_domain::id::EvaluationId;
use orch_judge::{Judges, Kept, KeptEvaluation};
use orch_views::page::{Page, PageRequest};

use super::pages;
use crate::commands::CommandError;
use crate::ledger::Ledger;

/// Shows evaluations. Clones are the same.
#[derive(Debug, Clone)]
pub struct EvaluationViews {
    pub(crate) ledger: Ledger,
    pub(crate) judges: Judges,
}

impl EvaluationViews {
    /// An evaluation with its recording.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a number that stands for nothing, [`CommandError::Conflict`] for an
    /// evaluation that cannot be made again, with the reason.
    pub async fn kept(&self, id: i64) -> Result<KeptEvaluation, CommandError> {
        let key = EvaluationId(id);
        let (found, text) = self
            .ledger
            .read(move |tx| {
                Box::pin(async move { Ok((tx.evaluation(key).await?, tx.recording(key).await?)) })
            })
            .await?;
        let Some((evaluation, work_item)) = found else {
            let text = format!("there is no evaluation {id}");
            let refused = CommandError::not_found(text);
            return Err(refused.with_remedy("`orch task show ID` numbers them"));
        };
        if let Some(from) = evaluation.reused_from {
            let from = from.0;
            let text = format!("evaluation {id} used the pass of evaluation {from} again");
            let refused = CommandError::conflict(text);
            return Err(refused.with_remedy(format!("replay evaluation {from}")));
        }
        let Some(text) = text else {
            let text = format!(
                "evaluation {id} has no recording: the gate did not run, was answered with more than {} MiB, or it is too old",
                orch_gates::RECORDING_BYTES_MAX / 1024 / 1024
            );
            return Err(CommandError::conflict(text));
        };
        let kept = Kept::parse(&text)
            .map_err(|e| CommandError::host(format!("recording of evaluation {id}: {e}")))?;
        Ok(KeptEvaluation {
            id,
            work_item,
            entry: evaluation.entry,
            gate: evaluation.gate,
            version: evaluation.gate_version,
            gate_file: self.judges.library().file_of(&evaluation.gate_digest),
            digest: evaluation.gate_digest,
            head_sha: evaluation.head_sha,
            decision: evaluation.decision,
            reason: evaluation.reason,
            summary: evaluation.summary,
            artefact: evaluation.artefact,
            kept,
        })
    }

    /// Numbers of the latest evaluations of a gate that can be made again, newest first.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn recorded(
        &self,
        gate: &str,
        request: PageRequest,
    ) -> Result<Page<i64>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?.map(EvaluationId);
        let gate = gate.to_owned();
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let rows = tx.recorded(&gate, before, limit + 1).await?;
                Ok((rows, tx.count_recorded(&gate).await?))
            })
        });
        let (rows, total) = read.await?;
        let place = |id: &EvaluationId| id.0.to_string();
        Ok(pages::page(rows, limit, total, place, |id| id.0))
    }
}
