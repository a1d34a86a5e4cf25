//! Compiles a component, in a bounded child process where the host does it: a component made to blow up the
//! compiler then takes a child with it and not the host.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::AsyncReadExt;
use wasmtime::Engine;

use crate::gate::{LoadError, first_line};
use crate::runtime::{GateRuntime, RuntimeConfig, engine_config};

/// Data segment of the compiler, bytes: address space that can be written.
const DATA_BYTES_MAX: u64 = 3 * 1024 * 1024 * 1024;
/// Size of what it may write, bytes.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// CPU time of the compiler, seconds; a Python gate of 18 MB takes about eight.
const CPU_S_MAX: u64 = 90;
/// Bytes kept of what it says.
const SAID_BYTES_MAX: u64 = 4096;

/// How components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process: for tools that load one file and end.
    InProcess,
    /// By `PROGRAM compile-gate IN OUT`, which ends in [`compile_child`].
    Child(PathBuf),
}

impl Compiler {
    /// Compiles the component in `from` to machine code in `to`; a child within `wall`.
    pub(crate) async fn compile(
        &self,
        runtime: &GateRuntime,
        wall: Duration,
        from: &Path,
        to: &Path,
    ) -> Result<(), LoadError> {
        match self {
            Self::InProcess => {
                let (engine, from, to) = (runtime.0.engine.clone(), from.to_owned(), to.to_owned());
                let work = move || compile_file(&engine, &from, &to);
                let done = tokio::task::spawn_blocking(work).await;
                done.map_err(|e| LoadError::NotComponent(e.to_string()))?
            }
            Self::Child(program) => in_child(program, wall, from, to).await,
        }
    }
}

fn compile_file(engine: &Engine, from: &Path, to: &Path) -> Result<(), LoadError> {
    let bytes = std::fs::read(from)?;
    let code = engine
        .precompile_component(&bytes)
        .map_err(|e| LoadError::NotComponent(first_line(&e)))?;
    std::fs::write(to, code)?;
    Ok(())
}

async fn in_child(program: &Path, wall: Duration, from: &Path, to: &Path) -> Result<(), LoadError> {
    orch_durable::point("spawn compiler: before");
    let mut child = tokio::process::Command::new(program)
        .arg("compile-gate")
        .args([from, to])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    orch_durable::point("spawn compiler: after");
    let mut said = Vec::new();
    let work = async {
        if let Some(pipe) = child.stderr.take() {
            pipe.take(SAID_BYTES_MAX).read_to_end(&mut said).await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(wall, work).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) if status.code() == Some(1) => {
            let said = String::from_utf8_lossy(&said);
            Err(LoadError::NotComponent(said.trim().to_owned()))
        }
        Ok(Ok(status)) => Err(LoadError::Compiler(format!("it ended with {status}"))),
        Ok(Err(error)) => Err(LoadError::Read(error)),
        Err(_) => {
            child.kill().await.ok();
            let seconds = wall.as_secs();
            Err(LoadError::Compiler(format!(
                "it took longer than {seconds} s"
            )))
        }
    }
}

/// The child's side: compiles under resource limits and answers its exit code, 1 for a component that cannot
/// be compiled; why stands on standard error.
pub fn compile_child(from: &Path, to: &Path) -> i32 {
    let limit = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Data, DATA_BYTES_MAX),
        (Resource::Fsize, FILE_BYTES_MAX),
        (Resource::Cpu, CPU_S_MAX),
    ] {
        if let Err(error) = setrlimit(resource, limit(most)) {
            eprintln!("the compiler could not be limited: {error}");
            return 2;
        }
    }
    // The very configuration of the host's engine: code of another one would not be taken.
    let engine = match Engine::new(&engine_config(&RuntimeConfig::default())) {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("{error:#}");
            return 2;
        }
    };
    match compile_file(&engine, from, to) {
        Ok(()) => 0,
        Err(LoadError::NotComponent(why)) => {
            eprintln!("{why}");
            1
        }
        Err(error) => {
            eprintln!("{error}");
            2
        }
    }
}
