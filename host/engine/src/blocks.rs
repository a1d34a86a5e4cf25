//! Blocks of the queue's view that belong to no mechanism's own file: the watch after a deploy, and security.

use serde_json::json;

use crate::wire::Engine;

/// Gate whose verdicts the block counts.
const SECURITY: &str = "security";
/// Verdicts that are counted, the latest first.
const VERDICTS: u32 = 200;

impl Engine {
    /// Which repositories are watched after a deploy, and how many landed commits are being watched now.
    pub(crate) async fn post_deploy_view(
        &self,
    ) -> Result<serde_json::Value, orch_store::StoreError> {
        let watching = self
            .0
            .ledger
            .read(|tx| Box::pin(tx.live_jobs_with("monitor:")))
            .await?;
        let config = self.config();
        let watched = config.repositories.iter();
        let watched: Vec<&String> = watched
            .filter(|(_, repo)| repo.post_deploy.is_some())
            .map(|(name, _)| name)
            .collect();
        Ok(json!({"enabled": !watched.is_empty(), "repositories": watched, "watching": watching}))
    }

    /// Where the security gate judges, and what it decided lately.
    pub(crate) async fn security_view(&self) -> Result<serde_json::Value, orch_store::StoreError> {
        let decisions = self
            .0
            .ledger
            .read(|tx| Box::pin(tx.decisions_of(SECURITY, VERDICTS)))
            .await?;
        let uses: serde_json::Map<_, _> = self
            .config()
            .uses_of(SECURITY)
            .into_iter()
            .map(|(repo, mode)| (repo, json!(mode)))
            .collect();
        let decisions: serde_json::Map<_, _> = decisions
            .into_iter()
            .map(|(decision, count)| (decision, json!(count)))
            .collect();
        Ok(json!({"enabled": !uses.is_empty(), "repositories": uses, "decisions": decisions}))
    }
}
