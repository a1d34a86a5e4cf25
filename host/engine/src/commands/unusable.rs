//! What helps where a repository's own configuration cannot be used?

use orch_config::REPO_FILE;

use super::error::CommandError;
use crate::ledger::repos::Repo;

/// The configuration that would apply to a repository cannot be used: what it says of itself, or the host's own word.
pub(super) fn unusable(repo: &Repo, error: &anyhow::Error) -> CommandError {
    let name = &repo.name;
    CommandError::conflict(format!("repository `{name}`: {error:#}")).with_remedy(format!(
        "mend `{REPO_FILE}` on `{}`, or set `repositories.{name}.orch_yaml` in orch.yaml, which stands in its place",
        repo.config.base
    ))
}
