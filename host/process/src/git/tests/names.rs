//! Claims about names that are no text: bytes go in and the same bytes come out.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::{Blob, CatchUpOutcome, Git};
use super::{Repo, repo, who};
use orch_domain::id::ObjectId;
use orch_domain::imports::Change;
use orch_domain::left::ChangeKind;

/// Names that lossy reading makes one of, and one that looks like an escape.
const ODD: [&[u8]; 4] = [
    b"bad-\xff.txt",
    b"bad-\xfe.txt",
    b"folder\xe9/caf\xe9.txt",
    b"bad-\\xff.txt",
];

fn put(tree: &Path, name: &[u8], text: &str) {
    let path = tree.join(OsStr::from_bytes(name));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn taken(git: &Git, tree: &Path, parent: &ObjectId) -> ObjectId {
    let taken = git.snapshot(tree, parent, "").await.unwrap();
    assert_eq!(taken.refused, []);
    git.commit(&taken.tree, parent, "odd", &who())
        .await
        .unwrap()
}

#[tokio::test]
async fn names_that_are_no_text_are_taken_read_applied_and_removed_as_they_are() {
    let Repo { folder, git, root } = repo().await;
    let dest = folder.path().join("tree");
    git.clone_to(&dest, "work", &root).await.unwrap();
    for name in ODD {
        put(&dest, name, "one\n");
    }
    let made = taken(&git, &dest, &root).await;
    let listed = git.list(&made, "").await.unwrap();
    let mut names: Vec<&[u8]> = listed.iter().map(|e| e.path.as_bytes()).collect();
    names.retain(|name| *name != b"a.txt");
    let mut odd = ODD.to_vec();
    odd.sort();
    assert_eq!(names, odd);

    let delta = git.delta(&root, &made).await.unwrap();
    assert!(
        delta
            .iter()
            .all(|change| change.kind() == ChangeKind::Added)
    );
    let applied = git.apply(&root, &delta).await.unwrap();
    assert_eq!(applied, git.tree_of(&made).await.unwrap());

    put(&dest, ODD[0], "two\n");
    fs::remove_file(dest.join(OsStr::from_bytes(ODD[1]))).unwrap();
    let edited = taken(&git, &dest, &made).await;
    let changed = git.changed(&made, &edited).await.unwrap();
    let mut told: Vec<_> = changed
        .iter()
        .map(|c| (c.path.to_string(), c.change, c.added, c.removed))
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        told,
        [
            ("bad-\\xfe.txt".to_owned(), Change::Deleted, 0, 1),
            ("bad-\\xff.txt".to_owned(), Change::Modified, 1, 1),
        ]
    );
    // The text that a gate is shown leads back to the file.
    let read = async |path: &str| git.read(&edited, path, 100).await.unwrap();
    assert_eq!(read("bad-\\xff.txt").await, Blob::Text("two\n".into()));
    assert_eq!(read("bad-\\\\xff.txt").await, Blob::Text("one\n".into()));
    let below = git.list(&edited, "folder\\xe9").await.unwrap();
    assert_eq!(below.len(), 1);
    let without = git.code_tree(&edited, "folder\\xe9").await.unwrap();
    let left = git.list(&without, "").await.unwrap();
    assert!(
        left.iter()
            .all(|e| !e.path.as_bytes().starts_with(b"folder"))
    );
    let back = git.delta(&edited, &root).await.unwrap();
    assert!(
        back.iter()
            .all(|change| change.kind() == ChangeKind::Deleted)
    );
    assert_eq!(
        git.apply(&edited, &back).await.unwrap(),
        git.tree_of(&root).await.unwrap()
    );
}

#[tokio::test]
async fn conflict_in_a_file_whose_name_is_no_text_names_it() {
    let Repo { folder, git, root } = repo().await;
    let dest = folder.path().join("tree");
    git.clone_to(&dest, "work", &root).await.unwrap();
    put(&dest, ODD[0], "mine\n");
    let mine = taken(&git, &dest, &root).await;
    put(&dest, ODD[0], "theirs\n");
    let theirs = taken(&git, &dest, &root).await;
    let outcome = git.catch_up(&mine, &root, &theirs, &who()).await.unwrap();
    let CatchUpOutcome::Conflict(files) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(files[0].as_bytes(), ODD[0]);
}

#[tokio::test]
async fn folder_and_file_take_each_others_place() {
    let Repo { folder, git, root } = repo().await;
    let dest = folder.path().join("tree");
    git.clone_to(&dest, "work", &root).await.unwrap();
    put(&dest, b"d/x", "x");
    std::os::unix::fs::symlink("/etc", dest.join("link")).unwrap();
    let before = taken(&git, &dest, &root).await;
    fs::remove_file(dest.join("a.txt")).unwrap();
    put(&dest, b"a.txt/inner", "i");
    fs::remove_dir_all(dest.join("d")).unwrap();
    // A file that is reached by a link now is not the file that was there.
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    fs::write(folder.path().join("elsewhere/x"), "outside").unwrap();
    std::os::unix::fs::symlink("../elsewhere", dest.join("d")).unwrap();
    fs::remove_file(dest.join("link")).unwrap();
    put(&dest, b"link/real", "r");
    let after = taken(&git, &dest, &before).await;
    let listed = git.list(&after, "").await.unwrap();
    let modes: Vec<(String, &str)> = listed
        .iter()
        .map(|e| (e.path.to_string(), e.mode.as_str()))
        .collect();
    assert_eq!(
        modes,
        [
            ("a.txt/inner".to_owned(), "100644"),
            ("d".to_owned(), "120000"),
            ("link/real".to_owned(), "100644"),
        ]
    );
    let delta = git.delta(&before, &after).await.unwrap();
    let applied = git.apply(&before, &delta).await.unwrap();
    assert_eq!(applied, git.tree_of(&after).await.unwrap());
}
