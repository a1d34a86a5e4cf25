//! Tests that fail now and then: seen on the base, and excused on a branch by nothing but a whole run that passes.
//!
//! Names are printed by what is judged. Here they can earn a branch another run of all of its tests, within a bound; what
//! makes it green is the exit code of that run ([why](../../../../docs/adr/0046-flaky-tests-are-seen-on-the-base.md)).

use orch_config::CiConfig;
use orch_domain::commit_test::TestState;
use orch_domain::id::{ObjectId, RepoName, TaskId};

use super::base::Bases;
use super::checkout::{Tested, Whose};
use crate::ledger::repos::Repo;

impl Bases {
    /// Tests a commit of a task; once more, and within the bound of `ci.flaky_reruns`, if only tests failed that are
    /// known to fail now and then on the base. A test that is new on the branch is never one.
    pub(super) async fn test_branch(
        &self,
        repo: &Repo,
        sha: &ObjectId,
        ci: &CiConfig,
        task: TaskId,
    ) -> anyhow::Result<Tested> {
        let whose = Whose::Branch(task);
        let mut tested = self.checkouts.test(repo, sha, ci, whose).await?;
        if tested.run.state() != TestState::Failed || ci.flaky_reruns == 0 {
            return Ok(tested);
        }
        let (name, now) = (RepoName::new(repo.name.clone())?, self.ledger.now());
        let read = self
            .ledger
            .read(|tx| Box::pin(async move { tx.flaky_tests(&name, now).await }));
        let known = read.await?;
        let mut flaky: Vec<String> = Vec::new();
        for _ in 0..ci.flaky_reruns {
            let run = &tested.run;
            if run.state() != TestState::Failed || !run.failed.are_all_of(&known) {
                break;
            }
            for name in &run.failed.names {
                if !flaky.contains(name) {
                    flaky.push(name.clone());
                }
            }
            tracing::info!(repo = repo.name, sha = %sha, count = flaky.len(), "tested again: only tests failed that do so now and then");
            tested = self.checkouts.test(repo, sha, ci, whose).await?;
        }
        if tested.run.passed && !flaky.is_empty() {
            tested.run.output_tail.insert_str(0, &mark(&flaky));
            tested.run.flaky = flaky;
        }
        Ok(tested)
    }

    /// Tests a commit of the base; twice if it fails. What failed in one of the two runs only is known from then on.
    pub(super) async fn test_base(
        &self,
        repo: &Repo,
        commit: &ObjectId,
        ci: &CiConfig,
    ) -> anyhow::Result<Tested> {
        let first = self.checkouts.test(repo, commit, ci, Whose::Base).await?;
        if first.run.state() != TestState::Failed || first.run.failed.names.is_empty() {
            return Ok(first);
        }
        let mut again = self.checkouts.test(repo, commit, ci, Whose::Base).await?;
        if again.run.state() == TestState::Unable {
            return Ok(first);
        }
        let flaky = first.run.failed.only_in_one(&again.run.failed);
        if flaky.is_empty() {
            return Ok(again);
        }
        let (name, now, names) = (
            RepoName::new(repo.name.clone())?,
            self.ledger.now(),
            flaky.clone(),
        );
        self.ledger
            .write(move |tx| Box::pin(async move { tx.put_flaky_tests(&name, &names, now).await }))
            .await?;
        tracing::warn!(repo = repo.name, sha = %commit, count = flaky.len(), "tests of the base fail now and then");
        if again.run.passed {
            again.run.output_tail.insert_str(0, &mark(&flaky));
        }
        Ok(again)
    }
}

/// What a run that passed says of those that failed before it.
fn mark(flaky: &[String]) -> String {
    let names: Vec<String> = flaky.iter().map(|name| format!("- {name}")).collect();
    format!(
        "Passed when run again. These fail now and then on the base, and had failed:\n{}\n",
        names.join("\n")
    )
}
