//! Claims about git on real repositories, hostile ones among them.

mod access;
mod answers;
mod catch_up;
mod elsewhere;
mod incomplete;
mod names;
mod snapshot;

use std::fs;
use std::path::Path;

use super::{Blob, Git, GitError, Identity, RefOutcome};
use orch_domain::id::ObjectId;

fn who() -> Identity {
    Identity {
        name: "Orch".into(),
        email: "orch@localhost".into(),
        at_s: 1_700_000_000,
    }
}

struct Repo {
    folder: tempfile::TempDir,
    git: Git,
    root: ObjectId,
}

/// A bare repository whose `main` holds `a.txt`.
async fn repo() -> Repo {
    let folder = tempfile::tempdir().unwrap();
    let git = Git::at(folder.path().join("bare.git")).unwrap();
    git.init().await.unwrap();
    let tree_dir = folder.path().join("seed");
    fs::create_dir(&tree_dir).unwrap();
    let done = git.with(&["mktree"], &[], None, b"\n").await;
    // An empty tree is the only tree that needs no content to start from.
    let empty = match done {
        Ok(done) => ObjectId::new(done.stdout.text().trim()).unwrap(),
        Err(_) => ObjectId::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904").unwrap(),
    };
    let tree = git
        .tree_with(&empty, &[("a.txt".into(), Some(b"one\n".to_vec()))])
        .await
        .unwrap();
    let env: [(&str, &std::ffi::OsStr); 4] = [
        ("GIT_AUTHOR_NAME", "x".as_ref()),
        ("GIT_AUTHOR_EMAIL", "x@y".as_ref()),
        ("GIT_COMMITTER_NAME", "x".as_ref()),
        ("GIT_COMMITTER_EMAIL", "x@y".as_ref()),
    ];
    let done = git
        .with(
            &["commit-tree", "-m", "root", tree.as_str()],
            &env,
            None,
            &[],
        )
        .await
        .unwrap();
    let root = ObjectId::new(done.stdout.text().trim()).unwrap();
    git.set_ref("refs/heads/main", &root).await.unwrap();
    Repo { folder, git, root }
}

async fn commit(git: &Git, parent: &ObjectId, path: &str, text: &str) -> ObjectId {
    let tree = git
        .tree_with(parent, &[(path.into(), Some(text.as_bytes().to_vec()))])
        .await
        .unwrap();
    git.commit(&tree, parent, &format!("write {path}"), &who())
        .await
        .unwrap()
}

async fn text(git: &Git, commit: &ObjectId, path: &str) -> Blob {
    git.read(commit, path, 1000).await.unwrap()
}

#[tokio::test]
async fn push_moves_a_branch_only_from_where_it_is_expected() {
    let Repo { folder, git, root } = repo().await;
    let remote = folder.path().join("remote.git");
    let far = Git::at(&remote).unwrap();
    far.init().await.unwrap();
    let next = commit(&git, &root, "b.txt", "b").await;
    assert_eq!(
        git.push(&remote, &root, "work", None).await.unwrap(),
        RefOutcome::Done
    );
    let refused = git.push(&remote, &next, "work", None).await.unwrap();
    assert_eq!(
        refused,
        RefOutcome::Refused {
            actual: Some(root.clone())
        }
    );
    assert_eq!(
        git.push(&remote, &next, "work", Some(&root)).await.unwrap(),
        RefOutcome::Done
    );
    assert_eq!(
        git.push(&remote, &next, "work", Some(&root)).await.unwrap(),
        RefOutcome::Done,
        "a repeat is done"
    );
    assert_eq!(
        git.remote_branch(&remote, "work").await.unwrap(),
        Some(next.clone())
    );
    assert_eq!(
        git.delete_branch(&remote, "work", &next).await.unwrap(),
        RefOutcome::Done
    );
    assert_eq!(git.remote_branch(&remote, "work").await.unwrap(), None);
}

