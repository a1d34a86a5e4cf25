//! The person's own git, with the person's own settings: it reads their clones and speaks to their remotes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use orch_process::{Finished, Spec, resolve_program, run};

/// Longest clone.
const CLONE_MAX: Duration = Duration::from_secs(1800);

pub(super) async fn ask(folder: &Path, args: &[&str]) -> anyhow::Result<Finished> {
    let path = std::env::var("PATH").unwrap_or_default();
    let program = resolve_program(Path::new("git"), &path).context("git is needed")?;
    let mut spec = Spec::new(program, folder);
    spec.args = args.iter().map(|a| (*a).to_owned()).collect();
    // Nobody sits before this one: credentials come from helpers and agents, unknown hosts are refused.
    spec.env = orch_process::git::own_environment();
    spec.timeout = CLONE_MAX;
    Ok(run(&spec).await?)
}

/// Its answer, trimmed; none if it failed.
pub(super) async fn line(folder: &Path, args: &[&str]) -> anyhow::Result<Option<String>> {
    let done = ask(folder, args).await?;
    let text = done.stdout.text().trim().to_owned();
    Ok((done.success() && !text.is_empty()).then_some(text))
}

/// Runs it and demands success.
pub(super) async fn must(folder: &Path, args: &[&str], remedy: &str) -> anyhow::Result<()> {
    let done = ask(folder, args).await?;
    if done.success() {
        return Ok(());
    }
    bail!(
        "`git {}` failed: {}; {remedy}",
        args.join(" "),
        done.tail(1000).trim()
    );
}
