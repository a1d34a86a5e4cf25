//! What does the cage cost: a start in it, bytes through its proxy, and the first byte of a model's answer?

mod answer;
mod bytes;
mod start;

use std::path::Path;

use orch_process::sandbox::{Confinement, Limits, Network, Surroundings, Toolchains, user_of};

use crate::page::Table;

/// Measures all of it.
pub(crate) async fn run(orch: &Path) -> anyhow::Result<Vec<Table>> {
    Ok(vec![
        start::run(orch)?,
        bytes::run(orch).await?,
        answer::run().await?,
    ])
}

/// The cage of an agent that works in `folder`, with the toolchains of this machine.
fn cage(folder: &Path, network: Network) -> anyhow::Result<Confinement> {
    let found = Toolchains::find(&Surroundings::own());
    let (tree, sockets) = (folder.join("tree"), folder.join("net"));
    std::fs::create_dir_all(&tree)?;
    std::fs::create_dir_all(&sockets)?;
    Ok(Confinement {
        read: found.read.into_keys().collect(),
        write: vec![tree],
        secrets: found.secrets,
        user: Some(user_of(folder)),
        network,
        proxy: (network == Network::Proxied).then_some(sockets),
        ..Confinement::nothing(Limits::of_agent())
    })
}
