//! What gates cost with us and with bare wasmtime, side by side in the same run: the parts that every
//! measurement uses. What is measured stands in the modules.

mod bare;
mod evaluate;
mod languages;
mod load;
mod swap;

use std::path::Path;
use std::sync::Arc;

use orch_domain::verdict::Decision;
use orch_gates::{GateRuntime, Grants, Limits, LoadedGate, Seed};

use crate::page::Table;
use crate::times::{histogram, ms, us};
use bare::Bare;

/// The no-op gate of the hostile corpus, and a host that answers at once.
#[path = "../../gates/tests/hostile/kit.rs"]
#[allow(dead_code, reason = "the benchmark needs a few of the kit's functions")]
mod kit;

/// What the gates of the templates look for, as both hosts answer it.
const NOTES: &str = "what I did\n";

/// Measures everything there is to know about gates; `orch` is the program.
pub(crate) async fn run(orch: &Path) -> anyhow::Result<Vec<Table>> {
    let mut tables = evaluate::run().await?;
    let scratch = tempfile::tempdir()?;
    let built = languages::build(orch, scratch.path())?;
    tables.push(languages::run(&built).await?);
    tables.push(load::run(orch, &built).await?);
    tables.push(swap::run(orch).await?);
    Ok(tables)
}

/// One gate on one of the two hosts.
enum Side {
    Ours {
        runtime: GateRuntime,
        gate: Arc<LoadedGate>,
        answers: Arc<kit::Answers>,
    },
    Bare(Bare),
}

impl Side {
    /// The gate of `bytes` on our host and on the bare one.
    async fn both(
        runtime: &GateRuntime,
        name: &str,
        bytes: &[u8],
    ) -> anyhow::Result<(Arc<Self>, Arc<Self>)> {
        let answers = kit::Answers {
            text: NOTES.to_owned(),
            ..kit::Answers::default()
        };
        let ours = Self::Ours {
            runtime: runtime.clone(),
            gate: runtime.load_bytes(name, bytes.to_vec()).await?,
            answers: Arc::new(answers),
        };
        let bare = Self::Bare(Bare::of(bytes)?);
        Ok((Arc::new(ours), Arc::new(bare)))
    }

    /// Evaluates once. A gate that does not pass is an error: then the two would not do the same work.
    async fn evaluate(&self, number: usize) -> anyhow::Result<()> {
        match self {
            Self::Bare(bare) => bare.evaluate().await,
            Self::Ours {
                runtime,
                gate,
                answers,
            } => {
                let seed = Seed {
                    evaluation: i64::try_from(number)?,
                    now_ms: 1,
                };
                let (grants, limits) = (Grants::reading(), Limits::default());
                let done = runtime
                    .evaluate(gate, answers.clone(), &grants, &limits, seed)
                    .await;
                let passes = done
                    .result
                    .as_ref()
                    .is_ok_and(|v| v.decision == Decision::Pass);
                anyhow::ensure!(passes, "{:?}", done.result);
                Ok(())
            }
        }
    }
}
