//! What one evaluation costs in each language that has a template: the same gate in Rust, JavaScript and
//! Python, with us and with bare wasmtime.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use orch_gates::{GateRuntime, RuntimeConfig};

use super::Side;
use super::evaluate::{alternate, quantiles};
use crate::page::Table;

/// The languages, and how often a gate of each is evaluated in a round: all take seconds, none a minute.
const LANGUAGES: [(&str, usize); 3] = [("rust", 1_000), ("javascript", 200), ("python", 100)];
/// Rounds, in turns with bare wasmtime.
const ROUNDS: usize = 4;

/// A gate that was built from a template.
pub(super) struct Built {
    language: &'static str,
    per_round: usize,
    /// The component.
    pub(super) file: PathBuf,
}

/// Begins a gate in every language and builds it, as an author does.
///
/// A language whose tools cannot be had is an error that names it: a page without it would look whole.
pub(super) fn build(orch: &Path, scratch: &Path) -> anyhow::Result<Vec<Built>> {
    let mut built = Vec::new();
    for (language, per_round) in LANGUAGES {
        let name = format!("notes-{language}");
        let folder = scratch.join(&name);
        let verb = |verb: &str| {
            let mut command = Command::new(orch);
            command.args(["gate", verb]).current_dir(scratch);
            command
        };
        order(verb("new").arg(&name).args(["--lang", language]), language)?;
        order(verb("build").arg(&folder), language)?;
        let file = folder.join(format!("{name}.wasm"));
        built.push(Built {
            language,
            per_round,
            file,
        });
    }
    Ok(built)
}

fn order(command: &mut Command, language: &str) -> anyhow::Result<()> {
    // The project has a target folder of its own; what it says on standard error is for the one who waits.
    command
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = command.status().context("`orch` cannot be started")?;
    anyhow::ensure!(
        status.success(),
        "the gate in {language} cannot be built ({status}); it needs the tools of {language}, and the network to fetch libraries"
    );
    Ok(())
}

/// Measures every gate of `built`.
pub(super) async fn run(built: &[Built]) -> anyhow::Result<Table> {
    let runtime = GateRuntime::new(RuntimeConfig::default())?;
    let mut rows = Vec::new();
    for gate in built {
        let bytes = std::fs::read(&gate.file)?;
        let (ours, bare) = Side::both(&runtime, gate.language, &bytes).await?;
        let (ours, bare) = alternate(&ours, &bare, ROUNDS, gate.per_round).await?;
        rows.push(quantiles(&[gate.language, "orch"], &ours));
        rows.push(quantiles(&[gate.language, "bare"], &bare));
    }
    let counts = built
        .iter()
        .map(|gate| format!("{} in {}", gate.per_round * ROUNDS, gate.language));
    Ok(Table {
        title: "Gates in three languages",
        note: format!(
            "The gate of the template in each language, built in this run by `orch gate new` and `orch gate build`: it reads its settings and the text of an artefact, counts words, writes a log line and passes. Evaluations of each kind, in {ROUNDS} alternating rounds: {}. `orch` and `bare` are as above; both answer from memory. A JavaScript or Python gate carries its interpreter, which the build has started already: an evaluation begins with a copy of that memory.",
            counts.collect::<Vec<_>>().join(", ")
        ),
        header: vec!["language", "path", "p50 µs", "p95 µs", "p99 µs"],
        rows,
    })
}
