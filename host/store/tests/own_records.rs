//! Claims about what the host goes by apart from what its forge and tracker show, on real files.

use orch_domain::commit_test::TestState;
use orch_domain::event::EventKind;
use orch_domain::id::{EntryId, ObjectId, RepoName, TaskId, WorkItem};
use orch_domain::issue::TrackerState;
use orch_domain::pipeline::Mode;
use orch_domain::stage::Stage;
use orch_domain::verdict::EvaluationOutcome;
use orch_store::{
    BoxFuture, Landing, NewEvaluation, NewTask, Owner, ReuseKey, Store, StoreError, TaskBranch, Tx,
};

struct Site {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
        Self {
            _folder: folder,
            store: store.expect("the store opens"),
        }
    }

    async fn write<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.store.write(work).await.expect("written")
    }

    async fn task(&self, item: &str) -> TaskId {
        let new = NewTask {
            work_item: WorkItem::new(item).expect("an item"),
            repo: shop(),
            title: "t".into(),
            body: "b".into(),
            author: "ann".into(),
            branch: format!("orch/{item}"),
            base_branch: "main".into(),
            config: "{}".into(),
            config_digest: "d".into(),
            rework_rounds_max: 3,
        };
        self.write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }))
            .await
            .id
    }
}

fn shop() -> RepoName {
    RepoName::new("shop").expect("a name")
}

fn sha(digit: &str) -> ObjectId {
    ObjectId::new(digit.repeat(40)).expect("an id")
}

#[tokio::test]
async fn issue_that_the_host_wants_elsewhere_has_to_be_shown_there_again() {
    let site = Site::new().await;
    let task = site.task("S-1").await;
    let want = async |state| {
        site.write(move |tx| {
            Box::pin(async move {
                tx.set_issue_state(task, state, 1).await?;
                tx.issue_shown_at(task).await
            })
        })
        .await
    };
    let show = async |state, from| {
        site.write(move |tx| {
            Box::pin(async move {
                tx.issue_shown(task, state, from).await?;
                tx.issue_shown_at(task).await
            })
        })
        .await
    };
    assert_eq!(want(TrackerState::NeedsInput).await, None);
    // What the host wanted before says nothing of what it wants now.
    assert_eq!(show(TrackerState::InProgress, 3).await, None);
    assert_eq!(show(TrackerState::NeedsInput, 4).await, Some(4));
    assert_eq!(
        want(TrackerState::NeedsInput).await,
        Some(4),
        "it stands there"
    );
    assert_eq!(want(TrackerState::Approved).await, None);
    assert_eq!(want(TrackerState::NeedsInput).await, None);
}

#[tokio::test]
async fn task_that_began_here_is_found_by_its_own_issue_and_no_other() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    let found = site.write(move |tx| {
        Box::pin(async move {
            tx.set_issue_state(first, TrackerState::InProgress, 1)
                .await?;
            let (at, other) = (tx.issue_at(first).await?, tx.issue_at(second).await?);
            Ok((
                at.to_owned(),
                tx.task_of_issue(&at).await?,
                tx.task_of_issue(&other).await?,
            ))
        })
    });
    let (at, of_first, of_second) = found.await;
    assert_eq!(at.tracker.as_str(), orch_store::OWN_TRACKER);
    assert_eq!(at.issue.as_str(), first.to_string());
    assert_eq!(
        (of_first, of_second),
        (Some(first), None),
        "the other has none yet"
    );
}

#[tokio::test]
async fn branch_lands_at_most_once_and_keeps_the_number_of_its_pull_request() {
    let site = Site::new().await;
    let task = site.task("S-1").await;
    site.write(move |tx| {
        Box::pin(async move {
            for _ in 0..2 {
                tx.record_pull_request(task, "b", 1).await?;
            }
            tx.pull_request_opened(task, "b", "7").await
        })
    })
    .await;
    let land = async |branch: &'static str, commit: ObjectId| {
        site.write(move |tx| {
            Box::pin(async move { tx.record_landing(task, branch, &commit, 2).await })
        })
        .await
    };
    for _ in 0..2 {
        assert_eq!(land("b", sha("a")).await, Landing::Noted);
    }
    assert_eq!(land("b", sha("b")).await, Landing::AsAnother(sha("a")));
    assert_eq!(
        land("c", sha("c")).await,
        Landing::Noted,
        "without a pull request"
    );
    let branches = site.write(move |tx| Box::pin(tx.task_branches(task))).await;
    let of = |branch: &str, number: Option<&str>, landed| TaskBranch {
        branch: branch.to_owned(),
        pull_request: number.map(str::to_owned),
        landed: Some(landed),
    };
    assert_eq!(
        branches,
        [of("b", Some("7"), sha("a")), of("c", None, sha("c"))]
    );
}

