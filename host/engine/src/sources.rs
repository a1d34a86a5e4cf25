//! The local forge and tracker behind the ports of the domain: a bare repository, and tables of the store.

use orch_domain::id::{ObjectId, RepoName, UnixMs};
use orch_domain::source::{Forge, IssueMove, SourceError, Tips, Tracker};
use orch_store::Store;

use crate::ledger::repos::Repo;
use orch_config::LOCAL_CI_CONTEXT;

/// Where branches are listed.
const HEADS: &str = "refs/heads/";
/// Below it are the host's branches, and only these are asked for: a repository may have very many others.
const OURS: &str = "refs/heads/orch";

/// The forge of one repository that lies on this machine.
#[derive(Debug)]
pub(crate) struct LocalForge<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) store: &'a Store,
}

impl Forge for LocalForge<'_> {
    async fn tips(&self, repo: &RepoName) -> Result<Tips, SourceError> {
        let refs = self.repo.forge.refs(OURS).await;
        let refs = refs.map_err(|e| failed("repository", repo.as_str(), &e))?;
        let tips = refs.into_iter().filter_map(|entry| {
            let branch = entry.name.strip_prefix(HEADS)?.to_owned();
            Some((branch, entry.commit))
        });
        Ok(tips.collect())
    }

    async fn untested(
        &self,
        repo: &RepoName,
        heads: &[ObjectId],
        before_ms: UnixMs,
    ) -> Result<Vec<ObjectId>, SourceError> {
        let (name, heads) = (repo.clone(), heads.to_vec());
        let found = self.store.read(move |tx| {
            Box::pin(async move {
                let mut found = Vec::new();
                for head in heads {
                    let context = LOCAL_CI_CONTEXT;
                    if tx.is_untested(&name, &head, context, before_ms).await? {
                        found.push(head);
                    }
                }
                Ok(found)
            })
        });
        found
            .await
            .map_err(|e| failed("CI of repository", repo.as_str(), &e))
    }
}

/// The tracker in the store.
#[derive(Debug)]
pub(crate) struct LocalTracker<'a>(pub(crate) &'a Store);

impl Tracker for LocalTracker<'_> {
    async fn moves(&self, position: i64, most: u32) -> Result<Vec<IssueMove>, SourceError> {
        let moves = self
            .0
            .read(move |tx| Box::pin(tx.issue_moves(position, most)));
        moves.await.map_err(|e| failed("tracker", "local", &e))
    }
}

fn failed(what: &str, name: &str, error: &dyn std::error::Error) -> SourceError {
    let reason = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    SourceError(format!("{what} `{name}` does not answer: {error}{reason}"))
}
