//! What the host found out, under which names and in which form it is stored.

use orch_domain::id::{BatchId, TaskId};
use orch_domain::imports::{CatchUp, LeaseHolder, MergeLease, Preparation, TestRun};
use orch_store::StoreError;
use serde::{Deserialize, Serialize};

use super::Ledger;

/// Name of the evidence that holds the latest merge preparation.
pub(crate) const PREPARATION: &str = "merge/preparation";
/// Name of the evidence that holds the host's own test run.
pub(crate) const LOCAL_TESTS: &str = "tests/local";

/// A preparation as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    busy_with: Option<(String, u64)>,
    head: String,
    base: String,
    catch_up: Option<StoredCatchUp>,
    retest: Option<StoredRun>,
    /// Number of the batch in which it was tested.
    #[serde(default)]
    batch: Option<i64>,
}

/// A preparation as the host goes by it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What the gates are shown of it.
    pub(crate) preparation: Preparation,
    /// The batch in which the commit was tested; it lands with that or not at all.
    pub(crate) batch: Option<BatchId>,
}

#[derive(Debug, Serialize, Deserialize)]
enum StoredCatchUp {
    UpToDate,
    Rebased(String),
    Conflict(Vec<String>),
}

/// A test run as it is stored; also the form of the evidence `tests/local`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    pub(crate) passed: bool,
    pub(crate) exit_code: i32,
    pub(crate) output_tail: String,
    pub(crate) duration_ms: u64,
}

pub(crate) fn write_preparation(preparation: &Preparation, batch: Option<BatchId>) -> String {
    let stored = Stored {
        busy_with: match &preparation.lease {
            MergeLease::Held => None,
            MergeLease::Busy(holder) => Some((holder.work_item.clone(), holder.since_ms)),
        },
        head: preparation.head_sha.clone(),
        base: preparation.base_sha.clone(),
        catch_up: preparation.catch_up.as_ref().map(|c| match c {
            CatchUp::UpToDate => StoredCatchUp::UpToDate,
            CatchUp::Rebased(sha) => StoredCatchUp::Rebased(sha.clone()),
            CatchUp::Conflict(files) => StoredCatchUp::Conflict(files.clone()),
        }),
        retest: preparation.retest.as_ref().map(|run| StoredRun {
            passed: run.passed,
            exit_code: run.exit_code,
            output_tail: run.output_tail.clone(),
            duration_ms: run.duration_ms,
        }),
        batch: batch.map(|id| id.0),
    };
    serde_json::to_string(&stored).unwrap_or_default()
}

/// The latest merge preparation of a task; one that cannot be read is none.
pub(crate) async fn prepared_of(
    ledger: &Ledger,
    task: TaskId,
) -> Result<Option<Prepared>, StoreError> {
    let rows = ledger
        .read(move |tx| Box::pin(async move { tx.evidence(task).await }))
        .await?;
    let row = rows.into_iter().find(|row| row.name == PREPARATION);
    Ok(row.and_then(|row| {
        let stored: Stored = serde_json::from_str(&row.content).ok()?;
        let batch = stored.batch.map(BatchId);
        let preparation = shown(stored);
        Some(Prepared { preparation, batch })
    }))
}

pub(crate) fn read_preparation(text: &str) -> Result<Preparation, serde_json::Error> {
    serde_json::from_str(text).map(shown)
}

fn shown(stored: Stored) -> Preparation {
    Preparation {
        lease: match stored.busy_with {
            None => MergeLease::Held,
            Some((work_item, since_ms)) => MergeLease::Busy(LeaseHolder {
                work_item,
                since_ms,
            }),
        },
        head_sha: stored.head,
        base_sha: stored.base,
        catch_up: stored.catch_up.map(|c| match c {
            StoredCatchUp::UpToDate => CatchUp::UpToDate,
            StoredCatchUp::Rebased(sha) => CatchUp::Rebased(sha),
            StoredCatchUp::Conflict(files) => CatchUp::Conflict(files),
        }),
        retest: stored.retest.map(|run| TestRun {
            passed: run.passed,
            exit_code: run.exit_code,
            output_tail: run.output_tail,
            duration_ms: run.duration_ms,
        }),
    }
}
