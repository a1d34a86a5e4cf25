//! Claims about bringing a branch onto a base that other people move.

use super::super::{Blob, CatchUpOutcome, Git};
use super::{Repo, commit, repo, text, who};
use orch_domain::id::ObjectId;

async fn merge_of(git: &Git, tree: &ObjectId, one: &ObjectId, other: &ObjectId) -> ObjectId {
    let made = git.commit_on(tree, &[one, other], "merge", &who()).await;
    made.unwrap()
}

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
async fn branch_that_merged_the_base_keeps_what_was_done_in_the_merge() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let work = commit(&git, &root, "b.txt", "b").await;
    let two = commit(&git, &root, "a.txt", "two\n").await;
    // A rework that began with the base merged in: its own work is in the merge and nowhere else.
    let merge = git.merge_tree(&work, &two).await.unwrap();
    let merge = merge_of(&git, &merge, &work, &two).await;
    let tree = commit(&git, &merge, "reworked.txt", "r").await;
    let tree = git.tree_of(&tree).await.unwrap();
    let rework = merge_of(&git, &tree, &work, &two).await;
    let three = commit(&git, &two, "a.txt", "three\n").await;
    let tip = rebased(&git, &rework, &two, &three).await;
    assert!(git.is_ancestor(&three, &tip).await.unwrap());
    for (path, has) in [("a.txt", "three\n"), ("b.txt", "b"), ("reworked.txt", "r")] {
        assert_eq!(text(&git, &tip, path).await, Blob::Text(has.into()));
    }
    let clash = commit(&git, &two, "b.txt", "theirs\n").await;
    assert_eq!(
        git.catch_up(&rework, &two, &clash, &who()).await.unwrap(),
        CatchUpOutcome::Conflict(vec!["b.txt".into()])
    );
}

/// A branch on a base that was rewritten: the base without its latest commit, that commit, and the branch on it.
async fn rewritten(git: &Git, root: &ObjectId) -> (ObjectId, ObjectId, ObjectId) {
    let secret = commit(git, root, "secret.txt", "s").await;
    let work = commit(git, &secret, "b.txt", "b").await;
    let without = commit(git, root, "c.txt", "c").await;
    (without, secret, work)
}

#[tokio::test]
async fn own_commits_move_onto_a_rewritten_base_without_what_was_taken_out_of_it() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let (without, secret, work) = rewritten(&git, &root).await;
    let more = commit(&git, &work, "b.txt", "bb").await;
    let moved = git.rebase_onto(&more, &secret, &without, &who()).await;
    let CatchUpOutcome::Rebased(tip) = moved.unwrap() else {
        panic!("it conflicts with nothing");
    };
    assert_eq!(git.commits(&without, &tip, 10).await.unwrap().len(), 2);
    assert_eq!(text(&git, &tip, "b.txt").await, Blob::Text("bb".into()));
    assert_eq!(text(&git, &tip, "c.txt").await, Blob::Text("c".into()));
    assert_eq!(text(&git, &tip, "secret.txt").await, Blob::Missing);
    let clash = commit(&git, &root, "b.txt", "theirs\n").await;
    assert_eq!(
        git.rebase_onto(&more, &secret, &clash, &who())
            .await
            .unwrap(),
        CatchUpOutcome::Conflict(vec!["b.txt".into()])
    );
    let marked = git.tree_onto(&more, &secret, &clash, &who()).await.unwrap();
    let marked = git.commit(&marked, &clash, "m", &who()).await.unwrap();
    let Blob::Text(marked_text) = text(&git, &marked, "b.txt").await else {
        panic!("it is text");
    };
    assert!(
        marked_text.contains("<<<<<<<") && marked_text.contains("theirs"),
        "{marked_text}"
    );
    assert_eq!(text(&git, &marked, "secret.txt").await, Blob::Missing);
    assert_eq!(
        git.rebase_onto(&root, &secret, &without, &who())
            .await
            .unwrap(),
        CatchUpOutcome::OffBase
    );
}

#[tokio::test]
async fn branch_with_a_merge_moves_onto_a_rewritten_base_as_one_commit_with_all_of_its_work() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let work = commit(&git, &root, "b.txt", "b").await;
    let secret = commit(&git, &root, "secret.txt", "s").await;
    let tree = git.merge_tree(&work, &secret).await.unwrap();
    let merge = merge_of(&git, &tree, &work, &secret).await;
    let more = commit(&git, &merge, "more.txt", "m").await;
    let without = commit(&git, &root, "c.txt", "c").await;
    // Since where the branch began there is a merge, and what it took over was taken out.
    let moved = git.rebase_onto(&more, &secret, &without, &who()).await;
    let CatchUpOutcome::Rebased(tip) = moved.unwrap() else {
        panic!("it conflicts with nothing");
    };
    assert_eq!(git.commits(&without, &tip, 10).await.unwrap().len(), 1);
    for (path, has) in [("b.txt", "b"), ("more.txt", "m"), ("c.txt", "c")] {
        assert_eq!(text(&git, &tip, path).await, Blob::Text(has.into()));
    }
    assert_eq!(text(&git, &tip, "secret.txt").await, Blob::Missing);
}

/// A commit on `parent` with these files.
async fn with(git: &Git, parent: &ObjectId, files: &[(&str, &str)]) -> ObjectId {
    let files: Vec<(String, Option<Vec<u8>>)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), Some(text.as_bytes().to_vec())))
        .collect();
    let tree = git.tree_with(parent, &files).await.unwrap();
    let made = git.commit(&tree, parent, "write", &who()).await;
    made.unwrap()
}

#[tokio::test]
async fn file_that_is_not_kept_as_it_is_laid_out_keeps_no_branch_from_its_base() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    // Git calls each of them changed as soon as they are laid out, though nobody has touched them.
    let rules = "*.bat text eol=crlf\n*.lf text\n*.id ident\n*.wide working-tree-encoding=UTF-16\n";
    let kept = [
        (".gitattributes", rules),
        ("run.bat", "one\r\ntwo\n"),
        ("x.lf", "one\r\n"),
        ("y.id", "$Id: somebody $\n"),
        ("z.wide", "\u{feff}one\n"),
    ];
    let old = with(&git, &root, &kept).await;
    let work = commit(&git, &old, "b.txt", "b").await;
    let new = commit(&git, &old, "c.txt", "c").await;
    let tip = rebased(&git, &work, &old, &new).await;
    let moved = match git.rebase_onto(&work, &old, &root, &who()).await.unwrap() {
        CatchUpOutcome::Rebased(tip) => tip,
        other => panic!("{other:?}"),
    };
    assert_eq!(text(&git, &tip, "b.txt").await, Blob::Text("b".into()));
    assert_eq!(text(&git, &moved, "b.txt").await, Blob::Text("b".into()));
    for (path, content) in kept {
        assert_eq!(text(&git, &tip, path).await, Blob::Text(content.into()));
        assert_eq!(text(&git, &moved, path).await, Blob::Missing);
    }
    let log = git.commits(&new, &tip, 10).await.unwrap();
    assert_eq!(log.len(), 1, "replayed, and not merged: {log:?}");
}
