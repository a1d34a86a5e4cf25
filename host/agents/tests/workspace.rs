//! Claims about a task's workspace, whatever its agent left in it; as whoever runs the tests and as an ordinary user.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use orch_agents::workspace::{Workspace, bot};
use orch_domain::id::{ObjectId, WorkItem};
use orch_domain::left::{ChangeKind, RefusalKind};
use orch_domain::stage::Role;
use orch_process::git::Git;

#[path = "../../process/src/files/tests/ordinary.rs"]
#[expect(dead_code, reason = "shared with tests that use all of it")]
mod ordinary;

const NOW_MS: i64 = 1_700_000_000_000;

struct World {
    folder: tempfile::TempDir,
    git: Git,
    base: ObjectId,
    workspace: Workspace,
}

fn item() -> WorkItem {
    WorkItem::new("SHOP-1").unwrap()
}

/// A mirror whose base holds `files`, and a workspace that nobody used.
async fn world(files: &[(&str, &str)]) -> World {
    let folder = tempfile::tempdir().unwrap();
    let git = Git::at(folder.path().join("mirror.git")).unwrap();
    git.init().await.unwrap();
    let empty = ObjectId::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904").unwrap();
    let files: Vec<(String, Option<Vec<u8>>)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), Some(text.as_bytes().to_vec())))
        .collect();
    let tree = git.tree_with(&empty, &files).await.unwrap();
    let base = git
        .commit_on(&tree, &[], "base", &bot(NOW_MS))
        .await
        .unwrap();
    git.set_ref("refs/heads/main", &base).await.unwrap();
    let workspace = Workspace::at(folder.path().join("workspace"));
    World {
        folder,
        git,
        base,
        workspace,
    }
}

impl World {
    async fn prepare(&self) -> ObjectId {
        let (git, base, item) = (&self.git, &self.base, item());
        let prepared = self
            .workspace
            .prepare(git, "work", base, base, &item, Role::Analyst);
        prepared.await.unwrap()
    }

