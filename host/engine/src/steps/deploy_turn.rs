//! Whose turn is it to deploy? A repository is deployed to one place: one hook of it runs at a time, and what is live
//! already is not put there again.

use orch_domain::artefact::{self, DEPLOY_LOG};
use orch_domain::id::ObjectId;
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::pipeline::HostWork;
use orch_domain::transition::Event;
use orch_store::TaskRecord;

use super::deploy::{AHEAD_MS, DeployStep};
use super::docs_branch::publish_docs;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::repos::Repo;

impl DeployStep {
    /// How the step ends without its hook; none if the hook may run now.
    pub(super) async fn out_of_turn(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        landed: &ObjectId,
    ) -> anyhow::Result<Option<Ending>> {
        if let Some(live) = self.live_with(record, repo, landed).await? {
            let ending = self.superseded(record, repo, landed, &live).await?;
            return Ok(Some(ending));
        }
        let under_way = self.deploy_under_way(record).await?;
        Ok(under_way.map(|item| self.later(&format!("the deploy of {item} ends"))))
    }

    /// Looks again in a while.
    pub(super) fn later(&self, when: &str) -> Ending {
        Ending::PutOff {
            until_ms: self.ledger.now() + AHEAD_MS,
            why: PutOff::new(PutOffKind::Turn, when),
            also: Vec::new(),
        }
    }

    /// What production has that this commit is in already, brought there for another task: put there now, it would take
    /// out what landed after it.
    async fn live_with(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        landed: &ObjectId,
    ) -> anyhow::Result<Option<ObjectId>> {
        let name = record.task.repo.clone();
        let last = self
            .ledger
            .read(move |tx| Box::pin(async move { tx.deployed_last(&name).await }))
            .await?;
        let Some((_, live)) = last.filter(|(task, _)| *task != record.task.id) else {
            return Ok(None);
        };
        let is_in = repo.mirror.is_ancestor(landed, &live).await?;
        Ok(is_in.then_some(live))
    }

    /// Ends a deploy without its hook: what it would bring is live.
    async fn superseded(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        landed: &ObjectId,
        live: &ObjectId,
    ) -> anyhow::Result<Ending> {
        let content = format!(
            "---\ndeploy_status: SUPERSEDED\nwork_item: {}\ndeployed_by: host\nrevision: {landed}\nlive_revision: {live}\n---\n\n\
             # Deploy\n\nThe hook was not run: production has {live}, which this commit is in.\n",
            orch_frontmatter::render_scalar(record.task.work_item.as_str()),
        );
        let path = format!("{}/{DEPLOY_LOG}", artefact::folder(&record.task.work_item));
        publish_docs(self.ledger.now(), record, repo, landed, &path, &content).await?;
        tracing::info!(
            task.id = record.task.id.0,
            sha = %landed,
            actual = %live,
            "not deployed: what is live has it"
        );
        Ok(Ending::Event {
            event: Event::WorkDone {
                work: HostWork::Deploy,
                head: None,
            },
            also: vec![Write::HostArtefact {
                name: DEPLOY_LOG.to_owned(),
                content,
            }],
        })
    }

    /// Whose deploy to the same place is under way.
    async fn deploy_under_way(&self, record: &TaskRecord) -> anyhow::Result<Option<String>> {
        let (name, own) = (record.task.repo.clone(), record.task.id);
        let found = self
            .ledger
            .read(move |tx| Box::pin(async move { tx.deploy_under_way(&name, own).await }));
        Ok(found.await?)
    }
}