#[tokio::test]
async fn test_that_is_lost_is_asked_for_again_so_often_and_no_more() {
    let site = Site::new().await;
    let ask = async |now| {
        site.write(move |tx| Box::pin(async move { tx.ask_test(&shop(), &sha("a"), now).await }))
            .await;
    };
    let again = async |now| {
        site.write(move |tx| {
            Box::pin(async move { tx.ask_test_again(&shop(), &sha("a"), 2, now).await })
        })
        .await
    };
    let untested = async |before| {
        site.write(move |tx| {
            Box::pin(async move { tx.is_untested(&shop(), &sha("a"), before).await })
        })
        .await
    };
    assert_eq!(again(1).await, None, "nobody asked for it");
    ask(10).await;
    assert!(!untested(10).await && untested(11).await);
    assert_eq!(
        (again(20).await, again(30).await, again(40).await),
        (Some(1), Some(2), None)
    );
    assert!(!untested(30).await && untested(31).await);
    site.write(|tx| {
        Box::pin(async move { tx.end_test(&shop(), &sha("a"), TestState::Failed, 50).await })
    })
    .await;
    assert_eq!(again(60).await, None, "it is answered");
    let state = site
        .write(|tx| Box::pin(async move { tx.test_state(&shop(), &sha("a")).await }))
        .await;
    assert_eq!(state, Some(TestState::Failed));
    // Asked for anew, it may be lost as often again.
    ask(70).await;
    assert_eq!((again(80).await, again(90).await), (Some(1), Some(2)));
}

#[tokio::test]
async fn bases_that_were_merged_into_a_branch_stay_known_whatever_is_judged_later() {
    let site = Site::new().await;
    let (task, other) = (site.task("S-1").await, site.task("S-2").await);
    for (of, digit) in [(task, "a"), (task, "b"), (other, "c")] {
        let data = format!("{{\"head\": \"{}\"}}", sha(digit));
        site.write(move |tx| {
            Box::pin(async move {
                let kind = EventKind::BaseMerged;
                tx.append_event(Some(of), kind, "host", &data, 1)
                    .await
                    .map(|_| ())
            })
        })
        .await;
    }
    let known = site.write(move |tx| Box::pin(tx.judged_bases(task))).await;
    assert_eq!(known, [sha("a"), sha("b")]);
}

fn judged(task: TaskId, entry: &str, head: &str, base: &str) -> NewEvaluation {
    NewEvaluation {
        task,
        key: ReuseKey {
            entry: entry.to_owned(),
            gate_digest: "g".to_owned(),
            settings_digest: "s".to_owned(),
            code_tree: "t".to_owned(),
            base_sha: sha(base).to_string(),
            artefacts_digest: "a".to_owned(),
        },
        gate: entry.to_owned(),
        gate_version: "1".to_owned(),
        mode: Mode::Enforce,
        stage: Stage::Review,
        attempt: 1,
        head_sha: sha(head).to_string(),
        decision: EvaluationOutcome::Pass,
        reason: None,
        summary: String::new(),
        artefact: String::new(),
        elapsed_us: 1,
        host_calls: 1,
        reused_from: None,
        risk: None,
    }
}

#[tokio::test]
async fn bases_from_before_a_move_onto_another_one_count_no_more() {
    let site = Site::new().await;
    let task = site.task("S-1").await;
    let judge = async |entry: &'static str, base: &'static str, now: i64| {
        let new = judged(task, entry, "f", base);
        site.write(move |tx| Box::pin(async move { tx.insert_evaluation(&new, now).await }))
            .await;
    };
    let note = async |kind: EventKind, base: &'static str, now: i64| {
        let data = format!("{{\"head\": \"{}\"}}", sha(base));
        site.write(move |tx| {
            Box::pin(async move {
                let noted = tx.append_event(Some(task), kind, "host", &data, now);
                noted.await.map(|_| ())
            })
        })
        .await;
    };
    let bases = async || site.write(move |tx| Box::pin(tx.judged_bases(task))).await;
    judge("review", "a", 1).await;
    judge("merge", "b", 2).await;
    note(EventKind::BaseMerged, "c", 3).await;
    assert_eq!(bases().await, [sha("a"), sha("b"), sha("c")]);
    note(EventKind::MovedOnto, "d", 4).await;
    assert_eq!(bases().await, [sha("d")], "nobody has judged it there yet");
    judge("review", "e", 5).await;
    note(EventKind::BaseMerged, "f", 6).await;
    assert_eq!(bases().await, [sha("d"), sha("e"), sha("f")]);
}

#[tokio::test]
async fn base_under_a_gate_that_has_judged_again_on_another_one_stays_known() {
    let site = Site::new().await;
    let task = site.task("S-1").await;
    for (base, now) in [("b", 1), ("a", 2)] {
        let new = judged(task, "ci-green", "f", base);
        site.write(move |tx| Box::pin(async move { tx.insert_evaluation(&new, now).await }))
            .await;
    }
    let bases = site.write(move |tx| Box::pin(tx.judged_bases(task))).await;
    assert_eq!(bases, [sha("a"), sha("b")]);
}

#[tokio::test]
async fn latest_decision_is_of_the_entry_the_commit_and_the_task() {
    let site = Site::new().await;
    let (task, other) = (site.task("S-1").await, site.task("S-2").await);
    let passed = judged(task, "merge", "a", "b");
    let failed = NewEvaluation {
        decision: EvaluationOutcome::Fail,
        ..judged(task, "merge", "a", "b")
    };
    for new in [failed, passed] {
        site.write(move |tx| Box::pin(async move { tx.insert_evaluation(&new, 1).await }))
            .await;
    }
    let said = async |of: TaskId, entry: &'static str, head: &'static str| {
        site.write(move |tx| {
            Box::pin(async move {
                let entry = EntryId::new(entry).expect("an entry");
                tx.latest_decision(of, &entry, &sha(head)).await
            })
        })
        .await
    };
    let passed = Some(EvaluationOutcome::Pass);
    assert_eq!(said(task, "merge", "a").await, passed);
    assert_eq!(said(task, "merge", "b").await, None);
    assert_eq!(said(task, "review", "a").await, None);
    assert_eq!(said(other, "merge", "a").await, None);
}
