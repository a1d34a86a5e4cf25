//! Claims about what becomes of a work tree that an agent left, whatever it left.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Blob, Git, Snapshot};
use super::{Repo, commit, repo, text, who};
use crate::files::tests::{chmod, deep, ordinary};
use orch_domain::id::ObjectId;
use orch_domain::left::{ChangeKind, RefusalKind};

struct Work {
    repo: Repo,
    tree: PathBuf,
}

/// A clone of a repository, as an agent gets it.
async fn work() -> Work {
    let repo = repo().await;
    let tree = repo.folder.path().join("tree");
    repo.git.clone_to(&tree, "work", &repo.root).await.unwrap();
    Work { repo, tree }
}

impl Work {
    fn put(&self, path: &str, text: &str) {
        let path = self.tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn snapshot(&self) -> Snapshot {
        let Repo { git, root, .. } = &self.repo;
        git.snapshot(&self.tree, root, "docs/own").await.unwrap()
    }

    /// Paths of what was taken beside what was there before.
    async fn taken(&self, snapshot: &Snapshot) -> Vec<String> {
        let listed = self.repo.git.list(&snapshot.tree, "").await.unwrap();
        let paths = listed.iter().map(|e| e.path.to_string());
        paths.filter(|path| path != "a.txt").collect()
    }
}

fn refused(snapshot: &Snapshot) -> Vec<(String, RefusalKind)> {
    let refused = snapshot.refused.iter();
    refused.map(|r| (r.path.to_string(), r.kind)).collect()
}

fn git_in(folder: &Path, args: &[&str]) {
    let done = std::process::Command::new("git")
        .args(["-c", "user.name=x", "-c", "user.email=x@y"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .status();
    assert!(done.unwrap().success(), "{args:?}");
}

#[tokio::test]
async fn ignored_files_stay_out_except_in_the_folder_that_is_always_taken() {
    let work = work().await;
    let Repo { git, root, .. } = &work.repo;
    fs::create_dir_all(git.git_dir().join("info")).unwrap();
    fs::write(git.git_dir().join("info/exclude"), "own\n").unwrap();
    let base = commit(git, root, ".gitignore", "docs/\n*.log\n").await;
    work.put(".gitignore", "docs/\n*.log\n");
    work.put("docs/own/S-1/01-brd.md", "x");
    work.put("docs/own/S-1/noise.log", "x");
    work.put("docs/other.md", "x");
    work.put("build.log", "x");
    work.put("src/main.rs", "x");
    let snapshot = git.snapshot(&work.tree, &base, "docs/own").await.unwrap();
    assert_eq!(snapshot.refused, []);
    assert_eq!(
        work.taken(&snapshot).await,
        [
            ".gitignore",
            "docs/own/S-1/01-brd.md",
            "docs/own/S-1/noise.log",
            "src/main.rs"
        ]
    );
}

#[tokio::test]
async fn tracked_file_that_is_ignored_is_taken_with_its_changes() {
    let work = work().await;
    let Repo { git, root, .. } = &work.repo;
    let base = commit(git, root, "kept.log", "one").await;
    work.put(".gitignore", "*\n");
    work.put("kept.log", "two");
    let snapshot = git.snapshot(&work.tree, &base, "").await.unwrap();
    let done = git
        .commit(&snapshot.tree, &base, "x", &who())
        .await
        .unwrap();
    assert_eq!(text(git, &done, "kept.log").await, Blob::Text("two".into()));
    assert_eq!(text(git, &done, "a.txt").await, Blob::Text("one\n".into()));
}

#[tokio::test]
async fn closed_folders_and_files_are_opened_and_taken() {
    ordinary::too("git::tests::snapshot::closed_folders_and_files_are_opened_and_taken");
    let work = work().await;
    work.put("closed/inner/file.txt", "x");
    work.put("file.txt", "x");
    chmod(&work.tree.join("closed/inner/file.txt"), 0o000);
    chmod(&work.tree.join("closed/inner"), 0o000);
    chmod(&work.tree.join("closed"), 0o000);
    chmod(&work.tree.join("file.txt"), 0o000);
    chmod(&work.tree.join("a.txt"), 0o000);
    chmod(&work.tree, 0o000);
    let snapshot = work.snapshot().await;
    assert_eq!(snapshot.refused, []);
    assert_eq!(
        work.taken(&snapshot).await,
        ["closed/inner/file.txt", "file.txt"]
    );
    let Repo { git, root, .. } = &work.repo;
    let delta = git.delta(root, &snapshot.tree).await.unwrap();
    assert!(delta.iter().all(|c| c.mode == "100644"), "{delta:?}");
    crate::files::remove(&work.tree).unwrap();
}

#[tokio::test]
async fn what_belongs_to_another_user_is_refused_by_name_and_not_taken_for_deleted() {
    let name = "git::tests::snapshot::\
                what_belongs_to_another_user_is_refused_by_name_and_not_taken_for_deleted";
    if let Some(folder) = ordinary::given() {
        let git = Git::at(folder.join("bare.git")).unwrap();
        let root = git.resolve("refs/heads/main").await.unwrap().unwrap();
        let root: ObjectId = commit(&git, &root, "theirs/b.txt", "b").await;
        let snapshot = git.snapshot(&folder.join("tree"), &root, "").await.unwrap();
        assert_eq!(
            refused(&snapshot),
            [
                ("file".to_owned(), RefusalKind::Unreadable),
                ("theirs".to_owned(), RefusalKind::Unreadable),
                ("theirs/b.txt".to_owned(), RefusalKind::Unreadable),
            ]
        );
        let delta = git.delta(&root, &snapshot.tree).await.unwrap();
        assert_eq!(delta, [], "nothing is said to be gone");
        return;
    }
    if !ordinary::is_root() {
        // Only root can make files of another user.
        return;
    }
    let work = work().await;
    work.put("theirs/b.txt", "b");
    work.put("file", "x");
    chmod(&work.tree.join("theirs"), 0o700);
    chmod(&work.tree.join("file"), 0o600);
    let folder = work.repo.folder.path();
    chmod(folder, 0o755);
    let all = std::process::Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(folder.join("bare.git"))
        .status();
    assert!(all.unwrap().success());
    ordinary::own(&work.tree);
    ordinary::own(&work.tree.join("a.txt"));
    ordinary::with(name, folder);
}

#[tokio::test]
async fn repository_below_the_tree_is_taken_as_files_unless_it_holds_commits() {
    let work = work().await;
    for folder in ["unborn", "committed", "not-one", "dangling"] {
        work.put(&format!("{folder}/file"), "x");
        work.put(&format!("{folder}/deeper/file"), "x");
    }
    work.put("unborn/.gitignore", "*.o\n");
    work.put("unborn/a.o", "x");
    git_in(&work.tree.join("unborn"), &["init", "--quiet"]);
    git_in(&work.tree.join("unborn"), &["add", "file"]);
    git_in(&work.tree.join("committed"), &["init", "--quiet"]);
    let commit = ["commit", "--quiet", "--allow-empty", "-m", "x"];
    git_in(&work.tree.join("committed"), &commit);
    work.put("not-one/.git", "garbage");
    work.put("dangling/.git", "gitdir: /nonexistent");
    let second = ["worktree", "add", "--quiet", "--detach", "second"];
    git_in(&work.tree, &second);
    let snapshot = work.snapshot().await;
    assert_eq!(
        refused(&snapshot),
        [
            ("committed".to_owned(), RefusalKind::NestedRepository),
            ("second".to_owned(), RefusalKind::NestedRepository)
        ]
    );
    assert_eq!(
        work.taken(&snapshot).await,
        [
            "dangling/deeper/file",
            "dangling/file",
            "not-one/deeper/file",
            "not-one/file",
            "unborn/.gitignore",
            "unborn/deeper/file",
            "unborn/file"
        ]
    );
}

#[tokio::test]
async fn repository_in_the_folder_that_is_always_taken_follows_the_same_rule() {
    let work = work().await;
    work.put(".gitignore", "docs/\n");
    work.put("docs/own/S-1/unborn/file.md", "x");
    work.put("docs/own/S-1/committed/file.md", "x");
    for (folder, args) in [
        ("unborn", &["init", "--quiet"][..]),
        ("committed", &["init", "--quiet"]),
        ("committed", &["commit", "--quiet", "--allow-empty", "-mx"]),
    ] {
        git_in(&work.tree.join("docs/own/S-1").join(folder), args);
    }
    let snapshot = work.snapshot().await;
    assert_eq!(
        refused(&snapshot),
        [(
            "docs/own/S-1/committed".to_owned(),
            RefusalKind::NestedRepository
        )]
    );
    assert!(
        work.taken(&snapshot)
            .await
            .contains(&"docs/own/S-1/unborn/file.md".to_owned())
    );
}

#[tokio::test]
async fn names_that_git_or_a_terminal_takes_for_something_else_are_refused() {
    let work = work().await;
    let bad = [
        ".GIT/config",
        "x/.git ",
        "x/.git.",
        "GIT~1",
        "new\nline",
        "esc\x1b[2K",
    ];
    for name in bad {
        work.put(name, "x");
    }
    std::os::unix::fs::symlink("a.txt", work.tree.join(".gitmodules")).unwrap();
    work.put("fine.txt", "x");
    let snapshot = work.snapshot().await;
    let mut named: Vec<String> = refused(&snapshot)
        .into_iter()
        .map(|(path, kind)| {
            assert_eq!(kind, RefusalKind::ForbiddenName, "{path}");
            path
        })
        .collect();
    named.sort();
    assert_eq!(
        named,
        [
            ".GIT/config",
            ".gitmodules",
            "GIT~1",
            "esc\\x1b[2K",
            "new\\x0aline",
            "x/.git ",
            "x/.git."
        ]
    );
    assert_eq!(work.taken(&snapshot).await, ["fine.txt"]);
}

#[tokio::test]
async fn odd_name_of_the_base_can_be_edited_and_removed() {
    let work = work().await;
    let Repo { git, root, .. } = &work.repo;
    let base = commit(git, root, "new\nline", "one").await;
    work.put("new\nline", "two");
    let snapshot = git.snapshot(&work.tree, &base, "").await.unwrap();
    assert_eq!(snapshot.refused, []);
    let delta = git.delta(&base, &snapshot.tree).await.unwrap();
    assert_eq!(delta[0].kind(), ChangeKind::Changed);
    assert_eq!(git.apply(&base, &delta).await.unwrap(), snapshot.tree);
}

#[tokio::test]
async fn pipes_sockets_and_what_is_too_deep_are_named_unless_ignored() {
    let work = work().await;
    work.put(".gitignore", "ignored/\n*.sock\n");
    work.put("ignored/x", "x");
    let pipe = |path: &str| {
        let path = work.tree.join(path);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
    };
    for path in ["pipe", "ignored/pipe", "a.sock"] {
        pipe(path);
    }
    fs::remove_file(work.tree.join("a.txt")).unwrap();
    pipe("a.txt");
    fs::create_dir(work.tree.join("deep")).unwrap();
    deep(&work.tree.join("deep"), 3_000);
    let snapshot = work.snapshot().await;
    let named = refused(&snapshot);
    assert_eq!(named.len(), 3, "{named:?}");
    assert_eq!(named[0], ("a.txt".to_owned(), RefusalKind::SpecialFile));
    assert!(named[1].0.starts_with("deep/level/"));
    assert_eq!(named[1].1, RefusalKind::TooDeep);
    assert_eq!(named[2], ("pipe".to_owned(), RefusalKind::SpecialFile));
    let Repo { git, root, .. } = &work.repo;
    let delta = git.delta(root, &snapshot.tree).await.unwrap();
    assert!(delta.iter().all(|c| c.path != "a.txt".into()), "{delta:?}");
}

#[tokio::test]
async fn what_git_would_wait_for_or_read_without_an_end_is_named_and_git_is_not_asked() {
    let pipe = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let (kind, mode) = (
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o644),
        );
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    };
    let huge = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Holes take no room on the disk, and as much memory as they are long.
        fs::File::create(path).unwrap().set_len(1 << 36).unwrap();
    };
    let link = |path: &Path, to: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, path).unwrap();
    };
    type Plant<'a> = &'a dyn Fn(&Path);
    let plants: [(&str, Plant<'_>, RefusalKind); 13] = [
        (".gitignore", &pipe, RefusalKind::SpecialFile),
        ("s/.gitignore", &huge, RefusalKind::TooBig),
        (".gitattributes", &pipe, RefusalKind::SpecialFile),
        ("s/.gitattributes", &pipe, RefusalKind::SpecialFile),
        (".gitmodules", &huge, RefusalKind::TooBig),
        ("n/.git/HEAD", &pipe, RefusalKind::SpecialFile),
        ("n/.git/HEAD", &huge, RefusalKind::TooBig),
        ("n/.git/commondir", &pipe, RefusalKind::SpecialFile),
        (
            "n/.git/commondir",
            &|at| link(at, "/dev/zero"),
            RefusalKind::NestedRepository,
        ),
        ("n/.git/refs/heads/x", &pipe, RefusalKind::SpecialFile),
        ("n/.git", &pipe, RefusalKind::SpecialFile),
        ("s/HEAD", &pipe, RefusalKind::SpecialFile),
        ("s/commondir", &huge, RefusalKind::TooBig),
    ];
    for (path, plant, kind) in plants {
        let work = work().await;
        work.put("s/y", "y");
        work.put("n/z", "z");
        plant(&work.tree.join(path));
        if path.starts_with("s/") && !path.contains(".git") {
            // A repository of which only the way to it stands where git looks.
            work.put("n/.git", "gitdir: ../s");
        }
        let snapshot = work.snapshot().await;
        let named = path.split("/.git/").next().unwrap_or(path);
        let named = named.strip_suffix("/.git").unwrap_or(named).to_owned();
        let named = match named.starts_with("s/") && !named.contains(".git") {
            true => "n".to_owned(),
            false => named,
        };
        assert_eq!(refused(&snapshot), [(named, kind)], "{path}");
        let Repo { git, root, .. } = &work.repo;
        assert_eq!(snapshot.tree, git.tree_of(root).await.unwrap(), "{path}");
    }
    // What a build keeps in a folder that is ignored is not looked at, and no reason to refuse anything.
    let work = work().await;
    work.put(".gitignore", "build/\n");
    work.put("build/dep/z", "z");
    pipe(&work.tree.join("build/dep/.git/HEAD"));
    let snapshot = work.snapshot().await;
    assert_eq!(snapshot.refused, []);
    assert_eq!(work.taken(&snapshot).await, [".gitignore"]);
}

