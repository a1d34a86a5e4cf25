//! How long it takes until a file that was dropped into the gates folder judges.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use orch_gates::{CompileTimes, Compiler, GateRuntime, Library, LibraryConfig, RuntimeConfig};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::bare::{engine_like_ours, plain};
use super::{histogram, ms};
use crate::page::Table;

/// Swaps of each kind.
const SWAPS: u32 = 30;
/// The gate that is swapped: one of the middle size.
const GATE: &str = "review";
/// How often the library looks at its folder. The drops are spread over it: each drop follows the swap before,
/// and without that all of them would meet the looks at the same moment.
const LOOK: Duration = Duration::from_millis(250);
/// How often this benchmark asks which version serves.
const ASK: Duration = Duration::from_millis(1);
/// When a swap counts as lost.
const LOST: Duration = Duration::from_secs(30);

/// A gates folder with a host's library on it.
struct Folder {
    scratch: tempfile::TempDir,
    runtime: GateRuntime,
    original: Vec<u8>,
}

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let scratch = tempfile::tempdir()?;
        std::fs::create_dir(scratch.path().join("gates"))?;
        let file = format!("gates/{GATE}.wasm");
        let original = std::fs::read(&file).with_context(|| format!("`{file}`"))?;
        std::fs::copy(&file, scratch.path().join(&file))?;
        let runtime = GateRuntime::new(RuntimeConfig::default())?;
        Ok(Self {
            scratch,
            runtime,
            original,
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Another file of the same gate: a custom section at its end changes the digest and nothing else.
    fn version(&self, number: u32) -> Vec<u8> {
        let mut bytes = self.original.clone();
        let number = number.to_le_bytes();
        // Id, size of what follows, size of the name, the name, the content.
        bytes.extend([0, 2 + number.len() as u8, 1, b'v']);
        bytes.extend(number);
        bytes
    }

    fn digest(&self) -> String {
        let registry = self.runtime.snapshot();
        registry
            .get(GATE)
            .map(|gate| gate.digest.clone())
            .unwrap_or_default()
    }

    /// Drops `bytes` by a rename, `wait` after the last swap, and waits until another version serves.
    async fn swap(
        &self,
        bytes: &[u8],
        wait: Duration,
        took: &mut Histogram<u64>,
    ) -> anyhow::Result<()> {
        tokio::time::sleep(wait).await;
        let before = self.digest();
        std::fs::write(self.at("fresh"), bytes)?;
        let begun = Instant::now();
        std::fs::rename(self.at("fresh"), self.at(&format!("gates/{GATE}.wasm")))?;
        while self.digest() == before {
            if let Some(failure) = self.runtime.snapshot().failure(GATE) {
                anyhow::bail!("the new version is not loaded: {}", failure.error);
            }
            anyhow::ensure!(begun.elapsed() < LOST, "the new version never served");
            tokio::time::sleep(ASK).await;
        }
        took.record(u64::try_from(begun.elapsed().as_nanos())?)?;
        Ok(())
    }
}

/// What was measured.
struct Took {
    fresh: Histogram<u64>,
    bare_fresh: Histogram<u64>,
    kept: Histogram<u64>,
    bare_kept: Histogram<u64>,
}

/// Measures swaps to new versions and back to kept ones.
pub(super) async fn run(orch: &Path) -> anyhow::Result<Table> {
    let folder = Folder::new()?;
    let config = LibraryConfig {
        folder: folder.at("gates"),
        builtin: None,
        state: folder.at("state"),
        lock: folder.at("gates.lock"),
        compiler: Compiler::Child(orch.to_owned()),
        times: CompileTimes::default(),
    };
    let library = Library::open(folder.runtime.clone(), config).await?;
    let took = tokio::select! {
        () = library.watch() => anyhow::bail!("the library stopped looking"),
        took = swaps(&folder) => took?,
    };
    let row = |what: &str, path: &str, times: &Histogram<u64>| {
        let (p50, p95) = (ms(times, 0.5), ms(times, 0.95));
        vec![what.to_owned(), path.to_owned(), p50, p95]
    };
    Ok(Table {
        title: "Swapping a gate",
        note: format!(
            "From the rename that replaces the file of `{GATE}` until the library serves the new digest, {SWAPS} swaps of each kind, milliseconds. The library looks at its folder every {} ms and reads a file when two looks in a row found it the same, so between one and two of these periods are in every number of `orch`; the drops are spread evenly over a period. A `new` version is compiled in a child process; a `kept` one served before, so its image is there. Bare wasmtime watches nothing: `bare` is `Component::from_binary` and, for a kept version, `Component::deserialize`, of the same bytes from memory. Evaluations go on with the old version all the while.",
            LOOK.as_millis()
        ),
        header: vec!["version", "path", "p50 ms", "p95 ms"],
        rows: vec![
            row("new", "orch", &took.fresh),
            row("new", "bare", &took.bare_fresh),
            row("kept", "orch", &took.kept),
            row("kept", "bare", &took.bare_kept),
        ],
    })
}

async fn swaps(folder: &Folder) -> anyhow::Result<Took> {
    let engine = engine_like_ours()?;
    let mut took = Took {
        fresh: histogram(),
        bare_fresh: histogram(),
        kept: histogram(),
        bare_kept: histogram(),
    };
    let phase = |number: u32| LOOK * number / SWAPS;
    for number in 0..SWAPS {
        let bytes = folder.version(number);
        folder.swap(&bytes, phase(number), &mut took.fresh).await?;
        let begun = Instant::now();
        let component = Component::from_binary(&engine, &bytes).map_err(plain)?;
        took.bare_fresh
            .record(u64::try_from(begun.elapsed().as_nanos())?)?;
        drop(component);
    }
    // The last two in turns: both are kept.
    let mut two = Vec::new();
    for number in [SWAPS - 2, SWAPS - 1] {
        let bytes = folder.version(number);
        let image = engine.precompile_component(&bytes).map_err(plain)?;
        two.push((bytes, image));
    }
    for (number, (bytes, image)) in (0..SWAPS).zip(two.iter().cycle()) {
        folder.swap(bytes, phase(number), &mut took.kept).await?;
        bare_load(&engine, image, &mut took.bare_kept)?;
    }
    Ok(took)
}

fn bare_load(engine: &Engine, image: &[u8], took: &mut Histogram<u64>) -> anyhow::Result<()> {
    let begun = Instant::now();
    // SAFETY: wasmtime itself made the image, in this process.
    #[expect(unsafe_code, reason = "loading compiled code has no safe form")]
    let component = unsafe { Component::deserialize(engine, image) }.map_err(plain)?;
    took.record(u64::try_from(begun.elapsed().as_nanos())?)?;
    drop(component);
    Ok(())
}
