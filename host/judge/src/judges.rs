//! Which gates are loaded now, and how are they asked?

use std::path::PathBuf;
use std::sync::Arc;

use orch_config::LiveConfig;
use orch_domain::verdict::Inconclusive;
use orch_gates::{
    CompileTimes, Compiler, GateRuntime, Library, LibraryConfig, LoadedGate, Registry,
    RuntimeConfig,
};

use crate::evaluate::{Answered, Case, evaluate};
use crate::rights::{Means, Outside};
use crate::tools::Workshop;

/// What judges are made from.
#[derive(Debug, Clone)]
pub struct JudgesSetup {
    /// The configuration in force: grants, tools, the feed of advisories.
    pub config: LiveConfig,
    /// What answers gates from the outside world.
    pub outside: Outside,
    /// Folder of the gates that came with the program, if any did.
    pub builtin: Option<PathBuf>,
    /// Folder of images and kept versions of gates.
    pub state: PathBuf,
    /// Folder in which tools get their scratch folders.
    pub scratch: PathBuf,
    /// The program that compiles gates and confines tools; normally this one.
    pub orch: PathBuf,
}

/// The gates, with what they are handed when they judge. Clones share them.
#[derive(Clone)]
pub struct Judges {
    runtime: GateRuntime,
    library: Arc<Library>,
    config: LiveConfig,
    means: Means,
}

impl std::fmt::Debug for Judges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judges").finish_non_exhaustive()
    }
}

impl Judges {
    /// Sets up the runtime and loads the gates of the gates folder.
    ///
    /// # Errors
    /// When the WebAssembly engine cannot be set up or the state folder cannot be used. Bad gate files are no error.
    pub async fn open(setup: JudgesSetup) -> anyhow::Result<Self> {
        let JudgesSetup {
            config,
            outside,
            builtin,
            state,
            scratch,
            orch,
        } = setup;
        let runtime = GateRuntime::new(RuntimeConfig::default())?;
        let now = config.now();
        if builtin.is_none() && !now.gates_dir().is_dir() {
            tracing::warn!(folder = %now.gates_dir().display(), "there is no gates folder; build gates with `cargo xtask gates`");
        }
        let library = Library::open(
            runtime.clone(),
            LibraryConfig {
                folder: now.gates_dir().to_owned(),
                builtin,
                state,
                lock: now.gates_lock().to_owned(),
                compiler: Compiler::Child(orch.clone()),
                times: CompileTimes::default(),
            },
        )
        .await?;
        Ok(Self {
            runtime,
            library: Arc::new(library),
            config,
            means: Means {
                workshop: Workshop {
                    orch,
                    folder: scratch,
                },
                outside,
            },
        })
    }

    /// The gates that are loaded now.
    pub fn gates(&self) -> Arc<Registry> {
        self.runtime.snapshot()
    }

    /// The versions of every gate, and what can be ordered about them.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Has a gate judge a case.
    pub async fn judge(&self, gate: &LoadedGate, case: Case<'_>) -> Answered {
        evaluate(&self.runtime, &self.means, &self.config.now(), gate, case).await
    }

    /// Problems with settings of a gate.
    ///
    /// # Errors
    /// If the gate does not answer.
    pub async fn check_settings(
        &self,
        gate: &LoadedGate,
        settings: &str,
    ) -> Result<Vec<String>, Inconclusive> {
        self.runtime.check_settings(gate, settings).await
    }
}
