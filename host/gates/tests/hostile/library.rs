//! The library: what a drop does, what a bad one does not, and what outlives a restart.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use orch_gates::{
    CompileTimes, Compiler, GateRuntime, Library, LibraryConfig, LibraryError, LoadError, Settle,
};

use crate::kit::{Guest, guest, made, quick};
use crate::{ask, limits, passes, runtime};

struct World {
    folder: tempfile::TempDir,
    runtime: GateRuntime,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("gates")).expect("a folder");
        Self {
            folder,
            runtime: runtime(),
        }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn file(&self) -> PathBuf {
        self.path("gates/mine.wasm")
    }
    async fn open(&self) -> Library {
        self.open_with(Compiler::InProcess, CompileTimes::default())
            .await
    }
    async fn open_with(&self, compiler: Compiler, times: CompileTimes) -> Library {
        let config = LibraryConfig {
            folder: self.path("gates"),
            builtin: None,
            state: self.path("state"),
            lock: self.path("gates.lock"),
            compiler,
            times,
        };
        Library::open(self.runtime.clone(), config)
            .await
            .expect("it opens")
    }
    /// Writes beside and renames, as a careful person would.
    fn drop_file(&self, bytes: &[u8]) {
        let fresh = self.path("fresh");
        std::fs::write(&fresh, bytes).expect("written");
        std::fs::rename(fresh, self.file()).expect("renamed");
    }
    fn digest(&self) -> String {
        let registry = self.runtime.snapshot();
        registry
            .get("mine")
            .map(|g| g.digest.clone())
            .unwrap_or_default()
    }
    fn why(&self) -> String {
        let registry = self.runtime.snapshot();
        registry
            .failure("mine")
            .map(|f| f.error.to_string())
            .unwrap_or_default()
    }
}

/// Another gate that passes: as many as there are numbers.
fn version(number: u32) -> Vec<u8> {
    let top = format!("(func (drop (i32.const {number})))");
    made(Guest {
        top: &top,
        ..Guest::default()
    })
}

#[tokio::test]
async fn bad_file_leaves_the_last_good_version_serving_and_says_why_after_a_restart_too() {
    let world = World::new();
    let library = world.open().await;
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    let good = world.digest();
    assert!(!good.is_empty() && world.why().is_empty());
    world.drop_file(b"garbage");
    library.sync(Settle::Now).await;
    assert_eq!(world.digest(), good);
    assert!(
        world.why().contains("not a WebAssembly component"),
        "{}",
        world.why()
    );
    drop(library);
    let after = World {
        runtime: runtime(),
        ..world
    };
    let _library = after.open().await;
    assert_eq!(
        after.digest(),
        good,
        "the version is kept beside the folder"
    );
    assert!(after.why().contains("not a WebAssembly component"));
}

/// A compiler that is this script.
fn compiler(world: &World, script: &str) -> Compiler {
    use std::os::unix::fs::PermissionsExt;
    let path = world.path("compiler");
    let fresh = world.path("compiler.new");
    std::fs::write(&fresh, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).expect("a program");
    std::fs::rename(fresh, &path).expect("renamed");
    Compiler::Child(path)
}

#[tokio::test]
async fn gate_that_no_compiler_comes_to_an_end_with_keeps_no_host_from_opening_and_is_tried_again()
{
    for (script, times, says) in [
        // A compiler that hangs, with time for one gate and with none left of the start.
        (
            "exec sleep 1000",
            CompileTimes {
                each: Duration::from_millis(50),
                ..CompileTimes::default()
            },
            "it took longer than",
        ),
        (
            "exec sleep 1000",
            CompileTimes {
                start: Duration::ZERO,
                least: Duration::from_millis(50),
                ..CompileTimes::default()
            },
            "the start had no more time for it",
        ),
        // One that is ended by the machine.
        ("kill -KILL $$", CompileTimes::default(), "signal: 9"),
    ] {
        let world = World::new();
        world.drop_file(&version(1));
        // What a compiler makes of it.
        let made = World::new();
        made.drop_file(&version(1));
        drop(made.open().await);
        let images = std::fs::read_dir(made.path("state/aot")).expect("images");
        let image = images
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "cwasm"))
            .expect("an image");
        let library = world.open_with(compiler(&world, script), times).await;
        assert!(world.digest().is_empty(), "{script}");
        assert!(world.why().contains(says), "{script}: {}", world.why());
        let registry = world.runtime.snapshot();
        let failure = registry.failure("mine").expect("it is listed");
        assert!(failure.error.may_pass(), "{script}");
        // The machine is well again; the file is the same.
        compiler(&world, &format!("cp '{}' \"$3\"", image.display()));
        library.sync(Settle::Twice).await;
        assert!(world.why().is_empty(), "{script}: {}", world.why());
        assert!(!world.digest().is_empty(), "{script}");
    }
}

