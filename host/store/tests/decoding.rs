//! Columns that hold a word of a closed list: whoever reads one that this version does not know is told where it
//! stands and what it says.

#[expect(dead_code, reason = "the fixture has more than these tests need")]
#[path = "qualification/fixture.rs"]
mod fixture;

use orch_domain::event::EventKind;
use orch_domain::id::{EvaluationId, TaskId};
use orch_domain::outcome::RunEnding;
use orch_domain::pipeline::Mode;
use orch_domain::risk::{Reason, RecordedRisk, Risk, RiskReason, Tier};
use orch_domain::stage::{Role, RunRole, Stage};
use orch_domain::verdict::{EvaluationOutcome, InconclusiveReason};
use orch_store::{NewEvaluation, NewJob, NewRun, ReuseKey, RunEnd, StoreError};

use fixture::{Shop, job};

fn evaluation(task: TaskId) -> NewEvaluation {
    NewEvaluation {
        task,
        key: ReuseKey {
            entry: "ci-green".into(),
            gate_digest: "g".into(),
            settings_digest: "s".into(),
            code_tree: "t".into(),
            base_sha: "b".into(),
            artefacts_digest: "a".into(),
        },
        gate: "ci".into(),
        gate_version: "1".into(),
        mode: Mode::Enforce,
        stage: Stage::Review,
        attempt: 1,
        head_sha: "h".into(),
        decision: EvaluationOutcome::Inconclusive,
        reason: Some(InconclusiveReason::Trap),
        summary: String::new(),
        artefact: String::new(),
        elapsed_us: 1,
        host_calls: 1,
        reused_from: None,
        risk: Some(risk()),
    }
}

fn risk() -> RecordedRisk {
    let reason = Reason {
        why: RiskReason::Guard,
        path: Some("Jenkinsfile".into()),
        count: None,
    };
    RecordedRisk {
        risk: Risk {
            tier: Tier::High,
            reasons: vec![reason],
            more: 0,
        },
        not_asked_below: None,
    }
}

/// A task with a job, a run that ended, an evaluation and an event.
async fn filled() -> (Shop, TaskId) {
    let shop = Shop::open().await;
    let task = shop.task("S-1").await;
    let queued = NewJob {
        task: Some(task),
        ..job(0)
    };
    let id = shop.queue(vec![queued], 1).await[0];
    let written = shop.store.write(move |tx| {
        Box::pin(async move {
            let run = NewRun {
                job: id,
                task,
                role: RunRole::Role(Role::Tester),
                agent: "script".into(),
                stage: Stage::Testing,
                attempt: 1,
                folder: "/runs/1".into(),
                reserved_usd: 0.0,
            };
            let run = tx.insert_run(&run, 1).await?;
            let end = RunEnd::of(RunEnding::Killed, "killed(wall)");
            assert!(tx.finalise_run(run, &end, 2).await?);
            let (path, blob) = ("05-code-review.md", "1");
            tx.record_provenance(task, path, blob, Role::Reviewer, run)
                .await?;
            tx.insert_evaluation(&evaluation(task), 3).await?;
            tx.append_event(Some(task), EventKind::Created, "ann", "{}", 4)
                .await
        })
    });
    written.await.expect("written");
    (shop, task)
}

/// Everything of a task that a view reads.
async fn read(shop: &Shop, task: TaskId) -> Result<(), StoreError> {
    let read = shop.store.read(move |tx| {
        Box::pin(async move {
            tx.task(task).await?;
            tx.live_jobs(task).await?;
            let runs = tx.runs(task).await?;
            assert_eq!(runs[0].role, RunRole::Role(Role::Tester));
            assert_eq!(runs[0].outcome, Some(RunEnding::Killed));
            let left = tx.provenance(task).await?;
            assert_eq!(left[0].role, Role::Reviewer);
            tx.evaluation(EvaluationId(1)).await?;
            let (evaluations, _) = tx.latest_evaluations(task, 5).await?;
            assert_eq!(evaluations[0].decision, EvaluationOutcome::Inconclusive);
            assert_eq!(evaluations[0].reason, Some(InconclusiveReason::Trap));
            assert_eq!(evaluations[0].risk, Some(risk()));
            assert_eq!(tx.latest_risk(task).await?, Some(risk().risk));
            tx.decisions_of("ci", 5).await?;
            tx.events(task, 0, 5).await.map(|_| ())
        })
    });
    read.await
}

#[tokio::test]
async fn unknown_word_is_an_error_that_names_table_row_and_value() {
    let columns = [
        ("tasks", "stage"),
        ("tasks", "status"),
        ("jobs", "kind"),
        ("runs", "role"),
        ("runs", "stage"),
        ("runs", "outcome"),
        ("evaluations", "mode"),
        ("evaluations", "stage"),
        ("evaluations", "decision"),
        ("evaluations", "reason"),
        ("evaluations", "risk"),
        ("events", "kind"),
        ("provenance", "role"),
    ];
    for (table, column) in columns {
        let (shop, task) = filled().await;
        read(&shop, task).await.expect("what was written is known");
        let mut beside = shop.beside().await;
        let change = format!(
            "DROP TRIGGER events_do_not_change; UPDATE {table} SET {column} = 'of-tomorrow'"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(change))
            .execute(&mut beside)
            .await
            .expect("it is written");
        let error = read(&shop, task).await.expect_err(column).to_string();
        let row = match table {
            "provenance" => format!("{task}/05-code-review.md"),
            _ => "1".to_owned(),
        };
        let named = format!("table `{table}`, row {row}: `of-tomorrow` is not a known");
        assert!(error.contains(&named), "{table}.{column}: {error}");
    }
}
