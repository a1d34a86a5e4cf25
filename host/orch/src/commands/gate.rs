//! Gates of the host: listed, ordered about; and what a gate file says of itself.

use std::path::Path;

use anyhow::Context;
use orch_gates::{CONTRACT, Limits};
use orch_views::conduct::CONDUCT;
use orch_views::gate::{
    self, EnableRequest, ImportView, InspectionView, LimitsView, RollbackRequest,
};
use orch_views::message::Nothing;

use crate::cli::args::Part;
use crate::cli::gate::Order;
use crate::client::Host;
use crate::setup::gate_runtime;
use crate::show::{self, print};

pub(crate) async fn list(host: &Host, part: Part, json: bool) -> anyhow::Result<()> {
    let gates = host.ask(&gate::LIST, [], &part.page()).await?;
    print(json, &gates, show::gate::list)
}

pub(crate) async fn stats(host: &Host, part: Part, json: bool) -> anyhow::Result<()> {
    let conduct = host.ask(&CONDUCT, [], &part.page()).await?;
    print(json, &conduct, show::conduct::page)
}

pub(crate) async fn order(host: &Host, order: Order, json: bool) -> anyhow::Result<()> {
    let done = match order {
        Order::Enable {
            name,
            stage,
            repo,
            mode,
            settings,
        } => {
            let settings = serde_json::from_str(&settings)
                .context("`--settings` must be a JSON object, such as '{\"limit\": 3}'")?;
            let request = EnableRequest {
                gate: name,
                stage,
                repo,
                mode,
                settings,
            };
            host.ask(&gate::ENABLE, [], &request).await?
        }
        Order::Rollback { name, digest } => {
            let request = RollbackRequest { digest };
            host.ask(&gate::ROLLBACK, [&name], &request).await?
        }
        Order::Release { name } => host.ask(&gate::RELEASE, [&name], &Nothing {}).await?,
        Order::Lock => host.ask(&gate::LOCK, [], &Nothing {}).await?,
    };
    print(json, &done, show::message::gate)
}

pub(crate) async fn inspect(file: &Path, json: bool) -> anyhow::Result<()> {
    let runtime = gate_runtime()?;
    let gate = runtime
        .load_file(file)
        .await
        .with_context(|| format!("gate file `{}` cannot be loaded", file.display()))?;
    let about = &gate.descriptor;
    let imports = gate.imports.iter().map(|import| ImportView {
        name: import.as_str().to_owned(),
        allows: import.in_words().to_owned(),
    });
    let view = InspectionView {
        file: file.display().to_string(),
        name: about.name.clone(),
        version: about.version.clone(),
        summary: about.summary.clone(),
        contract: CONTRACT.to_owned(),
        digest: gate.digest.clone(),
        size: gate.size,
        status_key: about.status_key.clone(),
        artefact: about.artefact.clone(),
        imports: imports.collect(),
        limits: limits(&Limits::default()),
        // Empty for a gate without settings.
        settings_schema: serde_json::from_str(&about.settings_schema).unwrap_or_default(),
    };
    print(json, &view, show::gate::inspection)
}

fn limits(limits: &Limits) -> LimitsView {
    LimitsView {
        memory_bytes: limits.memory_bytes,
        cpu_ms: limits.cpu_ms,
        wall_ms: limits.wall_ms,
        host_calls: limits.host_calls,
        read_bytes: limits.read_bytes,
        findings: limits.findings as u64,
    }
}
