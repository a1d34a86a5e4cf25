//! What follows when all is known of a batch: who goes on, who goes back, and what each is told.

use orch_domain::id::TaskId;
use orch_domain::imports::{CatchUp, MergeLease as Lease, Preparation, TestRun};
use orch_domain::transition::{Event, WorkFailure};
use orch_reports::FailedTests;
use orch_store::{Batch, BatchMember, BatchRun, EvidenceRow};

use super::{BatchStep, Leader, WORK};
use crate::ledger::batches::{Passed, TestedBatch};
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::{LOCAL_TESTS, PREPARATION, StoredRun, write_preparation};

impl BatchStep {
    /// All is known: those that passed go on together, the one that turned the tests red goes back.
    pub(super) async fn known(
        &self,
        leader: Leader<'_>,
        batch: &Batch,
        green: usize,
        bad: Option<usize>,
    ) -> anyhow::Result<Ending> {
        let members: Vec<&BatchMember> = batch.landing().collect();
        let run = batch.runs.iter().find(|r| r.run.first == green);
        let mut passed = Vec::new();
        for (at, member) in members.iter().take(green).enumerate() {
            let Some(run) = run else { break };
            let last = at + 1 == green;
            passed.push(self.passed(leader, batch, member, run, last));
        }
        let own = leader.record.task.id;
        let mut event = Event::WorkDone {
            work: WORK,
            head: None,
        };
        let mut blamed = None;
        if let Some(member) = bad.and_then(|at| members.get(at)) {
            let names = self.names(&members[..green]).await?;
            let findings = findings(batch, green, &names);
            if member.task == own {
                let findings = findings.clone();
                let failure = WorkFailure::Rework { findings };
                event = Event::WorkFailed {
                    work: WORK,
                    failure,
                };
            }
            blamed = Some((member.task, findings));
        }
        let after = bad.map_or(members.len(), |at| at + 1);
        let tested = TestedBatch {
            batch: batch.id,
            passed,
            bad: blamed,
            left: members.iter().skip(after).map(|m| m.task).collect(),
        };
        tracing::info!(
            batch.id = batch.id.0,
            count = green,
            task.id = tested.bad.as_ref().map(|(task, _)| task.0),
            "a batch is told apart"
        );
        let also = vec![Write::BatchTested(Box::new(tested))];
        Ok(Ending::Event { event, also })
    }

    /// What is known of a member whose commits passed with all below and above it.
    fn passed(
        &self,
        leader: Leader<'_>,
        batch: &Batch,
        member: &BatchMember,
        run: &BatchRun,
        last: bool,
    ) -> Passed {
        let (of, has_tests) = (run.run.first, leader.effective.ci.is_some());
        let stored = StoredRun {
            passed: true,
            exit_code: run.exit_code,
            output_tail: match last {
                true => run.output_tail.clone(),
                false => format!(
                    "tested with the {of} tasks of batch {} as {}\n{}",
                    batch.id, run.sha, run.output_tail
                ),
            },
            duration_ms: run.duration_ms,
            inability: None,
            failed: FailedTests::default(),
            base_ran: None,
            flaky: Vec::new(),
        };
        let preparation = Preparation {
            lease: Lease::Held,
            head_sha: member.tip.to_string(),
            base_sha: member.below.to_string(),
            catch_up: Some(match member.tip == member.head {
                true => CatchUp::UpToDate,
                false => CatchUp::Rebased(member.tip.to_string()),
            }),
            // What others tested is no test of the host's.
            retest: has_tests.then(|| TestRun {
                passed: true,
                exit_code: stored.exit_code,
                output_tail: stored.output_tail.clone(),
                duration_ms: stored.duration_ms,
            }),
        };
        let row = |name: &str, content: String| EvidenceRow {
            name: name.to_owned(),
            sha: member.tip.to_string(),
            obtained_ms: self.ledger.now(),
            content,
        };
        let mut evidence = vec![row(
            PREPARATION,
            write_preparation(&preparation, Some(batch.id)),
        )];
        if last && has_tests {
            // Exactly this commit was tested; the others were in it.
            let content = serde_json::to_string(&stored).unwrap_or_default();
            evidence.push(row(LOCAL_TESTS, content));
        }
        Passed {
            task: member.task,
            head: member.head.clone(),
            evidence,
        }
    }

    /// What people call the tasks of these members.
    async fn names(&self, members: &[&BatchMember]) -> anyhow::Result<Vec<String>> {
        let ids: Vec<TaskId> = members.iter().map(|member| member.task).collect();
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let mut names = Vec::new();
                for id in ids {
                    names.push(tx.task(id).await?.task.work_item.to_string());
                }
                Ok(names)
            })
        });
        Ok(read.await?)
    }
}

/// What the one that turned the tests red is told.
fn findings(batch: &Batch, green: usize, below: &[String]) -> String {
    let place = match below {
        [] => format!("on {}", batch.base),
        below => format!(
            "on {} with {}, which are about to land before it and pass without it",
            batch.base,
            below.join(", ")
        ),
    };
    let red = batch.runs.iter().filter(|r| !r.run.passed);
    let Some(ran) = red.min_by_key(|r| r.run.first) else {
        return format!("The tests are red {place}.");
    };
    let how = match ran.run.first == green + 1 {
        true => "The re-test is red".to_owned(),
        // Told from the runs around it.
        false => format!(
            "The re-test of the first {} of batch {} is red",
            ran.run.first, batch.id
        ),
    };
    format!(
        "{how} {place}; it ends with {}:\n{}",
        ran.exit_code, ran.output_tail
    )
}
