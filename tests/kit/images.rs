//! The compiled gates, made once for all tests and copied into each world before its host starts.
//!
//! A host compiles its thirteen gates at the first start, which takes seconds of every processor; with images it
//! takes a tenth of one. It checks each image against its hash and its engine as it does with its own, so what is
//! lent here can save time and nothing else.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::world::{World, gates, orch_program, until};

/// Folder of images below a host's data.
const IMAGES: &str = "data/gates/aot";

/// Copies the images into a world whose host has not started yet.
///
/// # Panics
/// When a host cannot be started to make them, or files cannot be copied.
pub(crate) fn lend(world: &World) {
    let to = world.path(IMAGES);
    if to.exists() {
        return;
    }
    let from = made();
    private_folder(&to);
    copy(&from, &to, 0o600);
}

/// The folder of images for this program and these gates; made by whoever asks first.
fn made() -> PathBuf {
    let program = orch_program();
    let store = program
        .parent()
        .expect("a program lies in a folder")
        .join("gate-images");
    let images = store.join(key(&program));
    if images.exists() {
        return images;
    }
    private_folder(&store);
    let lock = File::create(store.join("lock")).expect("a lock");
    lock.lock().expect("the lock is free some time");
    if images.exists() {
        return images;
    }
    let mut world = World::new();
    world.expected_errors = vec!["gate file not loaded"];
    let host = world.serve_by(world.command_without_images(&["serve"]));
    // A machine that is busy starts with some of the gates, and goes on with the others.
    let wanted = 2 * gate_files().len();
    until("every gate has its image", || {
        (finished(&world.path(IMAGES)) == wanted).then_some(())
    });
    drop(host);
    for entry in fs::read_dir(&store).expect("the store is there") {
        let path = entry.expect("an entry").path();
        // Of other programs and gates; a test of an earlier run has long ended.
        if path.is_dir() {
            fs::remove_dir_all(path).expect("old images can be removed");
        }
    }
    let fresh = store.join("new");
    private_folder(&fresh);
    copy(&world.path(IMAGES), &fresh, 0o400);
    assert_eq!(finished(&fresh), wanted, "an image and a hash of each");
    fs::rename(&fresh, &images).expect("folders can be renamed");
    images
}

/// How many files there are that are not on their way.
fn finished(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("images are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_none_or(|e| e != "new"))
        .count()
}

/// What tells one pair of program and gates from another.
fn key(program: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    for file in gate_files().into_values().chain([program.to_owned()]) {
        let meta = fs::metadata(&file).expect("the file is there");
        (file, meta.len(), meta.mtime(), meta.mtime_nsec()).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn gate_files() -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(gates()).expect("the gates are built");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.filter(|path| path.extension().is_some_and(|e| e == "wasm"));
    files
        .map(|path| (path.display().to_string(), path))
        .collect()
}

fn private_folder(path: &Path) {
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .expect("a folder");
}

/// Copies, not links: a test may damage what its host has.
fn copy(from: &Path, to: &Path, mode: u32) {
    for entry in fs::read_dir(from).expect("images are there") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        fs::copy(entry.path(), &to).expect("files can be copied");
        fs::set_permissions(to, Permissions::from_mode(mode)).expect("modes can be set");
    }
}
