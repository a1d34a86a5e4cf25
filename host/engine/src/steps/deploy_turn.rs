//! Whose turn is it to deploy? A repository is deployed to one place: one hook of it runs at a time, what is live already
//! is not put there again, and what was taken out of production does not come back by itself.

use orch_domain::artefact::{self, DEPLOY_LOG};
use orch_domain::id::{ObjectId, ReleaseId};
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::path::RepoPath;
use orch_domain::pipeline::HostWork;
use orch_domain::release::is_taken_out;
use orch_domain::transition::Event;
use orch_store::TaskRecord;

use super::deploy::{AHEAD_MS, DeployStep, Turn};
use super::docs_branch::publish_docs;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::releases::{self, Held};
use crate::ledger::repos::Repo;

impl DeployStep {
    /// Whether the hook may run now, and how the step ends without it if not.
    pub(super) async fn turn(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        landed: &ObjectId,
    ) -> anyhow::Result<Turn> {
        if let Some(live) = self.live_with(record, repo, landed).await? {
            let ending = self.superseded(record, repo, landed, &live).await?;
            return Ok(Turn::Not(ending));
        }
        let lifts = match self.held(record, repo, landed).await? {
            Ok(lifts) => lifts,
            Err(why) => {
                return Ok(Turn::Not(Ending::PutOff {
                    until_ms: self.ledger.now() + AHEAD_MS,
                    why: PutOff::new(PutOffKind::Held, why),
                    also: Vec::new(),
                }));
            }
        };
        // What takes a bad change out does not wait for those that wait because of it.
        if lifts.is_none() && self.has_others_ahead(record).await? {
            let ending = self.later("what landed with it below it is deployed");
            return Ok(Turn::Not(ending));
        }
        let under_way = self.deploy_under_way(record).await?;
        Ok(match under_way {
            Some(item) => Turn::Not(self.later(&format!("the deploy of {item} ends"))),
            None => Turn::Now { lifts },
        })
    }

    /// Whether deploys of the repository are held; why, or the rollback whose hold ends with this one.
    async fn held(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        landed: &ObjectId,
    ) -> anyhow::Result<Result<Option<ReleaseId>, String>> {
        let (name, now) = (record.task.repo.clone(), self.ledger.now());
        let held = self
            .ledger
            .read(move |tx| Box::pin(async move { releases::held(tx, &name, now).await }))
            .await?;
        Ok(match held {
            Held::No => Ok(None),
            Held::ByPerson(why) => Err(why),
            Held::PuttingBack => Err("production is put back".to_owned()),
            Held::RolledBack { id, bad, healthy } => {
                let paths = async |to| {
                    let delta = repo.mirror.delta(&healthy, to).await?;
                    let paths: Vec<RepoPath> = delta.into_iter().map(|one| one.path).collect();
                    Ok::<_, anyhow::Error>(paths)
                };
                if is_taken_out(&paths(&bad).await?, &paths(landed).await?) {
                    return Ok(Ok(Some(id)));
                }
                Err(format!(
                    "a revert of {bad}, which production was put back from: everything that it changed has to be again as \
                     it was in {healthy}; or `orch unpause deploy:{} --reason WHY`",
                    repo.name
                ))
            }
        })
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
        let live = self
            .ledger
            .read(move |tx| Box::pin(async move { tx.live_release(&name).await }))
            .await?;
        let Some(live) = live.filter(|live| live.task != record.task.id) else {
            return Ok(None);
        };
        let live = live.commit;
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