#[tokio::test]
async fn file_is_read_only_when_it_stands_still() {
    let world = World::new();
    let library = world.open().await;
    let whole = version(1);
    std::fs::write(world.file(), &whole[..whole.len() / 2]).expect("written");
    library.sync(Settle::Twice).await;
    std::fs::write(world.file(), &whole).expect("written");
    library.sync(Settle::Twice).await;
    assert!(
        world.digest().is_empty() && world.why().is_empty(),
        "seen once only"
    );
    library.sync(Settle::Twice).await;
    assert!(!world.digest().is_empty() && world.why().is_empty());
}

#[tokio::test]
async fn link_that_leads_out_of_the_folder_is_not_followed() {
    let world = World::new();
    let library = world.open().await;
    std::fs::write(world.path("outside.wasm"), version(1)).expect("written");
    std::os::unix::fs::symlink(world.path("outside.wasm"), world.file()).expect("linked");
    library.sync(Settle::Now).await;
    assert!(
        world.why().contains("leads out of the gates folder"),
        "{}",
        world.why()
    );
}

#[tokio::test]
async fn gate_whose_file_is_removed_is_gone_at_the_second_look() {
    let world = World::new();
    let library = world.open().await;
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    std::fs::remove_file(world.file()).expect("removed");
    library.sync(Settle::Twice).await;
    assert!(!world.digest().is_empty(), "it may be on its way back");
    library.sync(Settle::Twice).await;
    assert!(world.digest().is_empty());
    let registry = world.runtime.snapshot();
    assert!(
        registry
            .judge("mine")
            .is_err_and(|why| why.contains("there is no gate `mine`"))
    );
}

#[tokio::test]
async fn version_that_comes_back_is_written_down_only_where_another_served_meanwhile() {
    let world = World::new();
    let library = world.open().await;
    // A file that is replaced is another one.
    let written = || {
        let meta = std::fs::metadata(world.path("state/state.json")).expect("it is written");
        std::os::unix::fs::MetadataExt::ino(&meta)
    };
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    let first = written();
    std::fs::remove_file(world.file()).expect("removed");
    library.sync(Settle::Now).await;
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    assert!(!world.digest().is_empty(), "it serves again");
    assert_eq!(written(), first);
    world.drop_file(&version(2));
    library.sync(Settle::Now).await;
    let served = world.digest();
    drop(library);
    world.drop_file(b"no gate");
    world.open().await;
    assert_eq!(world.digest(), served, "the other one was written down");
}

#[tokio::test]
async fn rollback_serves_until_another_file_is_dropped_and_over_a_restart() {
    let world = World::new();
    let library = world.open().await;
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    let first = world.digest();
    world.drop_file(&version(2));
    library.sync(Settle::Now).await;
    let second = world.digest();
    assert_ne!(first, second);
    assert!(library.rollback("mine", "ffffffff").await.is_err());
    library
        .rollback("mine", &first[..12])
        .await
        .expect("it is kept");
    library.sync(Settle::Now).await;
    assert_eq!(world.digest(), first, "the second file lies there still");
    drop(library);
    let world = World {
        runtime: runtime(),
        ..world
    };
    let library = world.open().await;
    assert_eq!(world.digest(), first);
    assert!(world.runtime.snapshot().is_rolled_back("mine"));
    world.drop_file(&version(3));
    library.sync(Settle::Now).await;
    assert_ne!(world.digest(), first);
    assert!(!world.runtime.snapshot().is_rolled_back("mine"));
    assert_eq!(library.versions("mine").await.len(), 3);
}

#[tokio::test]
async fn lock_refuses_other_digests_until_they_are_locked() {
    let world = World::new();
    let library = world.open().await;
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    assert_eq!(library.lock().await.expect("it is written"), 1);
    let pinned = world.digest();
    world.drop_file(&version(2));
    library.sync(Settle::Now).await;
    assert_eq!(world.digest(), pinned);
    assert!(world.why().contains("orch gate lock"), "{}", world.why());
    library.lock().await.expect("it is written");
    assert_ne!(world.digest(), pinned);
    let refused = library.rollback("mine", &pinned).await;
    let Err(LibraryError::Locked(refusal)) = refused else {
        panic!("another digest is pinned");
    };
    let (why, remedy) = (refusal.to_string(), refusal.remedy());
    assert!(why.contains("pins gate `mine`"), "{why}");
    assert!(remedy.contains(&pinned), "{remedy}");
    std::fs::write(world.path("gates.lock"), "{").expect("written");
    world.drop_file(&version(3));
    library.sync(Settle::Now).await;
    assert!(world.why().contains("damaged"), "{}", world.why());
}