#[tokio::test]
async fn push_that_the_other_repository_forbids_is_no_lost_race() {
    let Repo { folder, git, root } = repo().await;
    let remote = folder.path().join("remote.git");
    let far = Git::at(&remote).unwrap();
    far.init().await.unwrap();
    let next = commit(&git, &root, "b.txt", "b").await;
    assert_eq!(
        git.push(&remote, &next, "work", None).await.unwrap(),
        RefOutcome::Done
    );
    far.call(["config", "receive.denyNonFastForwards", "true"])
        .await
        .unwrap();
    let error = git.push(&remote, &root, "work", Some(&next)).await;
    assert!(
        matches!(&error, Err(GitError::Denied { branch, stderr, .. }) if branch == "work" && stderr.contains("non-fast-forward")),
        "{error:?}"
    );
    // Elsewhere than expected, it is a lost race whatever the rules are.
    let refused = git.push(&remote, &root, "work", None).await.unwrap();
    assert_eq!(refused, RefOutcome::Refused { actual: Some(next) });
}

#[tokio::test]
async fn moving_a_ref_compares_and_swaps() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let next = commit(&git, &root, "b.txt", "b").await;
    assert_eq!(
        git.move_ref("refs/heads/main", &next, &root).await.unwrap(),
        RefOutcome::Done
    );
    let refused = git.move_ref("refs/heads/main", &root, &root).await.unwrap();
    assert_eq!(refused, RefOutcome::Refused { actual: Some(next) });
}

#[tokio::test]
async fn code_tree_ignores_the_task_folder_and_nothing_else() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let noted = commit(&git, &root, "docs/work-items/S-1/12-review.md", "x").await;
    let coded = commit(&git, &noted, "b.txt", "b").await;
    let folder = "docs/work-items/S-1";
    let tree = git.code_tree(&root, folder).await.unwrap();
    assert_eq!(git.code_tree(&noted, folder).await.unwrap(), tree);
    assert_ne!(git.code_tree(&coded, folder).await.unwrap(), tree);
}

#[tokio::test]
async fn snapshot_runs_nothing_that_the_work_tree_brings() {
    let Repo { folder, git, root } = repo().await;
    let dest = folder.path().join("tree");
    git.clone_to(&dest, "work", &root).await.unwrap();
    let mark = folder.path().join("ran");
    let script = format!("#!/bin/sh\ntouch {}\n", mark.display());
    write_executable(&dest.join(".git/hooks/pre-commit"), &script);
    let filter = folder.path().join("filter.sh");
    write_executable(&filter, &script);
    fs::write(dest.join(".gitattributes"), "* filter=evil\n").unwrap();
    let config = format!(
        "[filter \"evil\"]\n clean = {0}\n smudge = {0}\n[core]\n fsmonitor = {0}\n",
        filter.display()
    );
    fs::write(dest.join(".git/config"), config).unwrap();
    fs::write(dest.join("b.txt"), "b").unwrap();
    fs::remove_file(dest.join("a.txt")).unwrap();
    let taken = git.snapshot(&dest, &root, "").await.unwrap();
    assert_eq!(taken.refused, []);
    let tree = taken.tree;
    let commit = git.commit(&tree, &root, "snapshot", &who()).await.unwrap();
    assert!(!mark.exists(), "a hook or filter ran");
    assert_eq!(text(&git, &commit, "b.txt").await, Blob::Text("b".into()));
    assert_eq!(text(&git, &commit, "a.txt").await, Blob::Missing);
    let changed = git.changed(&root, &commit).await.unwrap();
    let paths: Vec<String> = changed.iter().map(|c| c.path.to_string()).collect();
    assert_eq!(paths, [".gitattributes", "a.txt", "b.txt"]);
}