    fn put(&self, path: &str, text: &str) -> PathBuf {
        let path = self.workspace.tree().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn artefacts_reach_the_host_whatever_the_base_ignores() {
    let world = world(&[(".gitignore", "docs/\n*.md\n")]).await;
    let began = world.prepare().await;
    world.put("docs/work-items/SHOP-1/01-brd.md", "asked for");
    world.put("docs/notes.md", "ignored");
    let left = world.workspace.read_back(&world.git, &began).await.unwrap();
    let paths: Vec<String> = left.delta.iter().map(|c| c.path.to_string()).collect();
    assert_eq!(paths, ["docs/work-items/SHOP-1/01-brd.md"]);
    assert_eq!(left.refused, []);
}

#[tokio::test]
async fn file_that_only_the_merged_base_tracks_is_not_said_to_be_deleted() {
    let world = world(&[(".gitignore", "*.lock\n"), ("a.txt", "one")]).await;
    let (git, base) = (&world.git, &world.base);
    let files = [("kept.lock".to_owned(), Some(b"l".to_vec()))];
    let tree = git.tree_with(base, &files).await.unwrap();
    let merged = git
        .commit(&tree, base, "merged", &bot(NOW_MS))
        .await
        .unwrap();
    let (role, item) = (Role::Developer, item());
    let prepared = world
        .workspace
        .prepare(git, "work", &merged, base, &item, role);
    let began = prepared.await.unwrap();
    let left = world.workspace.read_back(git, &began).await.unwrap();
    assert_eq!(left.delta, []);
}

#[tokio::test]
async fn workspace_is_prepared_again_and_removed_whatever_was_left_in_it() {
    ordinary::too("workspace_is_prepared_again_and_removed_whatever_was_left_in_it");
    let world = world(&[("a.txt", "one")]).await;
    world.prepare().await;
    let workspace = &world.workspace;
    let closed = |folder: &Path| {
        fs::create_dir_all(folder.join("closed/inner")).unwrap();
        fs::write(folder.join("closed/inner/file"), "x").unwrap();
        chmod(&folder.join("closed/inner"), 0o555);
        chmod(&folder.join("closed"), 0o000);
        chmod(folder, 0o500);
    };
    closed(&workspace.tree());
    closed(&workspace.tmp());
    closed(&workspace.make_home("claude", Role::Developer).unwrap());
    closed(&workspace.homes());
    chmod(workspace.root(), 0o500);
    let began = world.prepare().await;
    let left = workspace.read_back(&world.git, &began).await.unwrap();
    assert_eq!((left.delta, left.refused), (vec![], vec![]));
    assert_eq!(fs::read_dir(workspace.tmp()).unwrap().count(), 0);
    let home = workspace.make_home("claude", Role::Developer).unwrap();
    assert!(home.join("closed").exists(), "a home is kept");
    fs::write(home.join("usable"), "").unwrap();
    assert_ne!(
        workspace.home("a/b", Role::Developer),
        workspace.home("a-b", Role::Developer)
    );
    assert_eq!(
        workspace.home("../x", Role::Developer).parent(),
        Some(workspace.homes().as_path())
    );

    workspace.remove().await.unwrap();
    fs::write(workspace.root(), "a file in its place").unwrap();
    let began = world.prepare().await;
    fs::remove_dir_all(workspace.tree()).unwrap();
    let left = workspace.read_back(&world.git, &began).await.unwrap();
    assert_eq!(left.refused[0].kind, RefusalKind::TreeGone);
    assert_eq!((left.delta, left.tree), (vec![], began));
    symlink("/", workspace.tree()).unwrap();
    world.prepare().await;
    chmod(&workspace.tree(), 0o000);
    workspace.remove().await.unwrap();
    assert!(fs::symlink_metadata(workspace.root()).is_err());
}

#[tokio::test]
async fn run_that_left_a_repository_is_read_once_and_the_next_one_begins_afresh() {
    let world = world(&[("a.txt", "one")]).await;
    let began = world.prepare().await;
    world.put("vendor/.git/HEAD", &"1".repeat(40));
    for folder in ["objects", "refs"] {
        fs::create_dir(world.workspace.tree().join("vendor/.git").join(folder)).unwrap();
    }
    world.put("vendor/lib.c", "x");
    world.put(".GIT/config", "x");
    world.put("kept.txt", "x");
    fs::remove_file(world.workspace.tree().join("a.txt")).unwrap();
    let read = async || world.workspace.read_back(&world.git, &began).await.unwrap();
    let left = read().await;
    let kinds: Vec<_> = left
        .refused
        .iter()
        .map(|r| (r.path.to_string(), r.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (".GIT/config".to_owned(), RefusalKind::ForbiddenName),
            ("vendor".to_owned(), RefusalKind::NestedRepository)
        ]
    );
    let delta: Vec<_> = left
        .delta
        .iter()
        .map(|c| (c.path.to_string(), c.kind()))
        .collect();
    assert_eq!(
        delta,
        [
            ("a.txt".to_owned(), ChangeKind::Deleted),
            ("kept.txt".to_owned(), ChangeKind::Added)
        ]
    );
    assert_eq!(
        read().await.refused,
        left.refused,
        "the same when read again"
    );
    let again = world.prepare().await;
    assert_eq!(again, began);
}

#[tokio::test]
async fn link_in_the_branch_does_not_lead_the_host_out_of_the_workspace() {
    let world = world(&[("a.txt", "one")]).await;
    let (git, base) = (&world.git, &world.base);
    let outside = world.folder.path().join("outside");
    fs::create_dir_all(outside.join("work-items/SHOP-1")).unwrap();
    let verdict = outside.join("work-items/SHOP-1/12-review.md");
    fs::write(&verdict, "theirs").unwrap();
    // The developer put a link in the place of `docs`.
    world.prepare().await;
    fs::remove_dir_all(world.workspace.tree().join("docs")).unwrap();
    symlink(&outside, world.workspace.tree().join("docs")).unwrap();
    let taken = world.workspace.snapshot(git, base).await.unwrap();
    let branch = git
        .commit(&taken.tree, base, "link", &bot(NOW_MS))
        .await
        .unwrap();
    let (reviewer, item) = (Role::Reviewer, item());
    let prepared = world
        .workspace
        .prepare(git, "work", &branch, base, &item, reviewer);
    let began = prepared.await.unwrap();
    assert_eq!(fs::read_to_string(&verdict).unwrap(), "theirs");
    world.put("docs/work-items/SHOP-1/12-review.md", "mine");
    assert_eq!(fs::read_to_string(&verdict).unwrap(), "theirs");
    let left = world.workspace.read_back(git, &began).await.unwrap();
    let tree = git.apply(&branch, &left.delta).await.unwrap();
    let listed = git.list(&tree, "docs").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].mode, "100644");
}
