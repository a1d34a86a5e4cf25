//! A commit whose tests did not pass, held against its base: is it the branch's, and what is new in it?
//!
//! What decides is what the host itself saw of both: which command ended, how, and whether it ends so on the base too.
//! The names of failed tests were printed by what is judged. They explain, and they may hand a red commit to a person
//! instead of the developer; they make nothing green ([why](../../../../docs/adr/0035-a-red-branch-is-held-against-its-base.md)).

use orch_config::CiConfig;
use orch_domain::commit_test::{Inability, TestState};
use orch_domain::id::ObjectId;
use orch_reports::FailedTests;
use orch_store::BaseTestRow;

use super::base::Bases;
use crate::ledger::evidence::StoredRun;
use crate::ledger::repos::Repo;

/// What a set-up's failure is begun with that is the branch's.
const OWN_SETUP: &str =
    "The set-up fails on this branch. On its base it works, now and on this machine.\n";

impl Bases {
    /// Says of a run that did not pass whether it says something of the branch, and names what failed. A failed set-up
    /// is looked into at the last try only: most of them are over at the next one.
    pub(super) async fn compare(
        &self,
        repo: &Repo,
        sha: &ObjectId,
        ci: &CiConfig,
        run: &mut StoredRun,
        is_last_try: bool,
    ) -> anyhow::Result<()> {
        if run.passed {
            // Fewer tests than on the base may pass for want of those that would not.
            if run.failed.ran.is_some() {
                run.base_ran = self.count_on_base(repo, sha, ci).await?;
            }
            return Ok(());
        }
        match run.inability() {
            Some(inability) if inability.may_be_the_branchs() => {
                if self.has_passed(repo).await? {
                    run.inability = None;
                }
            }
            Some(Inability::Setup) => {
                if is_last_try && self.setup_is_the_branchs(repo, sha, ci).await? {
                    run.inability = None;
                    run.output_tail.insert_str(0, OWN_SETUP);
                }
            }
            Some(_) => {}
            None => self.compare_failures(repo, sha, ci, run).await?,
        }
        Ok(())
    }

    /// How many tests ran on the base, if it was tested.
    async fn count_on_base(
        &self,
        repo: &Repo,
        sha: &ObjectId,
        ci: &CiConfig,
    ) -> anyhow::Result<Option<u64>> {
        let row = self.known_result(repo, &fork(repo, sha).await?, ci).await?;
        let failed = row.and_then(|row| serde_json::from_str::<FailedTests>(&row.failed).ok());
        Ok(failed.and_then(|failed| failed.ran))
    }

    /// Whether the set-up works on the base, now, and the branch changed what it reads.
    async fn setup_is_the_branchs(
        &self,
        repo: &Repo,
        sha: &ObjectId,
        ci: &CiConfig,
    ) -> anyhow::Result<bool> {
        let base = fork(repo, sha).await?;
        let checkouts = &self.checkouts;
        if base == *sha || checkouts.sets_up_alike(repo, [&base, sha], ci).await? {
            return Ok(false);
        }
        checkouts.can_set_up(repo, &base, ci).await
    }

    async fn compare_failures(
        &self,
        repo: &Repo,
        sha: &ObjectId,
        ci: &CiConfig,
        run: &mut StoredRun,
    ) -> anyhow::Result<()> {
        if run.failed.names.is_empty() {
            return Ok(());
        }
        let row = self.result(repo, &fork(repo, sha).await?, ci).await?;
        let base = known_failures(&row);
        if is_the_bases(run, &row, base.as_ref()) {
            run.inability = Some(Inability::BaseFails.as_str().to_owned());
        }
        let told = run.failed.told(base.as_ref());
        run.output_tail.insert_str(0, &format!("{told}\n"));
        Ok(())
    }
}

/// The commit of the base that a branch stands on.
async fn fork(repo: &Repo, sha: &ObjectId) -> anyhow::Result<ObjectId> {
    let tip = repo.base_tip().await?;
    Ok(repo.mirror.merge_base(&tip, sha).await?)
}

/// Which tests a base failed, if its tests ran and failed.
fn known_failures(row: &BaseTestRow) -> Option<FailedTests> {
    let failed =
        (row.state == TestState::Failed).then(|| serde_json::from_str(&row.failed).ok())?;
    failed.filter(|failed: &FailedTests| !failed.names.is_empty())
}

/// Whether a red run is that of its base over again: it ends the same way, and every failure is one that the base has.
fn is_the_bases(run: &StoredRun, row: &BaseTestRow, base: Option<&FailedTests>) -> bool {
    base.is_some_and(|base| row.exit_code == run.exit_code && run.failed.adds_nothing_to(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(names: &[&str]) -> FailedTests {
        FailedTests {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..FailedTests::default()
        }
    }

    fn row(state: TestState, exit_code: i32, names: &[&str]) -> BaseTestRow {
        let id = || ObjectId::new("1".repeat(40)).unwrap();
        BaseTestRow {
            tree: id(),
            ci: String::new(),
            sha: id(),
            state,
            inability: None,
            exit_code,
            failed: serde_json::to_string(&failed(names)).unwrap(),
            output: String::new(),
            tested_ms: 0,
        }
    }

    #[test]
    fn red_branch_is_the_bases_only_if_the_host_saw_the_base_end_the_same_way() {
        let run = StoredRun {
            passed: false,
            exit_code: 1,
            output_tail: String::new(),
            duration_ms: 0,
            inability: None,
            failed: failed(&["a"]),
            base_ran: None,
            flaky: Vec::new(),
        };
        for (row, expected) in [
            (row(TestState::Failed, 1, &["a", "b"]), true),
            // It prints what the base failed, and ends otherwise.
            (row(TestState::Failed, 2, &["a"]), false),
            (row(TestState::Failed, 1, &["b"]), false),
            (row(TestState::Failed, 1, &[]), false),
            // A base that passed has no failures, whatever was printed there.
            (row(TestState::Passed, 0, &["a"]), false),
            (row(TestState::Unable, 1, &["a"]), false),
        ] {
            let base = known_failures(&row);
            assert_eq!(is_the_bases(&run, &row, base.as_ref()), expected, "{row:?}");
        }
    }
}
