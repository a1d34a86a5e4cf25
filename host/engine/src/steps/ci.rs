//! Tests a commit: the local forge's CI.

use anyhow::Context;
use orch_config::LOCAL_CI_CONTEXT;
use orch_domain::id::{ObjectId, UnixMs};
use orch_store::{ClaimedJob, EvidenceRow};
use serde::Deserialize;

use super::checkout::{Checkouts, Tested};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::LOCAL_TESTS;
use crate::ledger::repos::Repos;

/// Name of the evidence with the report of the covered lines.
const COVERAGE: &str = "ci/coverage";

#[derive(Deserialize)]
struct Payload {
    sha: String,
}

/// Runs a repository's tests on one commit and posts the status.
#[derive(Debug, Clone)]
pub(super) struct CiStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) checkouts: Checkouts,
}

impl CiStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let payload: Payload = serde_json::from_str(&job.payload).context("payload of a CI job")?;
        let sha = ObjectId::new(payload.sha)?;
        // A commit that somebody else pushed may not be in the mirror yet.
        repo.base_tip().await?;
        let ci = effective.ci.context("the repository has no test command")?;
        let tested = self.checkouts.test(repo, &sha, &ci).await?;
        tracing::info!(repo = repo.name, sha = %sha, passed = tested.run.passed, "CI ended");
        let mut also = record_run(&sha, tested, self.ledger.now());
        // Whoever waits for this commit may look again at once.
        also.push(Write::WakeTask);
        Ok(Ending::Quiet { also })
    }
}

/// Posts the status of a tested commit and keeps the run as evidence.
pub(super) fn record_run(sha: &ObjectId, tested: Tested, now: UnixMs) -> Vec<Write> {
    let Tested { run, coverage } = tested;
    let evidence = |name: &str, content: String| {
        Write::Evidence(EvidenceRow {
            name: name.to_owned(),
            sha: sha.to_string(),
            obtained_ms: now,
            content,
        })
    };
    let mut writes = vec![
        Write::TestEnded {
            sha: sha.clone(),
            passed: run.passed,
            exit_code: run.exit_code,
        },
        evidence(LOCAL_TESTS, serde_json::to_string(&run).unwrap_or_default()),
        evidence(&format!("ci/{LOCAL_CI_CONTEXT}"), run.output_tail),
    ];
    writes.extend(coverage.map(|report| evidence(COVERAGE, report)));
    writes
}
