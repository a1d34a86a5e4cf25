//! Is it known what a repository lacks, before anything is made of it?

use std::fs;

use super::{Git, repo};
use crate::git::Lacking;
use orch_domain::path::RepoPath;

#[tokio::test]
async fn content_that_is_lost_is_named_by_its_file() {
    let repo = repo().await;
    assert_eq!(repo.git.lacks(&repo.root).await.unwrap(), None);
    let entry = &repo.git.list(&repo.root, "").await.unwrap()[0];
    let (folder, rest) = entry.blob.as_str().split_at(2);
    let object = repo.git.git_dir().join("objects").join(folder).join(rest);
    fs::remove_file(object).unwrap();
    let lacking = repo.git.lacks(&repo.root).await.unwrap();
    let file = Some(RepoPath::from_text("a.txt"));
    assert_eq!(lacking, Some(Lacking { objects: 1, file }));
}

#[tokio::test]
async fn what_a_partial_clone_left_where_it_came_from_is_not_fetched() {
    let repo = repo().await;
    let source = repo.git.git_dir().to_owned();
    let name = "refs/heads/main";
    repo.git.set_ref(name, &repo.root).await.unwrap();
    repo.git
        .call(["config", "uploadpack.allowFilter", "true"])
        .await
        .unwrap();
    let partial = repo.folder.path().join("partial.git");
    let address = format!("file://{}", source.display());
    let clone = ["clone", "--quiet", "--bare", "--filter=blob:none", &address];
    let to = partial.display().to_string();
    let done = std::process::Command::new("git")
        .args(clone)
        .arg(&to)
        .status();
    assert!(done.unwrap().success());
    let lacking = Git::at(&partial).unwrap().lacks(&repo.root).await.unwrap();
    assert_eq!(lacking.unwrap().objects, 1);
}
