//! Deploys to staging, runs the suite, writes `15-staging-log.md`. The gate judges; nothing is judged here.

use std::fmt::Write as _;
use std::time::Duration;

use orch_config::StagingConfig;
use orch_domain::artefact::STAGING_LOG;
use orch_domain::pipeline::HostWork;
use orch_domain::transition::{Event, WorkFailure};
use orch_process::{Finished, Spec};
use orch_store::ClaimedJob;

use super::checkout::{Checkouts, plain_environment};
use crate::ledger::Ledger;
use crate::ledger::clock;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::repos::Repos;

/// Bytes of each command's output in the log.
const TAIL_BYTES: usize = 4 * 1024;

/// Deploys to staging and runs the staging suite.
#[derive(Debug, Clone)]
pub(super) struct StagingStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) checkouts: Checkouts,
}

impl StagingStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let record = self.ledger.record(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let Some(staging) = &repo.config.staging else {
            let detail = format!(
                "repository `{}` has no staging; set `repositories.{}.staging`, or give stage `deploy-staging` a pipeline without it",
                repo.name, repo.name
            );
            return Ok(Ending::failed(
                HostWork::Staging,
                WorkFailure::Config { detail },
            ));
        };
        let base = repo.base_tip().await?;
        let head = record.task.head.clone().unwrap_or(base);
        let folder = self.checkouts.make(repo, &head).await?;
        let tree = folder.path().join("tree");
        let hook = async |text: &str| {
            let timeout = Duration::from_secs(u64::from(staging.timeout_s));
            let spec = plain_environment(Spec::shell(text, &tree, timeout), &folder)
                .env("EXPECTED_REVISION", head.to_string())
                .env("ORCH_BASE_URL", staging.base_url.clone());
            let task = record.task.id;
            self.checkouts.hook(repo, task, &folder, text, spec).await
        };
        let deployed = hook(&staging.hook).await?;
        let mut checks = Vec::new();
        if deployed.success() {
            for check in &staging.suite {
                checks.push((check, hook(&check.run).await?));
            }
        }
        if let Some(text) = &staging.cleanup {
            let cleaned = hook(text).await?;
            if !cleaned.success() {
                tracing::warn!(
                    repo = repo.name,
                    output = cleaned.tail(500),
                    "cleaning up staging failed"
                );
            }
        }
        let content = self.checkouts.masks().text(&log(
            staging,
            &deployed,
            &checks,
            head.as_str(),
            self.ledger.now(),
        ));
        Ok(Ending::Event {
            event: Event::WorkDone {
                work: HostWork::Staging,
                head: None,
            },
            also: vec![Write::HostArtefact {
                name: STAGING_LOG.to_owned(),
                content,
            }],
        })
    }
}

/// The staging log. Checks of the infrastructure are waived only when every real check is green.
fn log(
    staging: &StagingConfig,
    deployed: &Finished,
    checks: &[(&orch_config::SuiteCheck, Finished)],
    head: &str,
    now: i64,
) -> String {
    let of_change: Vec<bool> = checks
        .iter()
        .filter(|(check, _)| !check.sandbox_infra)
        .map(|(_, done)| done.success())
        .collect();
    let has_real = checks.is_empty() || !of_change.is_empty();
    let real_green = is_green(checks.len(), &of_change);
    let success = deployed.success() && real_green;
    let mut text = format!(
        "---\nstaging_status: {}\ntimestamp: {}\nbase_url: {}\nrevision: {head}\n---\n\n# Staging\n\n- {} deploy: exit {}\n",
        if success { "SUCCESS" } else { "FAILED" },
        orch_frontmatter::render_scalar(&clock::stamp(now)),
        orch_frontmatter::render_scalar(&staging.base_url),
        if deployed.success() {
            "PASSED"
        } else {
            "FAILED"
        },
        deployed.exit.code(),
    );
    for (check, done) in checks {
        let class = if check.sandbox_infra {
            "SANDBOX_INFRA"
        } else {
            "REAL"
        };
        let word = match (done.success(), check.sandbox_infra && real_green) {
            (true, _) => "PASSED",
            (false, true) => "INFRA-WAIVED",
            (false, false) => "FAILED",
        };
        // Writing to a String cannot fail.
        writeln!(
            text,
            "- {word} {} ({class}): exit {}",
            check.name,
            done.exit.code()
        )
        .ok();
    }
    if !has_real {
        text.push_str("\nNo check of the suite is about the change itself.\n");
    }
    let failed = std::iter::once(("deploy", deployed))
        .chain(checks.iter().map(|(c, d)| (c.name.as_str(), d)));
    for (name, done) in failed.filter(|(_, done)| !done.success()) {
        writeln!(text, "\n## Output of {name}\n\n{}", done.tail(TAIL_BYTES)).ok();
    }
    text
}

/// Whether the checks about the change are green. A suite that looks at the infrastructure alone says nothing of the
/// change, however green it is.
fn is_green(suite: usize, of_change: &[bool]) -> bool {
    let has_any = suite == 0 || !of_change.is_empty();
    has_any && of_change.iter().all(|green| *green)
}

#[cfg(test)]
mod tests {
    use super::is_green;

    #[test]
    fn suite_without_a_check_of_the_change_is_no_success() {
        assert!(is_green(2, &[true]));
        assert!(!is_green(2, &[true, false]));
        assert!(!is_green(2, &[]), "nothing but the infrastructure");
        assert!(is_green(0, &[]), "the deploy alone was asked for");
    }
}
