//! The last steps before production: prepare the commit that would land, and land exactly that commit.

use orch_agents::workspace::{Trailers, bot, commit_message};
use orch_domain::artefact;
use orch_domain::id::ObjectId;
use orch_domain::imports::{CatchUp, MergeLease, Preparation, TestRun};
use orch_domain::pipeline::HostWork;
use orch_domain::transition::{Event, WorkFailure};
use orch_process::git::{CatchUpOutcome, RefOutcome};
use orch_store::{AcquireOutcome, ClaimedJob, EvidenceRow, MergeMark, StoreError, TaskRecord};

use super::gate::Subject;
use super::{image, overtaken};
use crate::apply::merge_lease;
use crate::ci::{Tested, record_run, test_commit};
use crate::engine::{Engine, Repo};
use crate::forge::{PREPARATION, StoredRun, read_preparation, write_preparation};
use orch_config::Effective;

/// How long to wait before asking for a taken lease again; giving it back wakes the waiter anyway.
const BUSY_MS: u64 = 15_000;

/// Prepares the merge: lease, artefacts, catch-up, push, re-test. The `merge` gate judges the result.
pub(super) async fn prepare(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, effective) = engine.subject(job).await?;
    let task = record.task.id;
    let work = HostWork::MergePrepare;
    let failed = |failure| Event::WorkFailed { work, failure };
    match acquire(engine, job, &record).await? {
        AcquireOutcome::Held { .. } => {}
        AcquireOutcome::Busy { holder, .. } => {
            let holder = engine
                .0
                .store
                .read(|tx| Box::pin(tx.task(holder)))
                .await?
                .task
                .work_item;
            let reason = format!("the merge lease, held by {holder}");
            let event = failed(WorkFailure::Wait {
                after_ms: BUSY_MS,
                reason,
            });
            return engine.finish(job, event, super::nothing()).await;
        }
    }
    let base = repo.base_tip().await?;
    let Some(head) = record.task.head.clone() else {
        let detail = "the task has no commit to land".to_owned();
        return engine
            .finish(
                job,
                failed(WorkFailure::Config { detail }),
                super::nothing(),
            )
            .await;
    };
    let present = repo
        .forge
        .resolve(&format!("refs/heads/{}", record.branch))
        .await?;
    let intended = intent(engine, &record).await?;
    if present.as_ref() != Some(&head) && present != intended {
        let Some(head) = present else {
            let detail = format!("branch `{}` is gone", record.branch);
            let event = failed(WorkFailure::Config { detail });
            return engine.finish(job, event, super::nothing()).await;
        };
        let extra = super::agent::tested(
            engine,
            &record,
            effective.ci.is_some().then(|| head.clone()),
        );
        return engine.finish(job, Event::ForeignPush { head }, extra).await;
    }
    let with_artefacts = commit_artefacts(engine, &record, repo, &head).await?;
    let (catch_up, tip) = match repo
        .mirror
        .catch_up(&with_artefacts, &base, &bot(record.updated_ms))
        .await?
    {
        CatchUpOutcome::UpToDate => (CatchUp::UpToDate, with_artefacts),
        CatchUpOutcome::Rebased(tip) => (CatchUp::Rebased(tip.to_string()), tip),
        CatchUpOutcome::Conflict(files) => {
            let preparation = Preparation {
                lease: MergeLease::Held,
                head_sha: head.to_string(),
                base_sha: base.to_string(),
                catch_up: Some(CatchUp::Conflict(files)),
                retest: None,
            };
            let extra = store(engine, &record, &preparation);
            return engine
                .finish(job, Event::WorkDone { work, head: None }, extra)
                .await;
        }
    };
    engine
        .note(task, super::MERGE_INTENT, super::intent(&tip))
        .await?;
    match repo
        .mirror
        .push(repo.forge.git_dir(), &tip, &record.branch, present.as_ref())
        .await?
    {
        RefOutcome::Done => {}
        RefOutcome::Refused { actual } => {
            let detail = format!("branch `{}` moved to {actual:?} meanwhile", record.branch);
            return engine
                .finish(job, failed(WorkFailure::Infra { detail }), super::nothing())
                .await;
        }
    }
    let prove = async {
        let tested = retest(engine, &record, repo, &effective, &tip).await?;
        // An image of a commit that does not land is no use.
        let image = match tested.run.passed {
            true => image::look(engine, &record, repo, &tip).await?,
            false => None,
        };
        anyhow::Ok((tested, image))
    };
    let (tested, image) = tokio::select! {
        proved = prove => proved?,
        error = keep_lease(engine, job, &record) => return Err(error),
    };
    let (now, ttl) = (engine.now(), engine.config().merge_lock_timeout_ms());
    let kept = engine
        .0
        .store
        .write({
            let lease = merge_lease(&repo.name);
            let key = job.key;
            move |tx| Box::pin(async move { tx.renew_lease(&lease, key, now, ttl).await })
        })
        .await?;
    if !kept {
        let detail = "the merge lease expired during the re-test".to_owned();
        return engine
            .finish(job, failed(WorkFailure::Infra { detail }), super::nothing())
            .await;
    }
    let preparation = Preparation {
        lease: MergeLease::Held,
        head_sha: tip.to_string(),
        base_sha: base.to_string(),
        catch_up: Some(catch_up),
        retest: Some(TestRun {
            passed: tested.run.passed,
            exit_code: tested.run.exit_code,
            output_tail: tested.run.output_tail.clone(),
            duration_ms: tested.run.duration_ms,
        }),
    };
    let stored = store(engine, &record, &preparation);
    let recorded = effective
        .ci
        .is_some()
        .then(|| record_run(repo.name.clone(), task, tip.clone(), tested, now));
    let extra: super::Extra = Box::new(move |tx| {
        Box::pin(async move {
            if let Some(recorded) = recorded {
                recorded(tx).await?;
            }
            if let Some(row) = image {
                tx.put_evidence(task, &row).await?;
            }
            stored(tx).await
        })
    });
    engine
        .finish(
            job,
            Event::WorkDone {
                work,
                head: Some(tip),
            },
            extra,
        )
        .await
}

