//! Tests the commit that would land, unless it has a pass already.

use orch_config::Effective;
use orch_domain::commit_test::Inability;
use orch_domain::id::ObjectId;
use orch_store::TaskRecord;

use super::base::Bases;
use super::checkout::Tested;
use crate::ledger::Ledger;
use crate::ledger::evidence::{LOCAL_TESTS, StoredRun};
use crate::ledger::repos::Repo;

/// What would land fails only what its base fails: no further try ends otherwise until somebody has mended the base.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct BaseIsRed {
    pub(super) detail: String,
}

/// Answers how the tests of `tip` ended, now or before; none if the repository has no test: nothing was tested then,
/// and whoever asks goes by what others say of the commit.
pub(super) async fn retest(
    ledger: &Ledger,
    bases: &Bases,
    record: &TaskRecord,
    repo: &Repo,
    effective: &Effective,
    tip: &ObjectId,
) -> anyhow::Result<Option<Tested>> {
    let Some(ci) = &effective.ci else {
        return Ok(None);
    };
    let (task, sha) = (record.task.id, tip.to_string());
    let known = ledger
        .read(|tx| Box::pin(async move { tx.evidence_for(task, LOCAL_TESTS, &sha).await }))
        .await?;
    if let Some(run) = known
        .and_then(|row| serde_json::from_str::<StoredRun>(&row.content).ok())
        .filter(|r| r.passed)
    {
        // Its coverage is evidence already.
        return Ok(Some(Tested {
            run,
            coverage: None,
        }));
    }
    let mut tested = bases.test_branch(repo, tip, ci, task).await?;
    bases.compare(repo, tip, ci, &mut tested.run, true).await?;
    if tested.run.inability() == Some(Inability::BaseFails) {
        let detail = format!(
            "{tip} fails the tests that its base fails, and no others; {}; `orch task resume` runs them again\n{}",
            Inability::BaseFails.remedy(),
            tested.run.output_tail.trim_end()
        );
        return Err(BaseIsRed { detail }.into());
    }
    if let Some(inability) = tested.run.inability() {
        // Says nothing of the commit: the machine's fault, which is tried again.
        anyhow::bail!(
            "the tests could not be run ({inability}): {}; {}",
            tested.run.output_tail.trim_end(),
            inability.remedy()
        );
    }
    Ok(Some(tested))
}
