//! What is asked about objects by their ids is asked once.

use std::fs;

use super::{Blob, GitError, commit, repo, text};
use orch_domain::id::ObjectId;

#[tokio::test]
async fn answer_about_objects_stays_though_git_cannot_be_asked_again() {
    let repo = repo().await;
    let next = commit(&repo.git, &repo.root, "docs/b.txt", "two").await;
    let asked = async || {
        (
            repo.git.is_ancestor(&repo.root, &next).await.unwrap(),
            repo.git.is_ancestor(&next, &repo.root).await.unwrap(),
            repo.git.merge_base(&repo.root, &next).await.unwrap(),
            repo.git.code_tree(&next, "docs").await.unwrap(),
            repo.git.changed(&repo.root, &next).await.unwrap(),
            text(&repo.git, &next, "docs/b.txt").await,
        )
    };
    let before = asked().await;
    assert_eq!(before.5, Blob::Text("two".to_owned()));
    fs::remove_dir_all(repo.folder.path().join("bare.git/objects")).unwrap();
    assert_eq!(asked().await, before);
}

#[tokio::test]
async fn question_that_failed_is_asked_again() {
    let repo = repo().await;
    let next = commit(&repo.git, &repo.root, "b.txt", "two").await;
    let objects = repo.folder.path().join("bare.git/objects");
    let (first, rest) = next.as_str().split_at(2);
    let (object, aside) = (
        objects.join(first).join(rest),
        repo.folder.path().join("aside"),
    );
    fs::rename(&object, &aside).unwrap();
    assert!(repo.git.is_ancestor(&repo.root, &next).await.is_err());
    assert!(repo.git.read(&next, "b.txt", 1000).await.is_err());
    fs::rename(&aside, &object).unwrap();
    assert!(repo.git.is_ancestor(&repo.root, &next).await.unwrap());
    assert_eq!(
        text(&repo.git, &next, "b.txt").await,
        Blob::Text("two".to_owned())
    );
}

#[tokio::test]
async fn two_repositories_do_not_answer_for_each_other() {
    let (here, there) = (repo().await, repo().await);
    let next = commit(&here.git, &here.root, "b.txt", "two").await;
    assert!(here.git.read(&next, "b.txt", 1000).await.is_ok());
    assert!(there.git.read(&next, "b.txt", 1000).await.is_err());
    let none = ObjectId::new("0123456789012345678901234567890123456789").unwrap();
    assert!(here.git.code_tree(&none, "docs").await.is_err());
}

#[tokio::test]
async fn repository_that_is_bare_no_more_is_told() {
    let repo = repo().await;
    repo.git.require_bare().await.unwrap();
    repo.git.require_bare().await.unwrap();
    let config = repo.folder.path().join("bare.git/config");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("bare = true", "bare = false")).unwrap();
    let refused = repo.git.require_bare().await.unwrap_err();
    assert!(matches!(refused, GitError::NotBare(_)), "{refused:?}");
    fs::remove_file(&config).unwrap();
    assert!(repo.git.require_bare().await.is_err());
}
