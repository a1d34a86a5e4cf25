//! What the host found out, under which names and in which form it is stored.

use orch_domain::commit_test::{Inability, TestState};
use orch_domain::id::{BatchId, ObjectId, TaskId, UnixMs};
use orch_domain::imports::{
    CatchUp, LeaseHolder, MergeLease, Preparation, Review, ReviewState, TestRun,
};
use orch_domain::risk::Tier;
use orch_reports::FailedTests;
use orch_store::{EvidenceRow, StoreError};
use serde::{Deserialize, Serialize};

use super::Ledger;

/// Name of the evidence that holds the latest merge preparation.
pub(crate) const PREPARATION: &str = "merge/preparation";
/// Name of the evidence that holds the host's own test run.
pub(crate) const LOCAL_TESTS: &str = "tests/local";

/// Name of the evidence that holds the host's own test run of a commit on which the tests of others still work.
pub(crate) const BATCH_TESTS: &str = "tests/batch";

/// Name of the evidence that a person asked for a commit to be moved onto a base that was rewritten.
pub(crate) const REBASE_ASKED: &str = "rebase/asked";

/// What the names of evidence begin with that hold what people said of the code.
const REVIEWS: &str = "review/";

/// What a person said of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    /// It is good.
    Approved,
    /// It has to change.
    ChangesRequested,
}

/// A review as it is stored. It is about the code of its commit.
#[derive(Debug, Serialize, Deserialize)]
struct StoredReview {
    by: String,
    said: Said,
    comment: String,
}

/// A person's review of a commit. A later one of the same person takes its place.
pub(crate) fn review_row(
    by: &str,
    said: Said,
    comment: &str,
    commit: &ObjectId,
    now: UnixMs,
) -> EvidenceRow {
    let stored = StoredReview {
        by: by.to_owned(),
        said,
        comment: comment.to_owned(),
    };
    EvidenceRow {
        name: format!("{REVIEWS}{by}"),
        sha: commit.to_string(),
        obtained_ms: now,
        content: serde_json::to_string(&stored).unwrap_or_default(),
    }
}

/// The reviews among evidence, as a gate sees them that judges `head`; one that cannot be read is none.
pub(crate) fn reviews_of(rows: &[EvidenceRow], head: &ObjectId) -> Vec<Review> {
    let named = rows.iter().filter(|row| row.name.starts_with(REVIEWS));
    let review = |row: &EvidenceRow| {
        let stored: StoredReview = serde_json::from_str(&row.content).ok()?;
        Some(Review {
            author: stored.by,
            state: match stored.said {
                Said::Approved => ReviewState::Approved,
                Said::ChangesRequested => ReviewState::ChangesRequested,
            },
            stale: row.sha != head.as_str(),
        })
    };
    named.filter_map(review).collect()
}

/// Name of the evidence that holds what a person let go to production.
pub(crate) const DEPLOY_APPROVAL: &str = "approval/deploy";

/// What a person let go to production, as it is stored; its commit stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredApproval {
    pub(crate) by: String,
    /// The branch that it lands on.
    pub(crate) base: String,
    /// The hook that deploys it; none if nothing does.
    pub(crate) hook: Option<String>,
    /// Tier of the change, if nobody was asked because it is below what persons are asked about. Then `by` is the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_asked: Option<Tier>,
}

impl StoredApproval {
    /// It, about a commit.
    pub(crate) fn row(&self, commit: &ObjectId, now: UnixMs) -> EvidenceRow {
        EvidenceRow {
            name: DEPLOY_APPROVAL.to_owned(),
            sha: commit.to_string(),
            obtained_ms: now,
            content: serde_json::to_string(self).unwrap_or_default(),
        }
    }
}

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
    /// Why it says nothing of the commit, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inability: Option<String>,
    /// Which tests failed and how many ran, by what the run printed and left: for people and for comparing.
    #[serde(default)]
    pub(crate) failed: FailedTests,
    /// How many tests ran on its base, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_ran: Option<u64>,
    /// Tests that failed at first and not when all were run again; each is known to fail now and then on the base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) flaky: Vec<String>,
}

impl StoredRun {
    /// Why it says nothing of the commit; none if it does.
    pub(crate) fn inability(&self) -> Option<Inability> {
        self.inability.as_deref().and_then(Inability::parse)
    }

    /// How the commit stands by it.
    pub(crate) fn state(&self) -> TestState {
        match (self.passed, self.inability()) {
            (true, _) => TestState::Passed,
            (false, Some(_)) => TestState::Unable,
            (false, None) => TestState::Failed,
        }
    }
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
            inability: None,
            failed: FailedTests::default(),
            base_ran: None,
            flaky: Vec::new(),
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
