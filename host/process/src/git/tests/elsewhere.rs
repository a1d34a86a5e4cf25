//! Claims about files whose content git keeps elsewhere.

use super::{Repo, commit, repo};

#[tokio::test]
async fn rule_that_keeps_files_elsewhere_is_found_wherever_it_stands() {
    let Repo { git, root, .. } = &repo().await;
    assert_eq!(git.uses_lfs(root).await.unwrap(), None);
    let plain = commit(git, root, ".gitattributes", "* text=auto\n").await;
    assert_eq!(git.uses_lfs(&plain).await.unwrap(), None);
    let rule = "# big\n*.bin filter=lfs diff=lfs merge=lfs -text\n";
    let lfs = commit(git, &plain, "assets/.gitattributes", rule).await;
    let found = git.uses_lfs(&lfs).await.unwrap().unwrap();
    assert_eq!(found.file, "assets/.gitattributes".into());
    assert!(found.line.starts_with("*.bin filter=lfs"));
}
