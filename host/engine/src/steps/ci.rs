//! Tests a commit: the local forge's CI.

use anyhow::Context;
use orch_config::LOCAL_CI_CONTEXT;
use orch_domain::commit_test::Inability;
use orch_domain::id::{ObjectId, UnixMs};
use orch_domain::message::StatusNote;
use orch_domain::notice::NoticeKind;
use orch_store::{ClaimedJob, EvidenceRow};
use serde::Deserialize;

use super::base::Bases;
use super::checkout::Tested;
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::LOCAL_TESTS;
use crate::ledger::repos::Repos;

/// Name of the evidence with the report of the covered lines.
const COVERAGE: &str = "ci/coverage";
/// Tries of tests that cannot be run.
const TRIES_MAX: i64 = 2;
/// How often people are told that a repository's tests cannot be run, milliseconds.
const TOLD_EVERY_MS: i64 = 3_600_000;

#[derive(Deserialize)]
struct Payload {
    sha: String,
}

/// Runs a repository's tests on one commit and posts the status.
#[derive(Debug, Clone)]
pub(super) struct CiStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) bases: Bases,
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
        let bases = &self.bases;
        let mut tested = bases.test_branch(repo, &sha, &ci, record.task.id).await?;
        let is_last_try = job.attempt >= TRIES_MAX;
        bases
            .compare(repo, &sha, &ci, &mut tested.run, is_last_try)
            .await?;
        // That the base fails is known, and told, already.
        let inability = tested.run.inability();
        let inability = inability.filter(|inability| *inability != Inability::BaseFails);
        if let Some(inability) = inability
            && !is_last_try
        {
            anyhow::bail!("the tests could not be run ({inability})");
        }
        let state = tested.run.state();
        tracing::info!(repo = repo.name, sha = %sha, state = state.as_str(), "CI ended");
        let told = inability.map(|inability| {
            let key = format!(
                "ci-unable:{}:{inability}:{}",
                repo.name,
                self.ledger.now() / TOLD_EVERY_MS
            );
            let of = format!("repository {}", repo.name);
            Write::Announce {
                key,
                kind: NoticeKind::LaunchRefused {
                    reason: format!(
                        "{of}: the tests of its branches cannot be run ({inability}); {}",
                        inability.remedy()
                    ),
                    of,
                    check: "ci-unable".to_owned(),
                },
            }
        });
        let mut also = record_run(&sha, tested, self.ledger.now());
        also.extend(told);
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
            state: run.state(),
            note: match run.flaky.is_empty() {
                true => StatusNote::Ended {
                    exit_code: run.exit_code,
                },
                false => StatusNote::PassedAgain {
                    flaky: u32::try_from(run.flaky.len()).unwrap_or(u32::MAX),
                },
            },
        },
        evidence(LOCAL_TESTS, serde_json::to_string(&run).unwrap_or_default()),
        evidence(&format!("ci/{LOCAL_CI_CONTEXT}"), run.output_tail),
    ];
    writes.extend(coverage.map(|report| evidence(COVERAGE, report)));
    writes
}