#[tokio::test]
async fn applying_a_difference_leaves_other_paths_alone() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let began = commit(&git, &root, "CLAUDE.md", "trusted").await;
    let ended = commit(&git, &began, "b.txt", "b").await;
    let branch = commit(&git, &root, "CLAUDE.md", "branch").await;
    let delta = git.delta(&began, &ended).await.unwrap();
    let tree = git.apply(&branch, &delta).await.unwrap();
    let done = git.commit(&tree, &branch, "applied", &who()).await.unwrap();
    assert_eq!(
        text(&git, &done, "CLAUDE.md").await,
        Blob::Text("branch".into())
    );
    assert_eq!(text(&git, &done, "b.txt").await, Blob::Text("b".into()));
    let back = git
        .apply(&done, &git.delta(&ended, &began).await.unwrap())
        .await
        .unwrap();
    let back = git.commit(&back, &done, "removed", &who()).await.unwrap();
    assert_eq!(text(&git, &back, "b.txt").await, Blob::Missing);
}

#[tokio::test]
async fn export_has_the_files_and_no_repository() {
    let Repo { folder, git, root } = repo().await;
    let dest = folder.path().join("export");
    git.export(&root, &dest).await.unwrap();
    assert_eq!(fs::read_to_string(dest.join("a.txt")).unwrap(), "one\n");
    assert!(!dest.join(".git").exists());
}

#[tokio::test]
async fn names_that_could_be_options_are_refused() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    for name in [
        "--upload-pack=x",
        "a..b",
        "a b",
        "",
        "x^{tree}",
        "refs/@{1}",
    ] {
        assert!(
            matches!(git.resolve(name).await, Err(GitError::UnsafeName(_))),
            "{name}"
        );
    }
    for path in ["../x", "/etc/passwd", ".git/config", "a/.git/x"] {
        let refused = git.tree_with(&root, &[(path.into(), Some(vec![1]))]).await;
        assert!(matches!(refused, Err(GitError::UnsafeName(_))), "{path}");
    }
}

#[tokio::test]
async fn folder_that_is_no_bare_repository_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let error = Git::at(folder.path())
        .unwrap()
        .require_bare()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("git clone --bare"), "{error}");
}

fn write_executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn refs_are_listed_asked_for_what_they_hold_and_removed_only_from_where_they_were_seen() {
    let Repo { folder, git, root } = repo().await;
    let kept = commit(&git, &root, "b.txt", "two\n").await;
    assert_eq!(git.ref_holding(&kept).await.unwrap(), None);
    let name = "refs/orch/wip/3/gc";
    git.set_ref(name, &kept).await.unwrap();
    let held = git.ref_holding(&kept).await.unwrap();
    assert_eq!(held.as_deref(), Some(name));
    let listed = git.refs("refs/orch/wip").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].name.as_str(), &listed[0].commit), (name, &kept));
    assert_eq!(listed[0].committed_ms, who().at_s * 1000);
    assert!(git.refs("refs/orch/cancelled").await.unwrap().is_empty());
    let refused = git.delete_ref(name, &root).await.unwrap();
    let actual = Some(kept.clone());
    assert_eq!(refused, RefOutcome::Refused { actual });
    let done = git.delete_ref(name, &kept).await.unwrap();
    assert_eq!(done, RefOutcome::Done);
    let gone = git.delete_ref(name, &kept).await.unwrap();
    assert!(matches!(
        gone,
        RefOutcome::Done | RefOutcome::Refused { actual: None }
    ));
    let lost = ObjectId::new("1".repeat(40)).unwrap();
    assert!(git.ref_holding(&lost).await.is_err());
    drop(folder);
}

