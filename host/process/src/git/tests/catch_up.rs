//! Claims about bringing a branch onto a base that other people move.

use super::super::{Blob, CatchUpOutcome, Git};
use super::{Repo, commit, repo, text, who};
use orch_domain::id::ObjectId;

async fn rebased(git: &Git, tip: &ObjectId, old: &ObjectId, new: &ObjectId) -> ObjectId {
    match git.catch_up(tip, old, new, &who()).await.unwrap() {
        CatchUpOutcome::Rebased(tip) => tip,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn catching_up_keeps_the_work_and_names_conflicts() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let work = commit(&git, &root, "b.txt", "b").await;
    let base = commit(&git, &root, "c.txt", "c").await;
    assert_eq!(
        git.catch_up(&work, &root, &root, &who()).await.unwrap(),
        CatchUpOutcome::UpToDate
    );
    let tip = rebased(&git, &work, &root, &base).await;
    assert!(git.is_ancestor(&base, &tip).await.unwrap());
    assert_eq!(text(&git, &tip, "b.txt").await, Blob::Text("b".into()));
    let mine = commit(&git, &root, "a.txt", "mine\n").await;
    let theirs = commit(&git, &root, "a.txt", "theirs\n").await;
    assert_eq!(
        git.catch_up(&mine, &root, &theirs, &who()).await.unwrap(),
        CatchUpOutcome::Conflict(vec!["a.txt".into()])
    );
}

#[tokio::test]
async fn commit_that_was_taken_out_of_the_base_does_not_come_back_with_a_branch() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let secret = commit(&git, &root, "secret.txt", "s").await;
    let work = commit(&git, &secret, "b.txt", "b").await;
    let without = commit(&git, &root, "c.txt", "c").await;
    for base in [&without, &root] {
        assert_eq!(
            git.catch_up(&work, &secret, base, &who()).await.unwrap(),
            CatchUpOutcome::BaseRewritten,
            "moved on beside it, or back behind it"
        );
    }
}

#[tokio::test]
async fn base_of_another_history_is_not_caught_up_with() {
    let (one, other) = (repo().await, repo().await);
    let alien = commit(&other.git, &other.root, "d.txt", "d").await;
    let tree = other.git.tree_of(&alien).await.unwrap();
    let who = who();
    let orphan = other.git.commit_on(&tree, &[], "another", &who);
    let orphan = orphan.await.unwrap();
    other.git.set_ref("refs/heads/main", &orphan).await.unwrap();
    one.git.fetch(other.git.git_dir()).await.unwrap();
    let work = commit(&one.git, &one.root, "b.txt", "b").await;
    let outcome = one.git.catch_up(&work, &one.root, &orphan, &who);
    assert_eq!(outcome.await.unwrap(), CatchUpOutcome::BaseRewritten);
    let outcome = one.git.catch_up(&orphan, &one.root, &one.root, &who);
    assert_eq!(outcome.await.unwrap(), CatchUpOutcome::OffBase);
}

#[tokio::test]
async fn branch_that_merged_the_base_replays_only_its_own_commits() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let work = commit(&git, &root, "b.txt", "b").await;
    let two = commit(&git, &root, "a.txt", "two\n").await;
    let tree = git.merge_tree(&work, &two).await.unwrap();
    let merged = git
        .commit_on(&tree, &[&work, &two], "merge", &who())
        .await
        .unwrap();
    let tip = commit(&git, &merged, "b.txt", "bb").await;
    // Replaying the base's second commit onto its third would conflict.
    let three = commit(&git, &two, "a.txt", "three\n").await;
    let tip = rebased(&git, &tip, &two, &three).await;
    assert_eq!(
        text(&git, &tip, "a.txt").await,
        Blob::Text("three\n".into())
    );
    assert_eq!(text(&git, &tip, "b.txt").await, Blob::Text("bb".into()));
    let own = git.commits(&three, &tip, 10).await.unwrap();
    assert_eq!(own.len(), 2, "{own:?}");
}