#[tokio::test]
async fn tree_that_is_gone_or_is_no_folder_is_said_to_be_gone_and_changes_nothing() {
    let work = work().await;
    let Repo { git, root, .. } = &work.repo;
    let unchanged = git.tree_of(root).await.unwrap();
    let gone = [(String::new(), RefusalKind::TreeGone)];
    crate::files::remove(&work.tree).unwrap();
    let snapshot = work.snapshot().await;
    assert_eq!(
        (refused(&snapshot), &snapshot.tree),
        (gone.to_vec(), &unchanged)
    );
    std::os::unix::fs::symlink("/etc", &work.tree).unwrap();
    let snapshot = work.snapshot().await;
    assert_eq!(
        (refused(&snapshot), &snapshot.tree),
        (gone.to_vec(), &unchanged)
    );
}

#[tokio::test]
async fn file_that_no_forge_takes_is_refused_and_one_that_the_base_has_is_not() {
    let work = work().await;
    let big = fs::File::create(work.tree.join("big.bin")).unwrap();
    big.set_len(super::super::snapshot::FILE_BYTES_MAX + 1)
        .unwrap();
    let snapshot = work.snapshot().await;
    assert_eq!(
        refused(&snapshot),
        [("big.bin".to_owned(), RefusalKind::TooBig)]
    );
    assert_eq!(work.taken(&snapshot).await, [""; 0]);
}

