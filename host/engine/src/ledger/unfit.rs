//! What a repository asks for that the host does not do, so that it takes no task of it.

use orch_domain::id::ObjectId;
use orch_process::git::FilterRule;

use super::repos::Repo;

/// A repository whose base keeps files by Git LFS.
#[derive(Debug)]
pub(crate) struct Unfit {
    repo: String,
    base: String,
    rule: FilterRule,
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { repo, base, rule } = self;
        write!(
            f,
            "repository `{repo}` keeps files by Git LFS on `{base}` (`{}`: `{}`); the host runs no filters, so a changed \
             file would land itself in place of its pointer",
            rule.file, rule.line
        )
    }
}

impl Unfit {
    /// What makes the repository one that the host can work on.
    pub(crate) fn remedy(&self) -> String {
        let Self { repo, base, .. } = self;
        format!(
            "bring the files into the history and the rule out of `{base}` (`git lfs migrate export --include='*'`), or \
             take `repositories.{repo}` out of orch.yaml"
        )
    }
}

impl Repo {
    /// Why no task can begin on `base`, if none can.
    pub(crate) async fn unfit(&self, base: &ObjectId) -> anyhow::Result<Option<Unfit>> {
        let rule = self.mirror.uses_lfs(base).await?;
        Ok(rule.map(|rule| Unfit {
            repo: self.name.clone(),
            base: self.config.base.clone(),
            rule,
        }))
    }
}
