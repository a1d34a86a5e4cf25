//! What it takes until a gate serves, with us and with bare wasmtime: compiled for the first time, and from
//! the image that the first time left.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use hdrhistogram::Histogram;
use orch_gates::{
    CompileTimes, Compiler, GateRuntime, Library, LibraryConfig, RuntimeConfig, Settle,
};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::bare::{engine_like_ours, plain};
use super::languages::Built;
use super::{histogram, ms};
use crate::page::Table;
use crate::times::record;

/// Compilations of each kind, in turns.
const COMPILED: usize = 3;
/// A file with more bytes than this brings an interpreter along and is compiled once: it takes seconds.
const COMPILED_ONCE: usize = 4 * 1024 * 1024;
/// Loads of each kind, in turns.
const LOADED: usize = 20;

/// A library of one gate at a time, in a folder of its own.
struct Shelf {
    scratch: tempfile::TempDir,
    runtime: GateRuntime,
    library: Library,
}

impl Shelf {
    async fn new(orch: &Path) -> anyhow::Result<Self> {
        let scratch = tempfile::tempdir()?;
        let at = |name: &str| scratch.path().join(name);
        std::fs::create_dir(at("gates"))?;
        let runtime = GateRuntime::new(RuntimeConfig::default())?;
        let config = LibraryConfig {
            folder: at("gates"),
            builtin: None,
            state: at("state"),
            lock: at("gates.lock"),
            compiler: Compiler::Child(orch.to_owned()),
            times: CompileTimes::default(),
        };
        let library = Library::open(runtime.clone(), config).await?;
        Ok(Self {
            scratch,
            runtime,
            library,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(format!("gates/{name}.wasm"))
    }

    /// Takes the gate out, so that the next look finds a file that is new.
    async fn take_out(&self, name: &str) -> anyhow::Result<()> {
        std::fs::remove_file(self.file(name))?;
        self.library.sync(Settle::Now).await;
        anyhow::ensure!(
            self.runtime.snapshot().get(name).is_none(),
            "`{name}` stays"
        );
        Ok(())
    }

    /// Lays the gate in and has the library look; it serves afterwards.
    async fn put_in(
        &self,
        name: &str,
        bytes: &[u8],
        took: &mut Histogram<u64>,
    ) -> anyhow::Result<()> {
        std::fs::write(self.file(name), bytes)?;
        let begun = Instant::now();
        self.library.sync(Settle::Now).await;
        record(took, begun)?;
        let registry = self.runtime.snapshot();
        if let Some(failure) = registry.failure(name) {
            anyhow::bail!("`{name}` is not loaded: {}", failure.error);
        }
        anyhow::ensure!(registry.get(name).is_some(), "`{name}` is not loaded");
        Ok(())
    }

    /// Forgets what was compiled and kept.
    fn forget(&self) -> anyhow::Result<()> {
        for folder in ["state/aot", "state/versions"] {
            for entry in std::fs::read_dir(self.scratch.path().join(folder))? {
                std::fs::remove_file(entry?.path())?;
            }
        }
        Ok(())
    }

    /// The one image that is kept.
    fn image(&self) -> anyhow::Result<PathBuf> {
        for entry in std::fs::read_dir(self.scratch.path().join("state/aot"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "cwasm") {
                return Ok(path);
            }
        }
        anyhow::bail!("the library kept no image")
    }
}

/// What one gate takes.
struct Took {
    host: Histogram<u64>,
    in_process: Histogram<u64>,
    bare: Histogram<u64>,
    load: Histogram<u64>,
    bare_read: Histogram<u64>,
    bare_mapped: Histogram<u64>,
}

/// Measures the first-party gates and those of the templates.
pub(super) async fn run(orch: &Path, built: &[Built]) -> anyhow::Result<Table> {
    let shelf = Shelf::new(orch).await?;
    let engine = engine_like_ours()?;
    let mut rows = Vec::new();
    let own = first_party()?;
    for file in own.iter().chain(built.iter().map(|gate| &gate.file)) {
        rows.push(one(&shelf, &engine, file).await?);
    }
    Ok(Table {
        title: "Loading gates",
        note: format!(
            "Until a gate serves, milliseconds, each the median of {COMPILED} compilations or {LOADED} loads in turns; files above {} MiB are compiled once. Every engine has the same settings: bare wasmtime takes the very image that our compiler wrote. `compile, host` is what a host does with a new file: read and hash it, keep it, compile it in a bounded child process, hash and keep the image, and then the whole of `load, orch`. `compile, in process` is what `orch gate check` does: hash, compile, check the imports, link, ask for the description. `compile, bare` is `Component::from_binary` and no more. `load, orch` is a host that finds a file whose image it kept: read and hash the file, read and hash the image, deserialise it, check the imports, link, ask for the description and check its schema, publish, write down what serves. `load, bare` reads the image and calls `Component::deserialize`, with no hash and no instance; `load, mapped` is `Component::deserialize_file`, which leaves most of the reading for later. The last {} are those of the templates.",
            COMPILED_ONCE / 1024 / 1024,
            built.len()
        ),
        header: vec![
            "gate",
            "wasm KiB",
            "image KiB",
            "compile, host",
            "compile, in process",
            "compile, bare",
            "load, orch",
            "load, bare",
            "load, mapped",
        ],
        rows,
    })
}

/// Files of the gates that come with the host.
fn first_party() -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir("gates").context("`gates`")? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    anyhow::ensure!(
        !files.is_empty(),
        "no gate is built; run `cargo xtask gates`"
    );
    Ok(files)
}

async fn one(shelf: &Shelf, engine: &Engine, file: &Path) -> anyhow::Result<Vec<String>> {
    let name = file
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let bytes = std::fs::read(file)?;
    let mut took = Took {
        host: histogram(),
        in_process: histogram(),
        bare: histogram(),
        load: histogram(),
        bare_read: histogram(),
        bare_mapped: histogram(),
    };
    let times = match bytes.len() > COMPILED_ONCE {
        true => 1,
        false => COMPILED,
    };
    for _ in 0..times {
        shelf.forget()?;
        shelf.put_in(&name, &bytes, &mut took.host).await?;
        shelf.take_out(&name).await?;
        compile(shelf, engine, &name, &bytes, &mut took).await?;
    }
    let image = shelf.image()?;
    for _ in 0..LOADED {
        shelf.put_in(&name, &bytes, &mut took.load).await?;
        shelf.take_out(&name).await?;
        load(engine, &image, &mut took)?;
    }
    let kib = |bytes: u64| format!("{:.0}", bytes as f64 / 1024.0);
    let mut row = vec![
        name,
        kib(bytes.len() as u64),
        kib(std::fs::metadata(&image)?.len()),
    ];
    let times = [
        took.host,
        took.in_process,
        took.bare,
        took.load,
        took.bare_read,
        took.bare_mapped,
    ];
    row.extend(times.iter().map(|times| ms(times, 0.5)));
    Ok(row)
}

/// Compiles once in this process as we do, and once bare.
async fn compile(
    shelf: &Shelf,
    engine: &Engine,
    name: &str,
    bytes: &[u8],
    took: &mut Took,
) -> anyhow::Result<()> {
    let content = bytes.to_vec();
    let begun = Instant::now();
    let gate = shelf.runtime.load_bytes(name, content).await?;
    record(&mut took.in_process, begun)?;
    drop(gate);
    let begun = Instant::now();
    let component = Component::from_binary(engine, bytes).map_err(plain)?;
    record(&mut took.bare, begun)?;
    drop(component);
    Ok(())
}

/// Loads the image bare, in both ways.
fn load(engine: &Engine, image: &Path, took: &mut Took) -> anyhow::Result<()> {
    let begun = Instant::now();
    let content = std::fs::read(image)?;
    // SAFETY: our own compiler wrote the image, a moment ago, in a folder that only this user can write.
    #[expect(unsafe_code, reason = "loading compiled code has no safe form")]
    let component = unsafe { Component::deserialize(engine, content) }.map_err(plain)?;
    record(&mut took.bare_read, begun)?;
    drop(component);
    let begun = Instant::now();
    // SAFETY: as above; nobody writes to the file while it is mapped.
    #[expect(unsafe_code, reason = "loading compiled code has no safe form")]
    let component = unsafe { Component::deserialize_file(engine, image) }.map_err(plain)?;
    record(&mut took.bare_mapped, begun)?;
    drop(component);
    Ok(())
}