async fn acquire(
    engine: &Engine,
    job: &ClaimedJob,
    record: &TaskRecord,
) -> anyhow::Result<AcquireOutcome> {
    let lease = merge_lease(record.task.repo.as_str());
    let (task, id, owner, now) = (
        record.task.id,
        job.key.id,
        engine.0.store.owner().clone(),
        engine.now(),
    );
    let ttl = engine.config().merge_lock_timeout_ms();
    let outcome = engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move {
                let outcome = tx.acquire_lease(&lease, task, id, &owner, now, ttl).await?;
                if let AcquireOutcome::Held { epoch, reclaimed_from: Some(from) } = &outcome {
                    let text = format!("lease `{lease}` of task {from} had expired and was reclaimed by task {task}");
                    tx.push_outbox(Some(task), "alert", &format!("reclaim:{lease}:{epoch}"), &text, now).await?;
                }
                Ok(outcome)
            })
        })
        .await?;
    Ok(outcome)
}

/// Renews the merge lease while tests or gates run; ends only when it is lost or the store fails.
async fn keep_lease(engine: &Engine, job: &ClaimedJob, record: &TaskRecord) -> anyhow::Error {
    let key = job.key;
    loop {
        let ttl = engine.config().merge_lock_timeout_ms();
        let pause = u64::try_from(ttl / 5).unwrap_or(1_000);
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        let (lease, now) = (merge_lease(record.task.repo.as_str()), engine.now());
        let renewed = engine
            .0
            .store
            .write(move |tx| Box::pin(async move { tx.renew_lease(&lease, key, now, ttl).await }));
        match renewed.await {
            Ok(true) => {}
            Ok(false) => {
                return anyhow::anyhow!("the merge lease was lost while the merge was under way");
            }
            Err(error) => return error.into(),
        }
    }
}

/// The commit that an earlier try was about to push, if there was one.
async fn intent(engine: &Engine, record: &TaskRecord) -> anyhow::Result<Option<ObjectId>> {
    let id = record.task.id;
    let said = engine
        .0
        .store
        .read(|tx| Box::pin(tx.latest_event(id, super::MERGE_INTENT)))
        .await?;
    Ok(said.as_deref().and_then(super::intended))
}

/// Commits the host's artefacts to the branch, once, in one commit.
async fn commit_artefacts(
    engine: &Engine,
    record: &TaskRecord,
    repo: &Repo,
    head: &ObjectId,
) -> anyhow::Result<ObjectId> {
    let id = record.task.id;
    let list = engine
        .0
        .store
        .read(|tx| Box::pin(tx.host_artefacts(id)))
        .await?;
    let folder = artefact::folder(&record.task.work_item);
    let files: Vec<(String, Option<Vec<u8>>)> = list
        .into_iter()
        .map(|a| (format!("{folder}/{}", a.path), Some(a.content.into_bytes())))
        .collect();
    let tree = repo.mirror.tree_with(head, &files).await?;
    if tree == repo.mirror.tree_of(head).await? {
        return Ok(head.clone());
    }
    let stage = record.task.stage.to_string();
    let trailers = Trailers {
        task: record.task.work_item.as_str(),
        stage: &stage,
        attempt: record.task.attempt(),
        role: "host",
        agent: "host",
    };
    let message = commit_message(
        &format!("{}: artefacts of the host", record.task.work_item),
        &trailers,
    );
    Ok(repo
        .mirror
        .commit(&tree, head, &message, &bot(record.updated_ms))
        .await?)
}