#[tokio::test]
async fn traps_on_two_repositories_put_a_version_into_quarantine_and_a_mended_one_out() {
    let world = World::new();
    let library = world.open().await;
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    let digest = world.digest();
    for _ in 0..5 {
        assert_eq!(
            library.trapped(&digest, "shop").await,
            None,
            "one repository may be to blame"
        );
    }
    let judge = |world: &World| {
        world
            .runtime
            .snapshot()
            .judge("mine")
            .map(|g| g.digest.clone())
    };
    assert!(judge(&world).is_ok());
    let reason = library
        .trapped(&digest, "bank")
        .await
        .expect("it is to blame itself");
    assert!(reason.contains("bank and shop"), "{reason}");
    let why = judge(&world).expect_err("it judges nothing");
    assert!(
        why.contains("quarantine") && why.contains("orch gate release mine"),
        "{why}"
    );
    drop(library);
    let world = World {
        runtime: runtime(),
        ..world
    };
    let library = world.open().await;
    assert!(judge(&world).is_err(), "a restart lifts nothing");
    world.drop_file(&version(2));
    library.sync(Settle::Now).await;
    assert!(judge(&world).is_ok());
    library.rollback("mine", &digest).await.expect("it is kept");
    assert!(judge(&world).is_err(), "going back to it does not heal it");
    assert!(library.release("mine").await && judge(&world).is_ok());
}

#[tokio::test]
async fn damaged_image_is_compiled_again() {
    let world = World::new();
    let library = world.open().await;
    world.drop_file(&version(1));
    library.sync(Settle::Now).await;
    drop(library);
    for entry in std::fs::read_dir(world.path("state/aot")).expect("it is there") {
        let path = entry.expect("listed").path();
        if path.extension().is_some_and(|e| e == "cwasm") {
            let mut bytes = std::fs::read(&path).expect("read");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            std::fs::write(&path, bytes).expect("written");
        }
    }
    let world = World {
        runtime: runtime(),
        ..world
    };
    let _library = world.open().await;
    let gate = world
        .runtime
        .snapshot()
        .get("mine")
        .cloned()
        .expect("it serves");
    assert!(passes(
        &ask(&world.runtime, &gate, quick(), &limits()).await
    ));
}

#[tokio::test]
async fn file_of_a_reserved_name_must_be_that_gate() {
    let world = World::new();
    let library = world.open().await;
    std::fs::write(world.path("gates/security.wasm"), guest("pass")).expect("written");
    library.sync(Settle::Now).await;
    let registry = world.runtime.snapshot();
    let failure = registry.failure("security").expect("it is refused");
    assert!(
        matches!(&*failure.error, LoadError::Description(why) if why.contains("reserved")),
        "{}",
        failure.error
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn thousand_swaps_under_load_fail_no_evaluation_and_keep_no_memory() {
    let world = World::new();
    let library = world.open().await;
    let versions = [version(1), version(2)];
    world.drop_file(&versions[0]);
    library.sync(Settle::Now).await;
    let (stop, judged) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let load: Vec<_> = (0..2)
        .map(|_| {
            let (runtime, stop, judged) = (world.runtime.clone(), stop.clone(), judged.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let registry = runtime.snapshot();
                    let gate = registry.judge("mine").expect("there is always one").clone();
                    let done = ask(&runtime, &gate, quick(), &limits()).await;
                    assert!(passes(&done), "{:?}", done.result);
                    judged.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = text.split(' ').nth(1).and_then(|p| p.parse::<u64>().ok());
        pages.expect("the kernel counts it") * 4096
    };
    let mut before = 0;
    for swap in 1..=1_000 {
        let was = world.digest();
        world.drop_file(&versions[swap % 2]);
        library.sync(Settle::Now).await;
        assert_ne!(world.digest(), was, "swap {swap}: {}", world.why());
        if swap == 100 {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no evaluation failed");
    }
    assert!(
        judged.load(Ordering::Relaxed) >= 1_000,
        "the load was there"
    );
    assert!(
        grown <= 16 * 1024 * 1024,
        "900 swaps grew the host by {grown} bytes"
    );
}