#[tokio::test]
async fn what_a_merge_takes_over_from_the_base_is_not_introduced_and_what_it_adds_is() {
    let Repo { folder, git, root } = repo().await;
    let branch = commit(&git, &root, "gone.txt", "once").await;
    let removed = git
        .tree_with(&branch, &[("gone.txt".into(), None)])
        .await
        .unwrap();
    let branch = git.commit(&removed, &branch, "rm", &who()).await.unwrap();
    let base = commit(&git, &root, "samples/old.txt", "of the base").await;
    let merged = git.merge_tree(&branch, &base).await.unwrap();
    let merged = git.commit(&merged, &branch, "tree", &who()).await.unwrap();
    let evil = git
        .tree_with(&merged, &[("evil.txt".into(), Some(b"evil".to_vec()))])
        .await
        .unwrap();
    let identity = who();
    let env: [(&str, &std::ffi::OsStr); 4] = [
        ("GIT_AUTHOR_NAME", identity.name.as_ref()),
        ("GIT_AUTHOR_EMAIL", identity.email.as_ref()),
        ("GIT_COMMITTER_NAME", identity.name.as_ref()),
        ("GIT_COMMITTER_EMAIL", identity.email.as_ref()),
    ];
    let parents = ["-p", branch.as_str(), "-p", base.as_str()];
    let args = [
        &["commit-tree", "-m", "merge"][..],
        &parents,
        &[evil.as_str()],
    ]
    .concat();
    let done = git.with(&args, &env, None, &[]).await.unwrap();
    let head = ObjectId::new(done.stdout.text().trim()).unwrap();
    let view = git.objects_only(&folder.path().join("view.git")).await;
    for git in [&git, &view.unwrap()] {
        let found = git.introduced(&base, &head, 100).await.unwrap();
        let paths: Vec<String> = found.iter().map(|i| i.path.to_string()).collect();
        assert_eq!(paths, ["evil.txt", "gone.txt"]);
        assert_eq!(found[0].commit, head);
        let ids: Vec<&ObjectId> = found.iter().map(|i| &i.blob).chain([&root]).collect();
        let blobs = git.blobs(&ids).await.unwrap();
        assert_eq!(
            blobs,
            [Some(b"evil".to_vec()), Some(b"once".to_vec()), None]
        );
        let sizes = git.blob_sizes(&ids).await.unwrap();
        assert_eq!(sizes, [Some(4), Some(4), None]);
    }
    assert!(git.introduced(&base, &head, 2).await.is_err());
}

#[tokio::test]
async fn state_of_a_repository_changes_nothing_of_what_its_objects_say() {
    let Repo { folder, git, root } = repo().await;
    let head = commit(&git, &root, "b.txt", "b").await;
    let other = commit(&git, &root, "other.txt", "other").await;
    git.call(["config", "color.ui", "always"]).await.unwrap();
    git.call(["config", "log.showSignature", "true"])
        .await
        .unwrap();
    git.call(["replace", head.as_str(), other.as_str()])
        .await
        .unwrap();
    fs::create_dir_all(git.git_dir().join("info")).unwrap();
    fs::write(git.git_dir().join("info/grafts"), format!("{head}\n")).unwrap();
    fs::write(git.git_dir().join("info/attributes"), "* -text -diff\n").unwrap();
    let view = git.objects_only(&folder.path().join("view.git")).await;
    let view = view.unwrap();
    for git in [&git, &view] {
        let commits = git.commits(&root, &head, 10).await.unwrap();
        let subjects: Vec<&str> = commits.iter().map(|(_, _, s)| s.as_str()).collect();
        assert_eq!(subjects, ["write b.txt"]);
        assert_eq!(git.merge_base(&root, &head).await.unwrap(), root);
        let paths = git.changed(&root, &head).await.unwrap();
        assert_eq!(paths.len(), 1);
    }
    // The folder's own attributes call every file binary, which has no lines.
    let paths = view.changed(&root, &head).await.unwrap();
    assert_eq!(
        (paths[0].path.to_string().as_str(), paths[0].added),
        ("b.txt", 1)
    );
}

#[tokio::test]
async fn repository_that_cannot_be_looked_at_is_an_error_and_none_without_the_branch() {
    let Repo {
        folder: _folder,
        git,
        root,
    } = repo().await;
    let name = "refs/heads/main";
    assert_eq!(git.resolve(name).await.unwrap(), Some(root));
    assert_eq!(git.resolve("refs/heads/other").await.unwrap(), None);
    fs::remove_file(git.git_dir().join("HEAD")).unwrap();
    let looked = git.resolve(name).await;
    assert!(matches!(looked, Err(GitError::Failed { .. })), "{looked:?}");
}