/// Tests the commit that would land, unless it has a pass already.
async fn retest(
    engine: &Engine,
    record: &TaskRecord,
    repo: &Repo,
    effective: &Effective,
    tip: &ObjectId,
) -> anyhow::Result<Tested> {
    let Some(ci) = &effective.ci else {
        let output_tail =
            "the repository says that nothing is tested (`required_contexts: []`)".to_owned();
        let run = StoredRun {
            passed: true,
            exit_code: 0,
            output_tail,
            duration_ms: 0,
        };
        return Ok(Tested {
            run,
            coverage: None,
        });
    };
    let (task, sha) = (record.task.id, tip.to_string());
    let known = engine
        .0
        .store
        .read(|tx| {
            Box::pin(async move { tx.evidence_for(task, crate::forge::LOCAL_TESTS, &sha).await })
        })
        .await?;
    if let Some(run) = known
        .and_then(|row| serde_json::from_str::<StoredRun>(&row.content).ok())
        .filter(|r| r.passed)
    {
        // Its coverage is evidence already.
        return Ok(Tested {
            run,
            coverage: None,
        });
    }
    test_commit(engine, repo, tip, ci).await
}

fn store(engine: &Engine, record: &TaskRecord, preparation: &Preparation) -> super::Extra {
    let row = EvidenceRow {
        name: PREPARATION.to_owned(),
        sha: preparation.head_sha.clone(),
        obtained_ms: engine.now(),
        content: write_preparation(preparation),
    };
    let task = record.task.id;
    Box::new(move |tx| Box::pin(async move { tx.put_evidence(task, &row).await }))
}

/// Moves the base to the prepared commit: by fast-forward, to exactly the tested commit, or not at all.
pub(super) async fn land(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, effective) = engine.subject(job).await?;
    let task = record.task.id;
    let work = HostWork::Land;
    let failed = |failure| Event::WorkFailed { work, failure };
    let lease = merge_lease(&repo.name);
    let now = engine.now();
    let (prepared, holds) = engine
        .0
        .store
        .read(|tx| {
            Box::pin(async move {
                let rows = tx.evidence(task).await?;
                let row = rows.into_iter().find(|row| row.name == PREPARATION);
                Ok((row, tx.holds_lease(&lease, task, now).await?))
            })
        })
        .await?;
    let prepared = prepared.and_then(|row| read_preparation(&row.content).ok());
    let (Some(prepared), Some(head)) = (prepared, record.task.head.clone()) else {
        let failure = WorkFailure::Stale {
            detail: "there is no preparation".to_owned(),
        };
        return engine.finish(job, failed(failure), super::nothing()).await;
    };
    let tested = prepared.retest.as_ref().is_some_and(|run| run.passed);
    if prepared.head_sha != head.as_str() || !tested {
        let failure = WorkFailure::Stale {
            detail: "the preparation is of another commit".to_owned(),
        };
        return engine.finish(job, failed(failure), super::nothing()).await;
    }
    let expected = ObjectId::new(prepared.base_sha.clone())?;
    let name = format!("refs/heads/{}", record.base_branch);
    let at = repo.forge.resolve(&name).await?;
    if at.as_ref() != Some(&head) {
        if !holds {
            let failure = WorkFailure::Stale {
                detail: "the merge lease is no longer held".to_owned(),
            };
            return engine.finish(job, failed(failure), super::nothing()).await;
        }
        let subject = Subject {
            job,
            record: &record,
            repo,
            head: &head,
            base: &expected,
        };
        // No other landing may come between this look and the landing itself, however long the gates take.
        let overtaken = tokio::select! {
            judged = overtaken::judge_again(engine, subject, &effective) => judged?,
            error = keep_lease(engine, job, &record) => return Err(error),
        };
        if let Some(failure) = overtaken {
            return engine.finish(job, failed(failure), super::nothing()).await;
        }
        let data =
            serde_json::json!({"head": head.as_str(), "base": expected.as_str()}).to_string();
        engine.note(task, "land-intent", data).await?;
        match repo.forge.move_ref(&name, &head, &expected).await? {
            RefOutcome::Done => {}
            RefOutcome::Refused { actual } => {
                let detail = format!(
                    "`{}` moved to {actual:?} after the re-test",
                    record.base_branch
                );
                return engine
                    .finish(job, failed(WorkFailure::Stale { detail }), super::nothing())
                    .await;
            }
        }
    }
    tracing::info!(repo = repo.name, sha = %head, base = record.base_branch, "landed");
    let (repo_name, branch, sha) = (repo.name.clone(), record.branch.clone(), head.to_string());
    let extra: super::Extra = Box::new(move |tx| {
        Box::pin(async move {
            let memory = tx.apply_memory(task, &repo_name).await?;
            for key in &memory.overtaken {
                tracing::warn!(
                    task.id = task.0,
                    key,
                    "another landing overtook what a gate wanted to keep; it is dropped"
                );
            }
            match tx.mark_merged(&repo_name, &branch, &sha, now).await? {
                MergeMark::Merged => Ok(()),
                MergeMark::AlreadyMerged(before) if before == sha => Ok(()),
                MergeMark::AlreadyMerged(before) => Err(StoreError::Refused(format!(
                    "the pull request was merged before, as {before}"
                ))),
            }
        })
    });
    engine
        .finish(
            job,
            Event::WorkDone {
                work,
                head: Some(head),
            },
            extra,
        )
        .await
}
