//! The programs beside which the queue is measured. Each is a package with a lock file of its own in
//! `host/bench/peers`, and says what it measured in lines of a name, a tab and a number a second.

use std::path::{Path, PathBuf};

use orch_store::{Owner, Store};
use tokio::process::Command;

use super::Rates;
use crate::store::close;

/// Another queue, in one of its two settings.
pub(super) struct Peer {
    pub(super) name: &'static str,
    program: &'static str,
    setting: &'static str,
    /// Whether it can lose as little as the host.
    pub(super) is_durable: bool,
    /// As the program found it.
    pub(super) durability: String,
    pub(super) rates: Rates,
}

/// The peers that can be built beside the host.
pub(super) fn others() -> Vec<Peer> {
    let both = |name, program| {
        [("shipped", false), ("durable", true)].map(|(setting, is_durable)| Peer {
            name,
            program,
            setting,
            is_durable,
            durability: String::new(),
            rates: Rates::default(),
        })
    };
    [
        both("effectum 0.7.0", "effectum"),
        both("apalis-sqlite 1.0.0", "apalis"),
        both("azums 1.0.1", "azums"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Peer {
    /// Measures it once on a fresh database.
    pub(super) async fn round(&mut self) -> anyhow::Result<()> {
        let folder = tempfile::tempdir_in("target")?;
        for (what, said) in said(self.program, &[folder.path(), Path::new(self.setting)]).await? {
            match what.as_str() {
                "durability" => self.durability = said,
                _ => self.rates.note(&what, said.parse()?),
            }
        }
        Ok(())
    }
}

/// Measures bare SQLite once, on a database that the store has made.
pub(super) async fn floor_round(rates: &mut Rates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in("target")?;
    let path = folder.path().join("floor.db");
    close(Store::open(&path, Owner("bench".into())).await?).await?;
    for (what, per_second) in said("floor", &[&path]).await? {
        rates.note(&what, per_second.parse()?);
    }
    Ok(())
}

async fn said(name: &str, args: &[&Path]) -> anyhow::Result<Vec<(String, String)>> {
    let program = program(name)?;
    let done = Command::new(&program)
        .args(args)
        .kill_on_drop(true)
        .output()
        .await?;
    anyhow::ensure!(
        done.status.success(),
        "`{}` failed: {}",
        program.display(),
        String::from_utf8_lossy(&done.stderr)
    );
    let text = String::from_utf8(done.stdout)?;
    let lines = text.lines().map(|line| {
        let (what, said) = line
            .split_once('\t')
            .ok_or_else(|| anyhow::anyhow!("`{name}` said `{line}`"))?;
        Ok((what.to_owned(), said.to_owned()))
    });
    lines.collect()
}

/// Where `cargo xtask bench` builds it: beside the programs of the host.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2);
    let program = target
        .unwrap_or(Path::new("target"))
        .join(format!("peers/{name}/release/peer-{name}"));
    anyhow::ensure!(
        program.is_file(),
        "`{}` is not there; `cargo xtask bench` builds it",
        program.display()
    );
    Ok(program)
}
