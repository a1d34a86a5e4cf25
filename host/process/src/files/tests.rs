//! Claims about foreign trees, as whoever runs the tests and as an ordinary user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::{RemoveError, remove, used_bytes};

#[path = "tests/ordinary.rs"]
pub(crate) mod ordinary;

/// A tree with everything that `rm -rf` stumbles over, and a file beside it that a link leads to.
fn nasty(root: &Path) {
    fs::create_dir_all(root.join("closed/deeper")).unwrap();
    fs::write(root.join("closed/deeper/file"), "x").unwrap();
    fs::write(root.join("closed/.orch-removed-0"), "x").unwrap();
    fs::create_dir_all(root.join("read-only/inner")).unwrap();
    fs::write(root.join("read-only/inner/file"), "x").unwrap();
    symlink("../../kept", root.join("read-only/link")).unwrap();
    symlink("/", root.join("link-to-all")).unwrap();
    drop(UnixListener::bind(root.join("socket")).unwrap());
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o000),
        0,
    )
    .unwrap();
    chmod(&root.join("closed/deeper"), 0o000);
    chmod(&root.join("closed"), 0o000);
    chmod(&root.join("read-only/inner"), 0o555);
    chmod(&root.join("read-only"), 0o555);
    chmod(root, 0o500);
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Makes folders deeper than any path reaches.
pub(crate) fn deep(root: &Path, levels: usize) {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = rustix::fs::open(root, flags, Mode::empty()).unwrap();
    for _ in 0..levels {
        mkdirat(&at, "level", Mode::from_raw_mode(0o755)).unwrap();
        at = openat(&at, "level", flags, Mode::empty()).unwrap();
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[test]
fn whatever_an_owner_made_is_removed_and_nothing_that_a_link_leads_to() {
    ordinary::too(
        "files::tests::whatever_an_owner_made_is_removed_and_nothing_that_a_link_leads_to",
    );
    let folder = tempfile::tempdir().unwrap();
    let (root, kept) = (folder.path().join("tree"), folder.path().join("kept"));
    fs::create_dir(&root).unwrap();
    fs::write(&kept, "kept").unwrap();
    nasty(&root);
    remove(&root).unwrap();
    assert!(!is_there(&root));
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    symlink(&kept, &root).unwrap();
    remove(&root).unwrap();
    assert!(!is_there(&root) && is_there(&kept));
    remove(&root).unwrap();
    remove(&folder.path().join("no/such/folder")).unwrap();
}

#[test]
fn folders_deeper_than_any_path_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    deep(&root, 5_000);
    remove(&root).unwrap();
    assert!(!is_there(&root));
}

#[test]
fn what_belongs_to_another_user_is_named_and_the_rest_is_removed() {
    let name = "files::tests::what_belongs_to_another_user_is_named_and_the_rest_is_removed";
    if let Some(tree) = ordinary::given() {
        let error: RemoveError = remove(&tree).unwrap_err();
        assert_eq!(error.path, tree.join("theirs"), "{error}");
        assert_eq!(error.left, 1);
        assert!(!is_there(&tree.join("mine")));
        return;
    }
    if !ordinary::is_root() {
        // Only root can make files of another user.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o755);
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("theirs")).unwrap();
    fs::write(tree.join("theirs/file"), "x").unwrap();
    fs::create_dir(tree.join("mine")).unwrap();
    ordinary::own(folder.path());
    ordinary::own(&tree);
    ordinary::own(&tree.join("mine"));
    ordinary::with(name, &tree);
    assert!(is_there(&tree.join("theirs/file")));
}

#[test]
fn file_with_many_names_counts_once_and_counting_ends_when_it_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let empty = used_bytes([folder.path()], u64::MAX);
    fs::write(folder.path().join("a"), vec![1; 1_000_000]).unwrap();
    fs::hard_link(folder.path().join("a"), folder.path().join("b")).unwrap();
    let used = used_bytes([folder.path()], u64::MAX) - empty;
    assert!((1_000_000..1_100_000).contains(&used), "{used}");
    let missing = folder.path().join("missing");
    assert_eq!(used_bytes([missing.as_path()], u64::MAX), 0);
}