#[tokio::test]
async fn more_new_files_than_a_change_may_hold_are_refused_as_a_whole() {
    let work = work().await;
    fs::create_dir(work.tree.join("many")).unwrap();
    for number in 0..=super::super::snapshot::NEW_FILES_MAX {
        fs::write(work.tree.join("many").join(number.to_string()), "").unwrap();
    }
    let snapshot = work.snapshot().await;
    assert_eq!(
        refused(&snapshot),
        [(String::new(), RefusalKind::TooManyFiles)]
    );
}

#[tokio::test]
async fn content_that_git_cannot_convert_is_refused_by_name() {
    let work = work().await;
    work.put(".gitattributes", "*.utf16 working-tree-encoding=UTF-16\n");
    fs::write(work.tree.join("bad.utf16"), b"\xd8\x00x").unwrap();
    work.put("good.txt", "x");
    let snapshot = work.snapshot().await;
    assert_eq!(
        refused(&snapshot),
        [("bad.utf16".to_owned(), RefusalKind::Unreadable)]
    );
    assert_eq!(work.taken(&snapshot).await, [".gitattributes", "good.txt"]);
}

/// The base with a submodule in `sub`.
async fn with_submodule(work: &Work) -> ObjectId {
    let Repo { git, root, .. } = &work.repo;
    let entry = super::super::Delta {
        mode_before: "000000".into(),
        mode: "160000".into(),
        blob: ObjectId::new("1".repeat(40)).unwrap(),
        path: "sub".into(),
    };
    let tree = git.apply(root, &[entry]).await.unwrap();
    git.commit(&tree, root, "sub", &who()).await.unwrap()
}

#[tokio::test]
async fn submodule_of_the_base_stays_as_it_is_and_a_changed_one_is_a_kind_of_its_own() {
    let work = work().await;
    let git = &work.repo.git;
    let base = with_submodule(&work).await;
    let before = git.tree_of(&base).await.unwrap();
    fs::create_dir(work.tree.join("sub")).unwrap();
    let snapshot = git.snapshot(&work.tree, &base, "").await.unwrap();
    assert_eq!((snapshot.refused, snapshot.tree), (vec![], before.clone()));
    work.put("sub/file", "work that no commit holds");
    let snapshot = git.snapshot(&work.tree, &base, "").await.unwrap();
    let nested = [("sub".to_owned(), RefusalKind::NestedRepository)];
    assert_eq!(refused(&snapshot), nested);
    assert_eq!(snapshot.tree, before);
    git_in(&work.tree.join("sub"), &["init", "--quiet"]);
    let commit = ["commit", "--quiet", "--allow-empty", "-m", "x"];
    git_in(&work.tree.join("sub"), &commit);
    let kinds = async || {
        let snapshot = git.snapshot(&work.tree, &base, "").await.unwrap();
        let delta = git.delta(&base, &snapshot.tree).await.unwrap();
        let delta = delta.iter().map(|c| (c.path.to_string(), c.kind()));
        delta.collect::<Vec<_>>()
    };
    let changed = [("sub".to_owned(), ChangeKind::Gitlink)];
    assert_eq!(kinds().await, changed, "moved");
    fs::remove_dir_all(work.tree.join("sub")).unwrap();
    assert_eq!(kinds().await, changed, "removed");
    work.put("sub", "a file");
    assert_eq!(kinds().await, changed, "replaced");
}
